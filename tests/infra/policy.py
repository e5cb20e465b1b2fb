"""The rules of checkov, a linter of infrastructure. It runs in an environment of its own: its pins clash with ours."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infra.templates import ROOT
from tests.support.patience import PATIENCE_S

CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"

SWITCHED_OFF: Mapping[str, str] = {
    "CKV_AZURE_13": "the app has no HTTP trigger, so nobody signs in to it",
    "CKV_AZURE_17": "the app has no HTTP trigger, so no client brings a certificate",
    "CKV_AZURE_18": "the app has no HTTP trigger",
    "CKV_AZURE_35": "an app without a virtual network has no fixed address; with useVirtualNetwork the rule is Deny",
    "CKV_AZURE_43": "the linter cannot work the name out; the checks of types hold it to Azure's pattern",
    "CKV_AZURE_63": "the app has no HTTP trigger; its logs go to Application Insights",
    "CKV_AZURE_65": "the app has no HTTP trigger, so there are no error pages",
    "CKV_AZURE_66": "the app has no HTTP trigger, so there are no requests to trace",
    "CKV_AZURE_67": "the app has no HTTP trigger",
    "CKV_AZURE_80": "the app is written in Python",
    "CKV_AZURE_88": "Flex Consumption takes its package from a blob container",
    "CKV_AZURE_206": "the linter cannot work the parameter out; storageRedundancy is zone-redundant by default",
    "CKV_AZURE_212": "Flex Consumption starts instances as messages come; a lost instance loses no work",
    "CKV_AZURE_213": "Flex Consumption has no health check; the alert on missing pulls stands for it",
    "CKV_AZURE_222": "azd publishes to the app's deployment address; the app itself has no HTTP trigger",
    "CKV_AZURE_225": "a zone that is lost delays work and loses none; whoever needs more sets zoneRedundant",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the linter found. `broken` says why its result counts for nothing, empty when it counts."""

    failed: tuple[str, ...]
    switched_off: frozenset[str]
    broken: str


def lint(folder: Path) -> Verdict:
    """Run the linter over the templates of a folder."""
    if not CHECKOV.is_file():
        return Verdict((), frozenset(), f"{CHECKOV} is not there; `make test` installs it")
    command = [str(CHECKOV), "-d", str(folder), "--framework", "bicep", "--skip-download", "-o", "json", "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    try:
        report = json.loads(ended.stdout)
    except ValueError:
        return Verdict((), frozenset(), f"checkov has no result: {ended.stderr[-500:] or ended.stdout[-500:]}")
    return _verdict(report)


def _verdict(report: Any) -> Verdict:
    summary = report.get("summary", report)
    if summary.get("parsing_errors", 0) or not summary.get("passed"):
        return Verdict((), frozenset(), f"checkov could not read every file, and then checks nothing: {summary}")
    failures = report["results"]["failed_checks"]
    counted = [of for of in failures if of["check_id"] not in SWITCHED_OFF]
    told = [f"{of['file_path'].lstrip('/')}: {of['resource']}: {of['check_id']} {of['check_name']}" for of in counted]
    return Verdict(tuple(told), frozenset(of["check_id"] for of in failures) & SWITCHED_OFF.keys(), "")
