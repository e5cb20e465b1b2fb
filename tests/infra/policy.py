"""The rules of checkov, a linter of infrastructure, over what is deployed.

It reads each snapshot as one flat template: of Bicep it knows no types of one's own, and then checks nothing. It runs
in an environment of its own: its pins clash with ours.
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infra.snapshots import Snapshot
from tests.support.patience import PATIENCE_S
from tests.support.project import ROOT

PYTHON = ROOT / ".venv-checkov" / "bin" / "python"
# Not the command: that loads the rules of every language first, which takes as long again.
_READ_A_FOLDER = """
import json, sys
from checkov.arm.runner import Runner
from checkov.runner_filter import RunnerFilter
report = Runner().run(sys.argv[1], runner_filter=RunnerFilter(framework=["arm"]))
json.dump(report.get_dict(is_quiet=True), sys.stdout)
"""

SWITCHED_OFF: Mapping[str, str] = {
    "CKV_AZURE_13": "the app has no HTTP trigger, so nobody signs in to it",
    "CKV_AZURE_17": "the app has no HTTP trigger, so no client brings a certificate",
    "CKV_AZURE_18": "the app has no HTTP trigger",
    "CKV_AZURE_35": "an app without a virtual network has no fixed address; with useVirtualNetwork the rule is Deny",
    "CKV_AZURE_59": "the same: with useVirtualNetwork public access is disabled",
    "CKV_AZURE_63": "the app has no HTTP trigger; its logs go to Application Insights",
    "CKV_AZURE_65": "the app has no HTTP trigger, so there are no error pages",
    "CKV_AZURE_66": "the app has no HTTP trigger, so there are no requests to trace",
    "CKV_AZURE_67": "the app has no HTTP trigger",
    "CKV_AZURE_78": "Flex Consumption has no FTP, and no setting for it",
    "CKV_AZURE_80": "the app is written in Python",
    "CKV_AZURE_88": "Flex Consumption takes its package from a blob container",
    "CKV_AZURE_206": "zones hold what one region needs; whoever wants another region sets STORAGE_REDUNDANCY",
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


def run(snapshots: Mapping[str, Snapshot]) -> Any:
    """What the linter reports of what is deployed, by name; or why it reports nothing, as a text."""
    if not PYTHON.is_file():
        return f"{PYTHON} is not there; `make test` installs it"
    with tempfile.TemporaryDirectory() as folder:
        for name, snapshot in snapshots.items():
            (Path(folder) / f"{name}.json").write_text(json.dumps(_template(snapshot)), encoding="utf-8")
        command = [str(PYTHON), "-c", _READ_A_FOLDER, folder]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    try:
        return json.loads(ended.stdout)
    except ValueError:
        return f"checkov has no result: {ended.stderr[-500:] or ended.stdout[-500:]}"


def _template(snapshot: Snapshot) -> Mapping[str, Any]:
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    resources = [resource.body for resource in snapshot.resources]
    return {"$schema": schema, "contentVersion": "1.0.0.0", "resources": resources}


def judged(report: Any, snapshots: Mapping[str, Snapshot]) -> Verdict:
    """The verdict on these snapshots. It is broken if the report has not read each resource of them."""
    if isinstance(report, str):
        return Verdict((), frozenset(), report)
    resources = sum(len(snapshot.resources) for snapshot in snapshots.values())
    summary = report.get("summary", report)
    if summary.get("parsing_errors", 0) or not summary.get("passed") or summary.get("resource_count", 0) < resources:
        return Verdict((), frozenset(), f"checkov has not read all {resources} resources: {summary}")
    failures = report["results"]["failed_checks"]
    counted = [failure for failure in failures if failure["check_id"] not in SWITCHED_OFF]
    told = [
        f"{each['file_path'].lstrip('/')}: {each['resource']}: {each['check_id']} {each['check_name']}"
        for each in counted
    ]
    return Verdict(tuple(told), frozenset(failure["check_id"] for failure in failures) & SWITCHED_OFF.keys(), "")
