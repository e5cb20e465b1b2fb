"""`p2c simulate`: the simulation with the user's value map and records, as operators call it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from p2c.__main__ import app
from shared import exact_json
from shared.mapping import map_yaml
from shared.mapping.map_source import SHIPPED
from shared.operations.sample import sample_of
from shared.systems import System
from tests.simulation import __main__ as simulation
from tests.simulation.calling import material_of
from tests.simulation.material import Material
from tests.simulation.sample import Sample, read_sample, rows_in
from tests.support.assortment import MAP_DOCUMENT
from tests.support.operator import operated, p2c
from tests.support.project import ROOT
from tests.support.trading import Trading, trading
from tests.unit.mapping.samples import keeping

ACCOUNT = {
    "accountid": "0000000a-0000-4000-8000-000000000001", "accountnumber": "A-77", "name": "Fabrikam", "statecode": 0,
    "address1_country": "United States",
}  # fmt: skip
US = {"address1_country": "United States", "address1_stateorprovince": "Tennessee"}


def folder_of(folder: Path, **files: Sequence[Mapping[str, Any]]) -> Path:
    """A folder with these rows."""
    folder.mkdir(exist_ok=True)
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return folder


# --- on files ---------------------------------------------------------------------------------------------------------


@pytest.mark.process
def test_the_command_tells_what_becomes_of_the_sample_and_plays_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    maps = json.loads(SHIPPED.read_text(encoding="utf-8"))
    maps["filters"] = keeping({"column": "name", "operator": "ne", "value": "Litware"})
    (tmp_path / "maps.json").write_text(json.dumps(maps), encoding="utf-8")
    other = {**ACCOUNT, "accountid": "0000000a-0000-4000-8000-000000000002", "accountnumber": "A-78", "name": "Litware"}
    folder_of(tmp_path / "rows", accounts=[ACCOUNT, other])
    # The simulation runs in the clone; its files are named from here.
    monkeypatch.chdir(tmp_path)
    p2c("simulate", "--map", "maps.json", "--sample", "rows", "--first", "3", "--seeds", "1")
    told = capfd.readouterr().out
    assert "accounts: 2 records: 1 written (50 %), 1 filtered (50 %)" in told
    assert "1 history in" in told
    assert "; 0 broken" in told


def test_a_document_in_yaml_is_to_the_simulation_what_the_same_one_in_json_is() -> None:
    file = ROOT / "examples" / "contoso.yaml"
    maps = material_of(str(file), None).maps
    assert exact_json.loads(maps) == map_yaml.read(file.read_text(encoding="utf-8")).value


def test_a_mistake_in_a_sample_is_one_message_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = folder_of(tmp_path / "rows", accounts=[{"name": "x"}])
    assert simulation.main(["--sample", str(rows)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    assert "accounts.jsonl line 1: column accountid is missing" in said.err


# --- on a sandbox -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk() -> Any:
    with trading() as made:
        account = made.account("A-1", **US)
        made.account("A-2", **US)
        made.contact(account)
        made.quote(account)
        yield made


def test_the_sample_of_a_sandbox_has_the_records_as_the_flows_read_them(desk: Trading) -> None:
    before = {system: desk.sent(system)[1] for system in System}
    document = sample_of(desk.service.flows, 10)
    sample = read_sample(exact_json.dumps(document))
    assert {flow: len(rows) for flow, rows in sample.records.items()} == {
        "accounts": 2, "contacts": 1, "products": 1, "quotations": 1,
    }  # fmt: skip
    completed = Material(MAP_DOCUMENT, sample).completed
    assert {row.values["accountnumber"] for row in completed.records["accounts"]} == {"A-1", "A-2"}
    (header,) = rows_in(completed.records["quotations"][0].values, "revisions")
    assert [line["productid"]["productnumber"] for line in rows_in(header, "lines")] == ["P-1"]  # type: ignore[index, call-overload]
    assert {row["name"] for row in sample.references["uomschedules"]} >= {"Units"}
    assert {system: desk.sent(system)[1] for system in System} == before


def test_no_more_rows_of_a_flow_are_read_than_asked_for(desk: Trading) -> None:
    sample: Sample = read_sample(exact_json.dumps(sample_of(desk.service.flows, 1)))
    assert all(len(rows) == 1 for rows in sample.records.values())


@pytest.mark.process
def test_records_of_a_sandbox_and_the_map_of_the_settings_reach_the_simulation_and_nothing_is_written(
    desk: Trading, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a map the document of the settings counts, which does not know the country of these accounts."""
    before = {system: desk.sent(system)[1] for system in System}
    with operated(desk, MAP_DOCUMENT=json.dumps({**json.loads(MAP_DOCUMENT), "countries": {"Switzerland": "CH"}})):
        p2c("simulate", "--from-sandbox", "--rows", "5", "--first", "3", "--seeds", "1", code=1)
    said = capfd.readouterr().out
    assert "rejected: country_unknown: 2 (100 %)" in said
    assert "quotations: 1 record: 1 waiting (100 %)" in said
    assert "1 history in" in said
    assert "; 0 broken" in said
    assert {system: desk.sent(system)[1] for system in System} == before


# --- mistakes of the caller -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--map", "none.json"), "--map: none.json does not exist"),
        (("--map", " "), "--map is blank"),
        (("--map", "{"), "is not JSON"),
        (("--sample", ""), "--sample is blank"),
        (("--sample", "x", "--from-sandbox"), "choose one of them"),
        (("--rows", "5"), "--rows needs --from-sandbox"),
    ],
)
def test_a_mistake_in_the_call_is_one_message_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["simulate", *arguments])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert message in ended.stderr


def test_without_the_clone_the_command_says_where_the_simulation_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("p2c.commands.simulate._CLONE", tmp_path)
    assert "clone the repository and run ./p2c.sh simulate there" in p2c("simulate", code=2)


def test_without_the_development_packages_the_command_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2c.commands.simulate._NEEDED", ("no_such_package",))
    assert "the simulation needs no_such_package, a development package" in p2c("simulate", code=2)
