"""The judge of pip-audit's report, on seeded reports."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".github" / "scripts" / "audit.py"
REQUIREMENTS = """\
azure-core==1.41.0 \\
    --hash=sha256:00
Typing_Extensions==4.15.0 ; python_version >= '3.11' \\
    --hash=sha256:11
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:22
    # via azure-core
"""
CLEAN: dict[str, Any] = {"name": "azure-core", "version": "1.41.0", "vulns": []}
OTHER: dict[str, Any] = {"name": "typing-extensions", "version": "4.15.0", "vulns": []}


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit = _load()


def _run(tmp_path: Path, *dependencies: dict[str, Any]) -> int:
    report, requirements = tmp_path / "audit.json", tmp_path / "requirements.txt"
    report.write_text(json.dumps({"dependencies": list(dependencies), "fixes": []}), encoding="utf-8")
    requirements.write_text(REQUIREMENTS, encoding="utf-8")
    result: int = audit.main([str(report), str(requirements)])
    return result


def test_a_report_in_which_every_pinned_package_was_audited_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path, CLEAN, OTHER) == 0
    assert "2 pinned packages" in capsys.readouterr().out


def test_a_skipped_package_fails_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skipped = {"name": "azure-core", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    assert _run(tmp_path, skipped, OTHER) == 1
    assert "azure-core was not audited: Dependency not found on PyPI" in capsys.readouterr().out


def test_a_vulnerable_package_fails_with_the_version_that_fixes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vulnerable = {**CLEAN, "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.41.1"]}]}
    assert _run(tmp_path, vulnerable, OTHER) == 1
    assert "azure-core 1.41.0 has PYSEC-2026-1; fixed in 1.41.1" in capsys.readouterr().out


def test_a_pinned_package_that_the_report_leaves_out_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path, CLEAN) == 1
    assert "typing-extensions is pinned and not in the report" in capsys.readouterr().out


def test_a_package_without_a_verdict_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path, {"name": "azure-core", "version": "1.41.0"}, OTHER) == 1
    assert "azure-core 1.41.0 was not audited" in capsys.readouterr().out


def test_a_report_without_packages_fails(tmp_path: Path) -> None:
    assert _run(tmp_path) == 1


def test_a_missing_report_fails_and_says_how_to_get_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([str(tmp_path / "audit.json"), str(ROOT / "requirements.txt")]) == 1
    assert "run pip-audit" in capsys.readouterr().err


def test_only_packages_of_this_platform_have_to_be_audited() -> None:
    assert audit.pinned_names(REQUIREMENTS, {"sys_platform": "linux"}) == {"azure-core", "typing-extensions"}
    assert "colorama" in audit.pinned_names(REQUIREMENTS, {"sys_platform": "win32"})


def test_every_pin_of_our_own_files_is_found() -> None:
    for file in (ROOT / "requirements.txt", *sorted((ROOT / "requirements").glob("*.txt"))):
        text = file.read_text(encoding="utf-8")
        pins = {re.split(r"\[|==", line)[0] for line in text.splitlines() if re.match(r"[A-Za-z0-9].*==", line)}
        found = audit.pinned_names(text, {"sys_platform": "linux", "platform_python_implementation": "CPython"})
        markers = {re.split(r"\[|==", line)[0] for line in text.splitlines() if re.match(r"[A-Za-z0-9].*==.* ; ", line)}
        assert pins - markers <= found <= pins
        assert len(found) > 0
