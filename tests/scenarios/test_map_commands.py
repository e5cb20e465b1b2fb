"""`p2c map` and `p2c plan --map`: what a map document would do, before it does."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.simulator.faults import Rule
from shared.mapping import map_yaml
from shared.mapping.map_source import SHIPPED, map_source
from shared.state.links import LinkState
from tests.support.operator import answer, operated, p2c, p2c_in
from tests.support.product import Product
from tests.support.thinned import spot_faults
from tests.unit.local import dataverse_world, finops_environment
from tests.unit.local.dataverse_world import OWN_COLUMNS

SHORT: dict[str, Any] = {**json.loads(SHIPPED.read_text(encoding="utf-8")), "countries": {}, "states": {}}
FIELDS: dict[str, Any] = {
    "accounts": {
        "NameAlias": {"word": "first_of", "from": ["yominame", "name"], "length": 20},
        "SalesMemo": "off",
        "CustomerGroupId": {
            "word": "rules",
            "rules": [{"when": {"column": "customertypecode", "operator": "eq", "value": 3}, "value": "20"}],
            "otherwise": "10",
        },
    }
}


def file_of(folder: Path, name: str = "map.json", **parts: Any) -> str:
    """A map document in a file."""
    file = folder / name
    file.write_text(json.dumps({**SHORT, **parts}), encoding="utf-8")
    return str(file)


def test_a_right_document_is_checked_without_settings_and_without_a_system(tmp_path: Path) -> None:
    ended = p2c_in({}, "map", "check", file_of(tmp_path, fields=FIELDS))
    assert (ended.exit_code, ended.output.endswith("it changes or adds 3 fields.\n")) == (0, True), ended.output


def test_every_mistake_of_a_document_is_told_by_the_name_of_its_file(tmp_path: Path) -> None:
    file = file_of(tmp_path, fields={"accounts": {"SalesMeno": "off"}, "contact_persons": {"LastName": "off"}})
    ended = p2c_in({}, "map", "check", file)
    assert ended.exit_code == 2
    assert "has 2 mistakes" in ended.output
    assert "MAP_DOCUMENT" not in ended.output
    assert "fields.accounts.SalesMeno is not a field of this mapping: did you mean SalesMemo?" in ended.output


def test_a_file_that_is_incomplete_is_named_once(tmp_path: Path) -> None:
    file = tmp_path / "contoso.yaml"
    file.write_text("filters: {}\n", encoding="utf-8")
    ended = p2c_in({}, "map", "check", str(file))
    assert ended.exit_code == 2
    assert ended.output.startswith(f"{file} has 5 mistakes:\n")


def test_the_names_of_a_file_are_checked_although_parts_of_it_are_missing_or_unknown(tmp_path: Path) -> None:
    file = tmp_path / "contoso.yaml"
    file.write_text("fields:\n  accounts:\n    NameAlias: {word: copy, from: nmae}\ncontries: {}\n", encoding="utf-8")
    told = p2c_in({}, "map", "check", str(file)).output
    assert told.startswith(f"{file} has 7 mistakes:\n  line 3: ")
    assert "line 4: contries is unknown" in told
    assert "line 3: fields.accounts.NameAlias.from: nmae is no column of accounts: did you mean name?" in told


@pytest.mark.parametrize(
    "call",
    [("check", "FILE"), ("diff", "FILE", "FILE"), ("show", "accounts", "--map", "FILE"), ("learn", "--into", "FILE")],
)
@pytest.mark.parametrize("name", ["none.yaml", "none"])
def test_a_file_that_is_not_there_is_named_once(tmp_path: Path, call: tuple[str, ...], name: str) -> None:
    file = tmp_path / name
    settings = {"DATAVERSE_URL": "http://127.0.0.1:1", "FINOPS_URL": "http://127.0.0.1:2", "COMPANY": "usmf"}
    ended = p2c_in(settings, "map", *(str(file) if each == "FILE" else each for each in call))
    assert (ended.exit_code, ended.output) == (2, f"{file} does not exist: create it, or name another file\n")


def test_what_is_no_yaml_is_told_with_file_line_and_column_once(tmp_path: Path) -> None:
    file = tmp_path / "contoso.yaml"
    file.write_text("countries:\n\tNorway: NO\n", encoding="utf-8")
    ended = p2c_in({}, "map", "check", str(file))
    assert (ended.exit_code, ended.output) == (
        2,
        f"{file} is not YAML that can be read: line 2, column 1: a tab stands where only blanks may; "
        "write blanks instead\n",
    )


def test_a_name_that_occurs_twice_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "contoso.json"
    file.write_text('{"countries": {}, "countries": {}}', encoding="utf-8")
    assert p2c_in({}, "map", "check", str(file)).output.startswith(f"{file} has 1 mistake:\n  'countries' occurs more")


@pytest.mark.parametrize("text", ["[]\n\n", "- a\n- b\n"])
def test_a_file_that_is_a_list_is_a_mistake(tmp_path: Path, text: str) -> None:
    file = tmp_path / "contoso.yaml"
    file.write_text(text, encoding="utf-8")
    ended = p2c_in({}, "map", "check", str(file))
    assert ended.exit_code == 2, ended.output
    assert ended.output.startswith(f"{file} has 1 mistake:\n")


def test_a_setting_that_contradicts_the_file_is_one_of_several_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "contoso.yaml"
    file.write_text("fields:\n  accounts:\n    OnHoldStatus: off\ncontries: {}\n", encoding="utf-8")
    ended = p2c_in({"ACCOUNTS_ON_HOLD_WHEN_ENDED": "All"}, "map", "check", str(file))
    assert ended.exit_code == 2
    assert "line 4: contries is unknown" in ended.output
    assert "ACCOUNTS_ON_HOLD_WHEN_ENDED puts customers on hold" in ended.output


def test_the_names_that_a_misspelt_part_declares_are_not_told_as_mistakes(tmp_path: Path) -> None:
    columns = {"accounts": {"new_tier": {"type": "text"}}}
    fields = {"accounts": {"NameAlias": {"word": "copy", "from": "new_tier"}}}
    right = file_of(tmp_path, own_columns=columns, fields=fields)
    assert p2c_in({}, "map", "check", right).exit_code == 0
    told = p2c_in({}, "map", "check", file_of(tmp_path, own_colums=columns, fields=fields)).output
    assert "has 1 mistake:" in told
    assert "own_colums is unknown" in told


def test_the_map_that_counts_is_shown_with_what_the_document_changes(tmp_path: Path) -> None:
    file = file_of(tmp_path, fields=FIELDS)
    (table,) = json.loads(p2c_in({}, "map", "show", "accounts", "--map", file, "--json").output)
    rows = {row["field"]: row for row in table["rows"]}
    assert rows["NameAlias"]["columns"] == ["yominame", "name"]
    assert (rows["NameAlias"]["length"], rows["NameAlias"]["is_changed"]) == (20, True)
    assert (rows["SalesMemo"]["ownership"], rows["OrganizationName"]["is_changed"]) == ("off", False)
    assert "| `NameAlias` | owned | `yominame, name` | the first that is filled | 20 |" in (
        p2c_in({}, "map", "show", "accounts", "--map", file, "--markdown").output
    )


def test_two_documents_are_compared_field_by_field_and_code_by_code(tmp_path: Path) -> None:
    old, new = file_of(tmp_path, "old.json"), file_of(tmp_path, "new.json", fields=FIELDS, countries={"Wakanda": "WK"})
    ended = p2c_in({}, "map", "diff", old, new, "--json")
    assert ended.exit_code == 1
    places = {each["place"]: (each["old"], each["new"]) for each in json.loads(ended.output)}
    assert list(places)[:3] == [
        "fields.accounts.CustomerGroupId", "fields.accounts.SalesMemo", "fields.accounts.NameAlias",
    ]  # fmt: skip
    assert places["countries.Wakanda"] == ("", "WK")
    assert p2c_in({}, "map", "diff", old, old).exit_code == 0


def planned(sync: Product, folder: Path) -> tuple[dict[str, Any], str]:
    """A plan of accounts with a document that has another field, as JSON and as shown."""
    call = ("plan", "accounts", "--map", file_of(folder, fields=FIELDS))
    with operated(sync):
        return answer(*call), p2c(*call)


def test_a_plan_with_a_document_counts_what_it_would_change_and_writes_nothing(sync: Product, tmp_path: Path) -> None:
    sync.account("A-1", yominame="Lit")
    sync.tick()
    told, shown = planned(sync, tmp_path)
    assert told["fields"] == {"NameAlias": 1}
    assert "fields that would change: 1 NameAlias" in shown
    assert (sync.customer("A-1") or {})["NameAlias"] == "Account A-1"


def test_a_plan_marks_what_the_target_holds_already_and_does_not_count_it(sync: Product, tmp_path: Path) -> None:
    sync.account("A-1", yominame="Account A-1")
    sync.tick()
    told, shown = planned(sync, tmp_path)
    assert told["fields"] == {}
    assert "the same" in shown


def test_a_changed_document_is_applied_to_every_record_once(sync: Product, tmp_path: Path) -> None:
    person = sync.sales.create("contacts", lastname="Bo", firstname="Ana")
    first = sync.account("A-1", customertypecode=3, primarycontactid__to=f"/contacts({person})")
    second = sync.account("A-2", customertypecode=1)
    sync.tick()
    alias = {"word": "copy", "from": "primarycontactid.fullname", "length": 20}
    keep = {"column": "customertypecode", "operator": "eq", "value": 3}
    filters = {"accounts": [{"name": "customers", "keep": keep}]}
    sync.start(MAP_DOCUMENT=file_of(tmp_path, fields={"accounts": {"NameAlias": alias}}, filters=filters))
    sync.tick()
    before = sync.writes()
    sync.tick()
    aliases = [(sync.customer(number) or {})["NameAlias"] for number in ("A-1", "A-2")]
    assert aliases == ["Ana Bo", "Account A-2"]
    told = sync.service.explaining("accounts").explain(second)
    assert "the filter `customers` of the map document does not keep it" in " ".join(told.sentences)
    assert (sync.link(first).state, sync.link(second).state) == (LinkState.WRITTEN, LinkState.FILTERED)
    assert sync.writes() == before


def word(name: str, /, **arguments: Any) -> dict[str, Any]:
    """An entry with a word; `source` stands for `from`."""
    return {"word": name, **{"from" if key == "source" else key: value for key, value in arguments.items()}}


EVERY_WORD: dict[str, Any] = {
    "OrganizationPhoneticName": word("copy", source="yominame"),
    "SalesTaxGroup": word("constant", value="DOM"),
    "NameAlias": word("first_of", source=["tickersymbol", "yominame"], length=20),
    "SalesMemo": word("joined", source=["description", "ftpsiteurl"]),
    "OrganizationABCCode": word("option", source="accountratingcode", to={"1": "A"}),
    "IsOneTimeCustomer": word("yes_no", source="donotphone"),
    "LineOfBusinessId": word("value_map", source="sic", map="industries"),
    "SalesAccountNumber": word("currency", source="transactioncurrencyid.isocurrencycode"),
    "FederalComments": word("unit", source="stockexchange"),
    "CreditLimit": word("decimal", source="creditlimit", decimals=1),
    "CustomerGroupId": word(
        "rules", rules=[{"when": {"column": "sic", "operator": "filled"}, "value": "20"}], otherwise="10"
    ),
    "StatisticsGroupId": word("default", name="site"),
}
EXPECTED = {
    "OrganizationPhoneticName": "Lit", "SalesTaxGroup": "DOM", "NameAlias": "Lit", "SalesMemo": "Note\nftp",
    "OrganizationABCCode": "A", "IsOneTimeCustomer": "Yes", "LineOfBusinessId": "RTL", "SalesAccountNumber": "USD",
    "FederalComments": "DZ", "CreditLimit": 10.3, "CustomerGroupId": "20", "StatisticsGroupId": "1",
}  # fmt: skip


@spot_faults(3, among=6)
def test_every_word_reaches_finops_whatever_goes_wrong(sync: Product, tmp_path: Path, rule: Rule | None) -> None:
    maps = {"industries": {"Retail": "RTL"}}
    sync.start(MAP_DOCUMENT=file_of(tmp_path, fields={"accounts": EVERY_WORD}, value_maps=maps))
    id = sync.account(
        "A-1", yominame="Lit", description="Note", ftpsiteurl="ftp", donotphone=True, sic="retail",
        stockexchange="Dozen", creditlimit=10.25, accountratingcode=1,
    )  # fmt: skip
    if rule is not None:
        sync.finops.faults.add(rule)
        sync.settle(60)
        sync.finops.faults.clear()
    sync.settle(90)
    customer = sync.customer("A-1") or {}
    assert {name: customer[name] for name in EXPECTED} == EXPECTED
    assert (sync.link(id).state, sync.failure(id)) == (LinkState.WRITTEN, None)
    before = sync.writes()
    sync.edit(id, name="Litware II")
    sync.settle()
    assert (sync.customer("A-1") or {})["OrganizationName"] == "Litware II"
    assert sync.writes() == before + 1


def test_what_an_option_or_a_text_lacks_is_listed_with_the_place_in_the_document(sync: Product, tmp_path: Path) -> None:
    entry = word("value_map", source="sic", map="industries")
    fields = {"accounts": {"LineOfBusinessId": entry}}
    sync.start(MAP_DOCUMENT=file_of(tmp_path, fields=fields, value_maps={"industries": {}}))
    id = sync.account("A-1", sic="Fishing")
    sync.tick()
    failure = sync.failure(id)
    assert failure is not None
    assert (failure.cause, "`value_maps.industries`" in failure.remedy) == ("value_unknown", True)


@pytest.mark.parametrize("live", [[], ["--live"]])
def test_a_declared_column_that_sales_lacks_is_found_by_the_live_check_alone(
    sync: Product, tmp_path: Path, live: list[str]
) -> None:
    own = {"accounts": {"new_tier": {"type": "text"}}}
    file = file_of(tmp_path, own_columns=own, fields={"accounts": {"NameAlias": {"word": "copy", "from": "new_tier"}}})
    with operated(sync):
        told = p2c("map", "check", file, *live, code=1 if live else 0)
    assert ("new_tier" in told) is bool(live)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_document_that_lacks_no_column_stays_as_it_is(sync: Product, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"contoso.{form}"
    text = SHIPPED.read_text(encoding="utf-8").replace(": ", ":  ", 1)
    file.write_text(text if form == "json" else f"# Ours.\n{map_yaml.dumps(json.loads(text))}", encoding="utf-8")
    before = file.read_bytes()
    with operated(sync):
        assert (
            p2c("map", "learn", "--into", str(file))
            == f"0 columns of your own, and {file} lacks none: it stays as it is.\n"
        )
    assert file.read_bytes() == before


@pytest.mark.odata_refused("'new_short'")
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_columns_that_only_the_organisation_has_are_learned_and_mapped(tmp_path: Path, form: str) -> None:
    file = tmp_path / f"contoso.{form}"
    before = Path(file_of(tmp_path)).read_text(encoding="utf-8")
    file.write_text(before if form == "json" else f"# Ours.\n{map_yaml.dumps(json.loads(before))}", encoding="utf-8")
    with dataverse_world.dataverse(own=OWN_COLUMNS) as sales, finops_environment.environment() as finops:
        sync = Product(sales, finops)
        with operated(sync):
            learned = json.loads(p2c("map", "learn"))["own_columns"]
            shown = learned["accounts"]
            p2c("map", "learn", "--into", str(file))
        document = map_source(str(file))
        content: Any = document.content()
        fields: Any = {"accounts": {"FederalComments": word("copy", source="new_short")}}
        file.write_text(document.with_part("fields", fields), encoding="utf-8")
        assert file.read_text(encoding="utf-8").startswith("# Ours.") is document.is_yaml
        assert p2c_in({}, "map", "check", str(file)).exit_code == 0
        sync.start(MAP_DOCUMENT=str(file))
        sync.account("A-1", new_short="Own")
        sync.tick()
        customer = sync.customer("A-1")
    assert not [name for name in learned if name[0].isupper()], "F&O has no column of its own here"
    assert shown["new_short"] == {"type": "text", "length": 100}
    assert shown["new_infinancesince"] == {"type": "date", "behavior": "UserLocal"}
    assert content["own_columns"]["accounts"] == shown
    assert (customer or {})["FederalComments"] == "Own"
