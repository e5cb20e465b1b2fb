"""A linter of infrastructure finds nothing, but what is switched off for a reason; and it has looked at everything."""

import pytest

from tests.infra.policy import SWITCHED_OFF, judged, run
from tests.infra.snapshots import DEFAULT, NETWORK, Snapshot, read_snapshot


@pytest.mark.long(15)
def test_the_linter_finds_the_one_mistake_and_what_it_cannot_read_and_no_rule_is_switched_off_without_need() -> None:
    """A storage account that takes old TLS, and a template that is none, beside what is deployed: a run of the linter
    takes seconds."""
    mistaken = read_snapshot(DEFAULT).changed(
        lambda each: next(body for body in each.values() if body["type"] == "Microsoft.Storage/storageAccounts")[
            "properties"
        ].update(minimumTlsVersion="TLS1_0")
    )
    readable = {**{name: read_snapshot(name) for name in (DEFAULT, NETWORK)}, "mistaken": mistaken}
    all_of_them = {**readable, "broken": Snapshot({"predictedResources": [{"type": "x"}, "no resource"]})}
    report = run(all_of_them)
    assert "has not read all" in judged(report, all_of_them).broken
    verdict = judged(report, readable)
    assert verdict.broken == ""
    (told,) = verdict.failed
    assert told.startswith("mistaken.json: Microsoft.Storage/storageAccounts")
    assert "TLS" in told
    assert verdict.switched_off == SWITCHED_OFF.keys()


@pytest.mark.parametrize(("errors", "missing", "counts"), [(0, 0, True), (1, 0, False), (0, 1, False)])
def test_a_report_counts_only_if_every_file_and_every_resource_was_read(
    errors: int, missing: int, counts: bool
) -> None:
    deployed = {DEFAULT: read_snapshot(DEFAULT)}
    resources = len(deployed[DEFAULT].resources) - missing
    summary = {"passed": 1, "failed": 0, "parsing_errors": errors, "resource_count": resources}
    verdict = judged({"summary": summary, "results": {"failed_checks": []}}, deployed)
    assert (verdict.broken == "") is counts
