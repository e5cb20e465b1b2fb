"""Which deployment the command line works on: by a file, by the environment, by the name of the storage account."""

import json
import socket
from pathlib import Path

import pytest

from p2c.connection import connect
from p2c.mistakes import Mistake
from shared.flows.registry import FLOWS
from shared.storage_settings import ACCOUNT_NAME, CONNECTION, SERVICES

SYSTEMS = {
    "DATAVERSE_URL": "https://contoso.crm4.dynamics.com",
    "FINOPS_URL": "https://contoso.operations.dynamics.com",
    "COMPANY": "usmf",
}
NAME = "STORAGE_ACCOUNT_NAME"
TABLES, QUEUES = SERVICES["table"], SERVICES["queue"]
KEY = "AccountName=contoso;AccountKey=c2VjcmV0"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The systems are given, and no storage account."""
    for name in (*FLOWS.settings.model_fields, ACCOUNT_NAME, SERVICES["blob"], NAME):
        monkeypatch.delenv(name, raising=False)
    for name, value in SYSTEMS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def settings_file(folder: Path, **values: str) -> Path:
    """A settings file with these values."""
    file = folder / "local.settings.json"
    file.write_text(json.dumps({"Values": values}), encoding="utf-8")
    return file


def test_the_file_of_a_demo_that_has_ended_is_refused_before_anything_is_called(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sign_in:
        address = f"http://127.0.0.1:{sign_in.getsockname()[1]}/token"
        file = settings_file(tmp_path, **SYSTEMS, IDENTITY_ENDPOINT=address)
        assert connect(FLOWS, file).environ["IDENTITY_ENDPOINT"] == address
    with pytest.raises(Mistake, match=f"--settings {file}: the demo that this file belongs to has ended: start it"):
        connect(FLOWS, file)


def test_a_value_that_is_no_string_is_reported_together_with_the_other_mistakes_of_its_file(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.delenv("COMPANY")
    file = tmp_path / "local.settings.json"
    values = {"COMPANY": 1234, "AzureWebJobsStorage": KEY, "HISTORY_DAYS": "many"}
    file.write_text(json.dumps({"Values": values}), encoding="utf-8")
    with pytest.raises(Mistake) as caught:
        connect(FLOWS, file)
    assert "the values of COMPANY must be strings: put them in quotes" in str(caught.value)
    assert "HISTORY_DAYS is 'many': write a whole number" in str(caught.value)
    assert "COMPANY is not set" not in str(caught.value)


def test_who_gives_no_settings_is_told_how_azd_gives_them(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("COMPANY")
    with pytest.raises(Mistake) as caught:
        _ = connect(FLOWS, None).settings
    assert 'with azd: `set -a; eval "$(azd env get-values)"; set +a`.' in str(caught.value)


def test_the_name_of_the_storage_account_is_enough(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(NAME, " contoso ")
    settings = connect(FLOWS, None).settings
    assert settings.AzureWebJobsStorage__tableServiceUri == "https://contoso.table.core.windows.net"
    assert settings.AzureWebJobsStorage__queueServiceUri == "https://contoso.queue.core.windows.net"


def test_the_name_agrees_with_what_else_is_given(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(NAME, "contoso")
    environment.setenv(CONNECTION, KEY)
    environment.setenv(TABLES, "https://contoso.table.core.windows.net/")
    assert connect(FLOWS, None).settings.AzureWebJobsStorage == KEY


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (CONNECTION, "AccountName=other;AccountKey=c2VjcmV0"),
        (TABLES, "https://other.table.core.windows.net"),
        (ACCOUNT_NAME, "other"),
    ],
)
def test_the_name_of_another_account_is_refused_by_name(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(NAME, "contoso")
    environment.setenv(name, value)
    with pytest.raises(Mistake, match=f"more than one account \\({NAME} names contoso, {name} names other\\)"):
        connect(FLOWS, None)


@pytest.mark.parametrize("value", ["Contoso", "co", "contoso.table.core.windows.net", KEY])
def test_what_is_no_name_of_an_account_is_refused(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv(NAME, value)
    with pytest.raises(Mistake, match=f"{NAME} is .*: write the name of the storage account, 3 to 24") as caught:
        connect(FLOWS, None)
    assert "c2VjcmV0" not in str(caught.value)


def test_the_account_of_a_file_is_the_one_that_is_meant(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv(NAME, "other")
    environment.setenv(TABLES, "https://other.table.core.windows.net")
    file = settings_file(tmp_path, AzureWebJobsStorage=KEY, COMPANY="dat")
    settings = connect(FLOWS, file).settings
    assert (settings.AzureWebJobsStorage, settings.AzureWebJobsStorage__tableServiceUri) == (KEY, None)
    assert ("dat", SYSTEMS["FINOPS_URL"]) == (settings.COMPANY, settings.FINOPS_URL)
    assert connect(FLOWS, settings_file(tmp_path, COMPANY="dat")).environ[NAME] == "other"


def test_without_state_no_account_matters(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv(NAME, "No account")
    environment.setenv(TABLES, "https://other.queue.core.windows.net")
    assert connect(FLOWS, None, without_state=True).settings.COMPANY == "usmf"
    assert connect(FLOWS, settings_file(tmp_path, AzureWebJobsStorage="x"), without_state=True).service.flows
