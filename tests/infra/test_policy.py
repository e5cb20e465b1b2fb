"""A linter of infrastructure finds nothing, but what is switched off for a reason; and it has looked at everything."""

from tests.infra.policy import SWITCHED_OFF, lint
from tests.infra.snapshots import DEFAULT, NETWORK, Snapshot, read_snapshot


def test_the_linter_reads_everything_finds_nothing_and_no_rule_is_switched_off_without_need() -> None:
    verdict = lint({name: read_snapshot(name) for name in (DEFAULT, NETWORK)})
    assert verdict.broken == ""
    assert verdict.failed == ()
    assert verdict.switched_off == SWITCHED_OFF.keys()


def test_the_linter_finds_a_storage_account_that_takes_old_tls() -> None:
    mistaken = read_snapshot(DEFAULT).changed(
        lambda of: next(body for body in of.values() if body["type"] == "Microsoft.Storage/storageAccounts")[
            "properties"
        ].update(minimumTlsVersion="TLS1_0")
    )
    verdict = lint({"mistaken": mistaken})
    assert [told for told in verdict.failed if "Microsoft.Storage/storageAccounts" in told and "TLS" in told]


def test_what_the_linter_cannot_read_fails_the_check() -> None:
    broken = Snapshot({"predictedResources": [{"type": "x"}, "no resource"]})
    assert lint({"broken": broken}).broken
