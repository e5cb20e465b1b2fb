"""The demo with the map document of an organisation: its columns, their values, and what the closing tables tell."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from local.demo import screen, summary
from local.demo.arguments import parse
from local.demo.comparison import Comparison, Difference
from local.demo.configuration import read_configuration
from local.demo.errors import UserMistake
from local.demo.ownvalues import filled_folder, value_at
from local.demo.progress_reader import Account
from local.demo.report import FlowResult, Result, document
from local.demo.run import run
from local.simulator.owncolumns import read_own_columns
from shared.mapping.dates import Behavior
from shared.mapping.map_source import SHIPPED
from shared.mapping.names import ColumnKind, Name
from shared.mapping.words import Ownership
from tests.support.project import ROOT
from tests.unit.local.test_demo_progress_reader import GLANCE, REQUESTS

CONTOSO = ROOT / "examples" / "contoso.yaml"


def refused(*arguments: str) -> str:
    """What the demo says before it starts anything."""
    with pytest.raises(UserMistake) as told:
        run(parse(["--small", "--once", *arguments]), Console(file=StringIO()))
    return str(told.value)


@pytest.mark.parametrize("name", ["none.yaml", "none"])
def test_a_document_that_is_not_there_is_named_in_one_sentence(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    told = "does not exist: create it, or name another file"
    assert refused("--map", str(file)) == f"--map {file} {told}"
    assert refused("--map", str(file), "--schema", str(CONTOSO)) == f"--map: {file} {told}"


def test_a_file_of_columns_that_is_none_is_named_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text("{}", encoding="utf-8")
    told = refused("--map", str(CONTOSO), "--schema", str(file))
    assert told == f"--schema {file} has no object 'own_columns'; name a map document, or what `p2c map learn` writes."


def test_every_mistake_of_a_document_is_told_with_the_name_of_its_file(tmp_path: Path) -> None:
    content: dict[str, Any] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({**content, "fields": {"accounts": {"Nmae": "off", "Names": "off"}}}), encoding="utf-8")
    told = refused("--map", str(file))
    assert told.startswith(f"--map: {file} has 2 mistakes:")
    assert "fields.accounts.Nmae is not a field of this mapping" in told


def test_the_document_of_the_command_line_counts_with_the_units_of_the_records() -> None:
    found = read_configuration(
        {"MAP_DOCUMENT": "nowhere.json"}, unit_group="Units", units={"EA": "Each"}, map_file=CONTOSO
    )
    content = json.loads(found.value_maps or "")
    assert (content["defaults"]["unit_group"], content["units"][0]) == ("Units", {"sales": "Each", "finops": "EA"})
    additions = {flow.name: flow.additions for flow in found.flows}
    assert [field.field for field in additions["products"].fields] == ["new_brand"]
    assert list(additions["contacts"].filters) == ["filter.for_finance"]


def test_the_records_get_values_of_every_declared_column_and_keep_their_own(tmp_path: Path) -> None:
    rows = [{"accountid": str(number), "name": "A", "new_tier": None if number else 100000002} for number in range(10)]
    (tmp_path / "accounts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "uoms.jsonl").write_text('{"name": "Each"}\n', encoding="utf-8")
    with filled_folder(tmp_path, read_own_columns(CONTOSO)) as folder:
        filled = [json.loads(line) for line in (folder / "accounts.jsonl").read_text(encoding="utf-8").splitlines()]
        assert (folder / "uoms.jsonl").read_text(encoding="utf-8") == '{"name": "Each"}\n'
    assert [row["new_tier"] for row in filled] == [row["new_tier"] for row in rows]
    assert [row["new_customersince"] for row in filled[:5]] == [*(f"2020-01-0{day}" for day in range(1, 5)), None]


def test_a_lookup_of_ones_own_and_a_choice_without_known_options_stay_blank(tmp_path: Path) -> None:
    (tmp_path / "accounts.jsonl").write_text('{"name": "A"}\n', encoding="utf-8")
    own = {
        "new_KeeperId": Name(ColumnKind.LOOKUP, leads_to="contacts"),
        "_new_keeperid_value": Name(ColumnKind.ID),
        "new_KeeperId.fullname": Name(ColumnKind.TEXT),
        "new_tier": Name(ColumnKind.OPTION),
    }
    with filled_folder(tmp_path, {"accounts": own}) as folder:
        assert (folder / "accounts.jsonl").read_text(encoding="utf-8") == '{"name": "A"}\n'


COLUMNS = st.one_of(
    st.builds(Name, st.just(ColumnKind.TEXT), length=st.one_of(st.none(), st.integers(1, 40))),
    st.builds(Name, st.sampled_from([ColumnKind.WHOLE, ColumnKind.DECIMAL, ColumnKind.YES_NO, ColumnKind.ID])),
    st.builds(Name, st.just(ColumnKind.OPTION), options=st.sampled_from([(1,), (100000000, 100000001, 100000002)])),
    st.builds(Name, st.just(ColumnKind.MEMBER), members=st.sampled_from([("None",), ("None", "Gold", "Silver")])),
    st.builds(Name, st.just(ColumnKind.DATE), behavior=st.sampled_from(Behavior)),
)


@given(COLUMNS, st.integers(0, 100_000))
def test_the_value_of_a_column_fits_it_in_every_row(column: Name, at: int) -> None:
    value = value_at("new_x", column, at)
    match column.kind:
        case ColumnKind.OPTION:
            assert value is None or value in column.options
        case ColumnKind.MEMBER:
            assert value in column.members
        case ColumnKind.TEXT if value is not None:
            assert isinstance(value, str)
            assert 0 < len(value) <= (column.length or 100)
        case ColumnKind.DATE if value is not None:
            assert str(value).endswith("Z") is (column.behavior is not Behavior.DATE_ONLY)


def test_the_closing_tables_and_the_report_tell_each_field_of_the_document() -> None:
    added = {flow.name: flow.additions for flow in read_configuration({}, map_file=CONTOSO).flows}
    additions, of_contacts = added["accounts"], added["contacts"]
    different = (Difference("A-1", "ContosoTier", "Gold", "None"),)
    filled = {"ContosoTier": 10, "ContosoSegment": 12}
    account = Account({}, {"filter.for_finance": 1}, (), (), 0)
    result = Result(
        {
            "accounts": FlowResult(
                GLANCE, Account({}, {}, (), (), 0), Comparison(12, 12, different=different), REQUESTS, additions, filled
            ),
            "contacts": FlowResult(GLANCE, account, Comparison(1, 1), REQUESTS, of_contacts),
        },
        True,
        99.0,
        REQUESTS,
        None,
    )
    told = StringIO()
    console = Console(file=told, width=300)
    for picture in summary.pictures(result):
        screen.show(console, picture)
    lines = [line.split() for line in told.getvalue().splitlines()]
    of_tier = next(line for line in lines if line[:2] == ["accounts", "ContosoTier"])
    of_segment = next(line for line in lines if line[:2] == ["accounts", "ContosoSegment"])
    assert (of_tier[-2:], of_segment[-2:]) == (["10", "1"], ["12", "0"])
    assert "filter.for_finance: the filter `for_finance` of the map document does not keep it" in told.getvalue()
    flows = document(result)["flows"]
    assert isinstance(flows, dict)
    assert isinstance(of_accounts := flows["accounts"], dict)
    assert of_accounts["filled"] == filled
    assert {row.ownership for row in additions.fields} == {Ownership.OWNED}
