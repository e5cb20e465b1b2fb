"""What is deployed runs by itself: the unpacked package, with its own requirements and nothing else."""

import json
import os
import shutil
import subprocess
import sysconfig
import zipfile
from pathlib import Path

import pytest

from local.azurite import Azurite
from shared.flows.invoices import INVOICES
from shared.flows.ordersback import ORDERSBACK
from shared.flows.registry import FLOWS
from shared.settings import schedules
from shared.state.storage.account import Account, Storage
from tests.e2e.packaging import write_package
from tests.support.patience import PATIENCE_S
from tests.support.project import ROOT

# The environment that make fills with requirements.txt and nothing else.
_PYTHON = ROOT / ".venv-app" / "bin" / "python"
_HOST_BESIDE = ("command_line", "console", "loopback", "space")
_HOST_NEEDS = ("cronsim", "azure/storage/blob")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The unpacked zip."""
    with zipfile.ZipFile(write_package(tmp_path / "package.zip")) as archive:
        archive.extractall(tmp_path / "wwwroot")
    return tmp_path / "wwwroot"


def host_alone(folder: Path) -> Path:
    """A folder with the local host and what it needs for itself: in Azure the host is no part of the app either."""
    shutil.copytree(ROOT / "local" / "host", folder / "local" / "host")
    for module in ("__init__", *_HOST_BESIDE):
        shutil.copy(ROOT / "local" / f"{module}.py", folder / "local")
    installed = Path(sysconfig.get_paths()["purelib"])
    for name in _HOST_NEEDS:
        shutil.copytree(installed / name, folder / name)
    return folder


def test_the_unpacked_package_runs_with_its_own_requirements_only(
    package: Path, azurite: Azurite, tmp_path: Path
) -> None:
    Storage(Account(connection_string=azurite.connection_string)).create(FLOWS.names)
    settings = {
        "AzureWebJobsStorage": azurite.connection_string,
        "DATAVERSE_URL": "https://contoso.crm4.dynamics.com",
        "FINOPS_URL": "https://contoso.operations.dynamics.com",
        "COMPANY": "usmf",
        # Each function is to run once: every second, a slow machine would run them again before the last of them.
        **dict.fromkeys(schedules(FLOWS.settings), "*/4 * * * * *"),
    }
    (tmp_path / "settings.json").write_text(json.dumps({"Values": settings}), encoding="utf-8")
    host = subprocess.Popen(
        [str(_PYTHON), "-m", "local.host", "--app", str(package), "--settings", str(tmp_path / "settings.json"),
         "--ready-file", str(tmp_path / "ready")],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(host_alone(tmp_path / "host")), **settings},
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert host.stderr is not None
    awaited = {f"{flow}_pull" for flow in FLOWS.names} | {"sweep", "reconcile", "cleanup"}
    lines: list[str] = []
    try:
        for line in host.stderr:
            lines.append(line)
            awaited -= {name for name in awaited if f"Executed 'Functions.{name}' (Succeeded" in line}
            if not awaited:
                break
    finally:
        host.terminate()
        host.communicate(timeout=PATIENCE_S)

    log = "".join(lines)
    assert awaited == set(), log
    assert "(Failed" not in log, log
    # A new deployment is paused, and what comes back of orders is off: neither system was called.
    off = (ORDERSBACK, INVOICES)
    assert [flow for flow in FLOWS.names if f"flow {flow} is {'off' if flow in off else 'paused'}" not in log] == []
    assert len(json.loads((tmp_path / "ready").read_text(encoding="utf-8"))["functions"]) == 3 * len(FLOWS.names) + 3
