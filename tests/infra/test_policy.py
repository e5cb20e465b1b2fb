"""A linter of infrastructure finds nothing, but what is switched off for a reason; and it has looked at everything."""

from pathlib import Path

from tests.infra.policy import SWITCHED_OFF, lint
from tests.infra.templates import ROOT, change, copied


def test_the_linter_reads_every_file_finds_nothing_and_no_rule_is_switched_off_without_need() -> None:
    verdict = lint(ROOT / "infra")
    assert verdict.broken == ""
    assert verdict.failed == ()
    assert verdict.switched_off == SWITCHED_OFF.keys()


def test_the_linter_finds_a_storage_account_with_public_blobs(tmp_path: Path) -> None:
    root = copied(tmp_path)
    change(root / "infra" / "storage.bicep", "allowBlobPublicAccess: false", "allowBlobPublicAccess: true")
    change(root / "infra" / "storage.bicep", "minimumTlsVersion: 'TLS1_2'", "minimumTlsVersion: 'TLS1_0'")
    verdict = lint(root / "infra")
    assert [told for told in verdict.failed if "storage.bicep" in told and "TLS" in told]


def test_a_file_that_the_linter_cannot_read_fails_the_check(tmp_path: Path) -> None:
    folder = copied(tmp_path) / "infra"
    (folder / "storage.bicep").write_text("resource x 'a@b' = {\n", encoding="utf-8")
    assert "could not read every file" in lint(folder).broken
