"""Sample rows and the command line of the simulated Dataverse."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from local.dataverse.__main__ import main
from local.dataverse.loading import LineRefused, load_folder
from tests.support.patience import PATIENCE_S
from tests.unit.local.dataverse_world import OWN_COLUMNS, World, dataverse

ADVENTUREWORKS = Path(__file__).parents[3] / "local" / "data" / "adventureworks"
ACCOUNT = "a22517e3-848d-4ebe-b9d9-7437f3432304"
CONTACT = "d4c132d3-fcb5-4231-9dd5-888a54bec693"


def _write(folder: Path, name: str, *rows: object) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _account(**values: object) -> dict[str, object]:
    return {"accountid": ACCOUNT, "name": "Next-Door Bike Store", "statecode": 1, "statuscode": 2, **values}


def test_rows_are_kept_as_they_are(tmp_path: Path) -> None:
    contact = {
        "contactid": CONTACT,
        "lastname": "Abel",
        "fullname": "Catherine R. Abel",
        "_parentcustomerid_value": ACCOUNT,
        "_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
        "modifiedon": "2015-04-15T16:33:33Z",
    }
    _write(tmp_path, "accounts.jsonl", _account(modifiedon="2014-09-12T11:15:07Z"))
    _write(tmp_path, "contacts.jsonl", contact)
    with dataverse() as world:
        assert load_folder(world.organisation, tmp_path) == 2
        account = world.get(f"accounts({ACCOUNT})").json()
        assert (account["statecode"], account["modifiedon"]) == (1, "2014-09-12T11:15:07Z")
        loaded = world.get(f"contacts({CONTACT})?$expand=parentcustomerid_account($select=name)").json()
        assert (loaded["fullname"], loaded["createdon"]) == ("Catherine R. Abel", "2015-04-15T16:33:33Z")
        assert loaded["parentcustomerid_account"]["name"] == "Next-Door Bike Store"


def test_rows_that_are_older_than_the_solution_are_numbered_and_marked_by_its_installation(tmp_path: Path) -> None:
    parent = {
        "_parentcustomerid_value": ACCOUNT,
        "_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
    }
    _write(tmp_path, "accounts.jsonl", _account())
    _write(tmp_path, "contacts.jsonl", {"contactid": CONTACT, "lastname": "Abel", **parent})
    with dataverse() as world:
        load_folder(world.organisation, tmp_path)
        assert world.get(f"accounts({ACCOUNT})").json()["accountnumber"].startswith("ACC-01000-")
        loaded = world.get(f"contacts({CONTACT})").json()
        assert loaded["msdynce_contactnumber"].startswith("CON-01000-")
        assert (loaded["msdynce_iscompanyanaccount"], loaded["msdynce_isactivecustomer"]) == (True, False)


def test_a_reference_to_a_missing_row_stays(tmp_path: Path) -> None:
    _write(tmp_path, "accounts.jsonl", _account(_primarycontactid_value=CONTACT))
    with dataverse() as world:
        load_folder(world.organisation, tmp_path)
        row = world.get(f"accounts({ACCOUNT})?$expand=primarycontactid($select=fullname)").json()
        assert (row["_primarycontactid_value"], row["primarycontactid"]) == (CONTACT, None)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (_account(nope=1), "column nope"),
        (_account(accountnumber="x" * 21), "column accountnumber"),
        (_account(numberofemployees="many"), "'many'"),
        (_account(customertypecode=99), "column customertypecode"),
        ({"name": "A"}, "column accountid"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (_account(), "id " + ACCOUNT),
    ],
)
def test_a_line_that_does_not_fit_is_named_and_nothing_is_loaded(tmp_path: Path, line: object, part: str) -> None:
    _write(tmp_path, "accounts.jsonl", _account(), line)
    with dataverse() as world:
        with pytest.raises(LineRefused) as refused:
            load_folder(world.organisation, tmp_path)
        assert "accounts.jsonl line 2" in str(refused.value)
        assert part in str(refused.value)
        assert world.rows("accounts") == []


def test_lines_that_do_not_fit_can_be_skipped_by_name_and_the_others_are_loaded(tmp_path: Path) -> None:
    other = _account(accountid=CONTACT)
    _write(tmp_path, "accounts.jsonl", _account(), {**other, "name": 1}, _account(), {**other, "nope": 1}, other)
    skipped: list[str] = []
    with dataverse() as world:
        assert load_folder(world.organisation, tmp_path, skip=skipped.append) == 2
        assert len(world.rows("accounts")) == 2
    file = tmp_path / "accounts.jsonl"
    for message, (line, column) in zip(skipped, ((2, "name"), (3, "accountid"), (4, "nope")), strict=True):
        assert message.startswith(f"{file} line {line}: column {column}")


def test_the_sample_units_and_price_lists_keep_their_ids(tmp_path: Path) -> None:
    for name in ("transactioncurrencies", "uomschedules", "uoms", "pricelevels"):
        shutil.copy(ADVENTUREWORKS / f"{name}.jsonl", tmp_path)
    with dataverse() as world:
        load_folder(world.organisation, tmp_path)
        units = {row["name"]: row for row in world.rows("uoms?$select=uomid,name,isschedulebaseuom")}
        lists = world.rows("pricelevels?$select=name&$filter=statecode eq 0&$orderby=name")
        assert len(units) == 38
        assert units["Each"]["uomid"] == "4ce76865-f4a6-58c5-b1b4-713c032bf146"
        assert [name for name, row in units.items() if row["isschedulebaseuom"]] == ["Each"]
        assert [row["name"][-3:] for row in lists] == ["AUD", "CAD", "EUR", "GBP", "USD"]
        assert world.rows("productpricelevels") == []


@pytest.mark.parametrize("names", [(), ("Box",), ("Box", "Each")])
def test_a_loaded_unit_schedule_has_exactly_one_base_unit(tmp_path: Path, names: tuple[str, ...]) -> None:
    _write(tmp_path, "uomschedules.jsonl", {"uomscheduleid": ACCOUNT, "name": "Units", "baseuomname": "Each"})
    units = [{"name": name, "uomid": str(uuid4()), "quantity": 1, "_uomscheduleid_value": ACCOUNT} for name in names]
    _write(tmp_path, "uoms.jsonl", *units)
    with dataverse() as world:
        load_folder(world.organisation, tmp_path)
        [base] = world.rows("uoms?$select=name,_uomscheduleid_value&$filter=isschedulebaseuom eq true")
        assert (base["name"], base["_uomscheduleid_value"]) == ("Each", ACCOUNT)
        assert len(world.rows("uoms")) == len({*names, "Each"})


def test_products_are_loaded_on_demand_only(tmp_path: Path) -> None:
    product = {"productid": ACCOUNT, "productnumber": "P-1", "name": "Bike", "statecode": 0, "statuscode": 1}
    _write(tmp_path, "products_dataverse.jsonl", product)
    with dataverse() as world:
        assert load_folder(world.organisation, tmp_path) == 0
        assert load_folder(world.organisation, tmp_path, products=True) == 1


def test_a_loaded_row_can_be_written_like_any_other(tmp_path: Path) -> None:
    _write(tmp_path, "accounts.jsonl", _account())
    with dataverse() as world:
        load_folder(world.organisation, tmp_path)
        assert world.patch(f"accounts({ACCOUNT})", {"name": "B"}, If_Match="*").status_code == 204


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["--port", "0", *arguments]) == 2
    return capsys.readouterr().err


def test_a_mistake_in_the_arguments_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "--token" in _refused(capsys)
    assert "--load" in _refused(capsys, "--token", "t", "--load", str(tmp_path / "none"))
    assert "--tls-cert" in _refused(capsys, "--token", "t", "--tls-key", "key.pem")
    assert "--audience" in _refused(capsys, "--identity-key-file", "key")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not JSON"),
        ("[]", "is no object in braces"),
        ('{"entities": {"nope": {}}}', "nope"),
        ('{"entities": {"account": {"attributes": [{"name": "new_x"}]}}}', "account.new_x lacks schema_name"),
    ],
)
def test_a_wrong_file_of_further_columns_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, told: str
) -> None:
    (tmp_path / "own.json").write_text(content)
    assert told in _refused(capsys, "--token", "t", "--schema", str(tmp_path / "own.json"))
    assert "none.json" in _refused(capsys, "--token", "t", "--schema", str(tmp_path / "none.json"))


def test_a_column_of_the_organisations_own_is_written_and_told_by_the_metadata() -> None:
    with dataverse(own=OWN_COLUMNS) as world:
        id = world.create("accounts", name="A", new_financestate="written")
        told = world.rows("EntityDefinitions(LogicalName='account')/Attributes?$select=LogicalName,AttributeType")
        assert {"new_financestate": "String", "new_infinancesince": "DateTime"}.items() <= {
            row["LogicalName"]: row["AttributeType"] for row in told
        }.items()
        assert world.get(f"accounts({id})?$select=new_financestate").json()["new_financestate"] == "written"
        assert world.patch(f"accounts({id})", {"new_financestate": "x" * 41}, If_Match="*").status_code == 400


def test_a_bad_sample_folder_ends_the_start_with_its_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _write(tmp_path, "accounts.jsonl", _account(nope=1))
    message = _refused(capsys, "--token", "t", "--data", str(tmp_path))
    assert "line 1: column nope" in message
    assert [path.name for path in tmp_path.iterdir()] == ["accounts.jsonl"]


def test_the_world_of_a_file_is_seeded_once(tmp_path: Path) -> None:
    def ids(world: World) -> object:
        return world.get("WhoAmI").json()["OrganizationId"]

    with dataverse(file=tmp_path / "rows.sqlite") as first:
        account, organisation = first.create("accounts", name="A"), ids(first)
    with dataverse(file=tmp_path / "rows.sqlite") as second:
        assert ids(second) == organisation
        assert len(second.rows("organizations")) == 1
        assert second.get(f"accounts({account})").json()["name"] == "A"
        second.create("accounts", name="B")


@pytest.mark.process
def test_the_simulator_starts_alone_on_a_sample_folder_writes_nothing_into_it_and_obeys_its_options(
    tmp_path: Path,
) -> None:
    samples, ready = tmp_path / "samples", tmp_path / "port"
    samples.mkdir()
    _write(samples, "accounts.jsonl", _account())
    arguments = ["--port", "0", "--token", "t", "--data", str(samples), "--ready-file", str(ready)]
    command = [sys.executable, "-m", "local.dataverse", *arguments, "--max-filter-nodes", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "listens on" in process.stdout.readline()
            url = f"http://127.0.0.1:{ready.read_text().strip()}/api/data/v9.2/accounts"
            with requests.Session() as client:
                client.headers["Authorization"] = "Bearer t"
                assert client.get(f"{url}/$count", timeout=PATIENCE_S).text == "1"
                filters = [" or ".join(f"name eq 'C{number}'" for number in range(count)) for count in (19, 20)]
                answers = [client.get(url, params={"$filter": each}, timeout=PATIENCE_S) for each in filters]
                assert [answer.status_code for answer in answers] == [200, 400]
        finally:
            process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert [path.name for path in samples.iterdir()] == ["accounts.jsonl"]
