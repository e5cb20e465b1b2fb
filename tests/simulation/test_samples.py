"""The records of a user as the simulation plays with them, and their value map."""

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.demo.arguments import SAMPLES
from local.demo.sampling import choose
from shared import exact_json
from shared.flows.accounts.settings import AccountSettings
from shared.flows.registry import FLOWS
from shared.mapping.map_source import SHIPPED
from shared.records import SourceRow, Values, Write
from tests.simulation import deployment
from tests.simulation.__main__ import main
from tests.simulation.census import Share, census
from tests.simulation.finops import COMPANIES, Collection
from tests.simulation.material import Material
from tests.simulation.run import play, stage_of_process
from tests.simulation.sample import Sample, SampleUnusable, read_sample, rows_in
from tests.simulation.samplefiles import read_folder
from tests.simulation.script import write_script
from tests.simulation.settings import (
    LEFT_OUT,
    MAPS,
    URL,
    VARIANTS,
    SettingsKey,
    deployment_of,
    forget_mappings,
    mappers_of,
    settings_of,
)
from tests.support.project import ROOT
from tests.unit.mapping.samples import keeping

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ADVENTURE_WORKS = SHIPPED.read_text(encoding="utf-8").replace(
    '"unit_group": "Default unit"', '"unit_group": "AdventureWorks units"'
)
A, B = "0000000a-0000-4000-8000-000000000001", "0000000b-0000-4000-8000-000000000001"
ACCOUNT = {"accountid": A, "accountnumber": "1", "name": "Fabrikam", "statecode": 0}
CONTACT = {"contactid": B, "msdynce_contactnumber": "2", "lastname": "Miller", "_parentcustomerid_value": A}


@pytest.fixture(autouse=True)
def _what_is_kept_for_many_histories() -> Iterator[None]:
    """The mappings of whole value maps are large: one test's are not kept for the others."""
    yield
    stage_of_process().flows.clear()
    forget_mappings()


@pytest.fixture(scope="module")
def adventure_works(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Some sixty records of the sample that is shipped, with the value map that goes with it."""
    folder = tmp_path_factory.mktemp("sample")
    choose(SAMPLES).write(folder)
    material = Material(ADVENTURE_WORKS)
    return Material(ADVENTURE_WORKS, read_folder(folder, FLOWS.read_map_document(ADVENTURE_WORKS), material.mappers))


def folder_of(folder: Path, **files: Sequence[Mapping[str, Any]]) -> Path:
    """A folder with these rows."""
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return folder


def read(folder: Path, maps: str = MAPS) -> Sample:
    """The sample of a folder, completed."""
    mappers = Material(maps).mappers
    return read_folder(folder, FLOWS.read_map_document(maps), mappers).completed(mappers)


def shares(sample: Sample, maps: str = MAPS) -> dict[str, Share]:
    """What becomes of the records of a sample, by flow."""
    material = Material(maps, sample)
    return {each.flow: each for each in census(material.completed, material.mappers, material.tables, NOW)}


def changed(**changes: object) -> str:
    """The built-in value map with some parts changed."""
    return json.dumps({**json.loads(MAPS), **changes})


# --- files ------------------------------------------------------------------------------------------------------------


def test_lookups_of_files_are_expanded_as_dataverse_does(tmp_path: Path) -> None:
    euro, quote, product = (f"0000000c-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
    folder = folder_of(
        tmp_path,
        transactioncurrencies=[{"transactioncurrencyid": euro, "isocurrencycode": "EUR"}],
        accounts=[{**ACCOUNT, "_transactioncurrencyid_value": euro.upper()}],
        contacts=[CONTACT],
        quotes=[{"quoteid": quote, "quotenumber": "Q", "_customerid_value": B, "statecode": 1}],
        quotedetails=[{"quotedetailid": B, "_quoteid_value": quote, "_productid_value": product}],
        products_dataverse=[{"productid": product, "productnumber": "p-1"}],
        products=[{"ProductNumber": "P-1", "ProductName": "Bike"}],
    )
    records = read(folder).records
    assert records["accounts"][0].values["transactioncurrencyid"] == {"isocurrencycode": "EUR"}
    assert records["contacts"][0].values["parentcustomerid_account"] == {"accountid": A}
    (header,) = rows_in(records["quotations"][0].values, "revisions")
    assert (header["customerid_account"], header["customerid_contact"]) == (None, {"contactid": B})
    (line,) = rows_in(header, "lines")
    assert line["productid"] == {
        "productnumber": "p-1", "msdynce_ismaintainedexternally": True, "producttypecode": None,
    }  # fmt: skip


def test_what_a_record_lacks_is_blank_and_what_no_mapping_reads_is_left_out(tmp_path: Path) -> None:
    (row,) = read(folder_of(tmp_path, accounts=[{**ACCOUNT, "new_secret": "x"}])).records["accounts"]
    mapper = Material().mappers.accounts
    assert row.values.keys() == {*mapper.select, *mapper.table.expand}
    assert (row.id, row.values["name"], row.values["telephone1"]) == (A, "Fabrikam", None)


TIER: Any = {"accounts": {"new_tier": {"type": "text"}}}


def test_a_column_of_the_users_own_filter_is_read(tmp_path: Path) -> None:
    maps = changed(own_columns=TIER, filters=keeping({"column": "new_tier", "operator": "eq", "value": "gold"}))
    other = {**ACCOUNT, "accountid": B, "accountnumber": "3"}
    folder = folder_of(tmp_path, accounts=[{**ACCOUNT, "new_tier": "gold"}, other])
    assert dict(shares(read(folder, maps), maps)["accounts"].ends) == {
        ("written", ""): 1, ("filtered", "filter.pilot"): 1,
    }  # fmt: skip


# --- what becomes of a sample -----------------------------------------------------------------------------------------


def test_the_census_counts_how_each_record_ends_and_names_the_first_one(tmp_path: Path) -> None:
    ids = [f"0000000a-0000-4000-8000-00000000000{number}" for number in range(1, 6)]
    lost = {"address1_country": "Atlantis"}
    folder = folder_of(
        tmp_path,
        accounts=[
            ACCOUNT,
            {**ACCOUNT, "accountid": ids[1], "accountnumber": "1 "},
            {**ACCOUNT, "accountid": ids[2], "accountnumber": "3", "statecode": 1},
            {**ACCOUNT, "accountid": ids[3], "accountnumber": "4", **lost},
        ],
        contacts=[
            {
                **CONTACT,
                "contactid": ids[place].replace("a", "b"),
                "_parentcustomerid_value": parent,
                "msdynce_contactnumber": f"K{place}",
            }
            for place, parent in enumerate([A, ids[2], ids[3], ids[4], None])
        ],
    )
    found = shares(read(folder))
    assert dict(found["accounts"].ends) == {
        ("written", ""): 1,
        ("rejected", "key_taken"): 1,
        ("filtered", "inactive"): 1,
        ("rejected", "country_unknown"): 1,
    }
    assert dict(found["contacts"].ends) == {
        ("written", ""): 1,
        ("filtered", "its parent in accounts is filtered by inactive"): 1,
        ("waiting", "for one of accounts that is rejected"): 1,
        ("waiting", "for one of accounts that is not in the sample"): 1,
        ("filtered", "no_account"): 1,
    }
    told = [*found["accounts"].lines()]
    place = told.index(f"  rejected: country_unknown: 1 (25 %), such as {ids[3]}: 'Atlantis' 1")
    assert told[place + 1].startswith("    what helps: ")


def test_the_shipped_sample_ends_as_its_columns_say(adventure_works: Material) -> None:
    found = {
        each.flow: each
        for each in census(adventure_works.completed, adventure_works.mappers, adventure_works.tables, NOW)
    }
    for flow in ("accounts", "products", "quotations"):
        assert set(found[flow].ends) == {("written", "")}
    assert set(found["contacts"].ends) == {("rejected", "number_missing"), ("filtered", "no_account")}


def test_a_unit_group_that_sales_does_not_have_rejects_every_product(adventure_works: Material) -> None:
    found = shares(adventure_works.sample or Sample({}), SHIPPED.read_text(encoding="utf-8"))
    assert set(found["products"].ends) == {("rejected", "unit_group_unknown")}
    assert [share.flow for share in found.values() if not share.is_judged] == ["contacts", "products"]


def number_contacts(folder: Path) -> None:
    """Give the contacts numbers, as the Sales solution would."""
    file = folder / "contacts.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    told = [json.dumps({**row, "msdynce_contactnumber": f"CON-{place}"}) for place, row in enumerate(rows)]
    file.write_text("\n".join(told), encoding="utf-8")


def test_a_flow_that_is_filtered_or_rejected_as_a_whole_is_not_judged() -> None:
    share = Share("contacts")
    share.note("1", ("filtered", "no_account"), "")
    assert not share.is_judged
    share.note("2", ("rejected", "number_missing"), "", "assign one")
    assert not share.is_judged
    assert [line for line in share.lines() if "judged" in line or "helps" in line] == [
        "    what helps: assign one",
        "  Nothing of contacts can be judged: no record of the sample reaches its target.",
    ]
    share.note("3", ("waiting", "for one of accounts that is rejected"), "")
    assert share.is_judged


def test_a_flow_of_which_nothing_can_be_judged_is_told_with_what_helps_and_ends_with_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    choose(SAMPLES).write(tmp_path)
    asked = ["--sample", str(tmp_path), "--seeds", "1", "--steps", "1"]
    assert main(["--map", str(ROOT / "examples" / "contoso.yaml"), *asked]) == 1
    told = capsys.readouterr().out
    assert "  Nothing of products can be judged: no record of the sample reaches its target.\n" in told
    assert (
        "    what helps: create the unit group, or correct defaults.unit_group of the map document; Sales has "
        "'AdventureWorks units'\n"
    ) in told
    assert told.splitlines()[-1] == (
        "Exit code 1, although no history is broken: nothing of contacts and products was judged, since none of the "
        'sample\'s reaches its target. Correct the map or the records as "what helps" says above, and play again.'
    )
    assert "; 0 broken" in told
    (tmp_path / "maps.json").write_text(ADVENTURE_WORKS, encoding="utf-8")
    assert main(["--map", str(tmp_path / "maps.json"), *asked]) == 1
    assert "nothing of contacts was judged" in capsys.readouterr().out
    number_contacts(tmp_path)
    assert main(["--map", str(tmp_path / "maps.json"), *asked]) == 0
    assert "can be judged" not in capsys.readouterr().out


# --- the records of a history -----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_a_history_has_few_records_of_the_sample_and_only_values_that_occur(
    seed: int, adventure_works: Material
) -> None:
    pools = adventure_works.pools(seed)
    records = adventure_works.completed.records
    for flow in ("accounts", "contacts", "products"):
        pool, rows = pools[flow], [row.values for row in records[flow]]
        assert 0 < len(pool.rows) <= 4
        assert {*pool.ids} <= {row.id for row in records[flow]}
        for column, values in pool.columns.items():
            occur = {exact_json.dumps(row[column]) for row in rows}
            deeds = {"statecode", "merged", "msdynce_isactivecustomer"}
            assert column in deeds or {exact_json.dumps(value) for value in values} - {f'"{LEFT_OUT}"'} <= occur
    accounts = {*pools["accounts"].ids}
    parents = [row["parentcustomerid_account"] for row in pools["contacts"].rows]
    assert {parent["accountid"] for parent in parents if parent is not None} <= accounts


def test_other_seeds_play_with_other_records_and_the_same_seed_with_the_same(adventure_works: Material) -> None:
    again = Material(adventure_works.maps, adventure_works.sample)
    assert adventure_works.pools(5) == again.pools(5)
    assert len({tuple(adventure_works.pools(seed)["accounts"].ids) for seed in range(10)}) > 1


def test_a_record_without_a_number_gets_a_made_up_one_in_a_history(adventure_works: Material) -> None:
    pool = adventure_works.pools(1)["contacts"]
    assert all(isinstance(number, str) and number.strip() for number in pool.numbers)


def test_a_flow_without_records_in_the_sample_plays_with_made_up_ones(tmp_path: Path) -> None:
    pools = Material(MAPS, read(folder_of(tmp_path, accounts=[ACCOUNT]))).pools(1)
    standard = Material().pools(1)
    assert pools["products"] == standard["products"]
    assert pools["accounts"].first_row(0)["name"] == "Fabrikam"


# --- histories --------------------------------------------------------------------------------------------------------


def test_histories_of_the_shipped_sample_end_as_they_must(adventure_works: Material) -> None:
    played = [play(write_script(seed), adventure_works) for seed in range(3)]
    assert {each.script.seed: each.problems for each in played if each.problems} == {}


def test_histories_of_the_shipped_value_map_end_as_they_must() -> None:
    material = Material(SHIPPED.read_text(encoding="utf-8"))
    played = [play(write_script(seed), material) for seed in range(3)]
    assert {each.script.seed: each.problems for each in played if each.problems} == {}


OWN_MAPS = {
    "fields are off or sent at creation": changed(
        fields={
            "accounts": {"OrganizationName": "on_create", "LanguageId": "off", "OnHoldStatus": "off"},
            "contact_persons": {"FirstName": "off", "Notes": "on_create"},
            "contact_customers": {"PersonFirstName": "on_create"},
            "products": {"name": "on_create", "price": "off"},
            "quotations": {"SalesQuotationName": "off"},
            "quotation_lines": {"SalesPrice": "on_create"},
        }
    ),
    "filters and other words": changed(
        filters=keeping({"column": "numberofemployees", "operator": "ne", "value": 5})
        | keeping({"column": "telephone1", "operator": "filled"}, flow="contacts"),
        units=[{"sales": "Dozen", "finops": "DZ"}],
        currencies={"CHF": "CHF"},
        countries={"Suisse": "CH"},
        states={},
        product_types={},
        price_lists={"CHF": "Retail"},
        storage={"P-1": {"site": "2", "warehouse": ""}},
    ),
}


@pytest.mark.parametrize("name", OWN_MAPS)
def test_histories_of_another_value_map_end_as_they_must(name: str) -> None:
    played = [play(write_script(seed), Material(OWN_MAPS[name])) for seed in range(20, 23)]
    assert {each.script.seed: each.problems for each in played if each.problems} == {}


class Forgetful(Collection):
    """Customers of F&O whose name is lost."""

    def _apply(self, write: Write, *, late: bool) -> None:
        super()._apply(write, late=late)
        if "OrganizationName" in write.values:
            self._rows[self._key.folded(write.key)].values["OrganizationName"] = "lost"


def test_what_breaks_is_reported_with_its_seeds_and_the_command_that_plays_them_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(deployment, "Collection", Forgetful)
    # The flows of a stage are kept with it.
    stage_of_process.cache_clear()
    folder = str(folder_of(tmp_path, accounts=[ACCOUNT]))
    try:
        assert main(["--seeds", "2", "--no-shrink", "--sample", folder]) == 1
        assert f"Play a seed again: python -m tests.simulation --sample {folder} --seeds 1" in capsys.readouterr().out
        assert main(["--seeds", "2", "--no-shrink", "--sample", folder, "--called", "p2c simulate"]) == 1
    finally:
        stage_of_process.cache_clear()
    told = capsys.readouterr().out
    assert "Play a seed again: p2c simulate --seeds 1 --first SEED" in told
    assert re.search(r"OrganizationName of .* is 'lost' and should be", told)


# --- settings ---------------------------------------------------------------------------------------------------------


def maps_of(variant: str, maps: str) -> Any:
    """The map document of a variant."""
    return json.loads(str(settings_of(SettingsKey(variant, URL, COMPANIES[0], maps)).MAP_DOCUMENT))


def test_what_a_variant_changes_is_changed_in_the_users_document() -> None:
    own = json.loads(changed(own_columns=TIER, filters=keeping({"column": "new_tier", "operator": "filled"})))
    own["defaults"]["customer_group"] = "20"
    maps = json.dumps(own)
    assert maps_of("as it began", maps) == own
    assert maps_of("another customer group", maps)["defaults"] == {**own["defaults"], "customer_group": "10"}
    assert maps_of("fewer accounts", maps)["filters"]["accounts"] == [
        *own["filters"]["accounts"],
        {"name": "fewer", "keep": {"column": "name", "operator": "ne", "value": LEFT_OUT}},
    ]


def test_every_variant_differs_from_how_it_began_with_the_users_document() -> None:
    began = mappers_of(SettingsKey("as it began", URL, COMPANIES[0], ADVENTURE_WORKS))
    other = mappers_of(SettingsKey("another customer group", URL, COMPANIES[0], ADVENTURE_WORKS))
    assert began.accounts.fingerprint != other.accounts.fingerprint


def test_settings_that_the_users_document_forbids_are_left_out() -> None:
    maps = OWN_MAPS["fields are off or sent at creation"]
    (variant,) = [name for name, variant in VARIANTS.items() if variant.get("ACCOUNTS_ON_HOLD_WHEN_ENDED") == "All"]
    kept, left_out = (deployment_of(SettingsKey(variant, URL, COMPANIES[0], each)) for each in (MAPS, maps))
    assert kept.settings_for(AccountSettings).ACCOUNTS_ON_HOLD_WHEN_ENDED == "All"
    assert left_out.settings_for(AccountSettings).ACCOUNTS_ON_HOLD_WHEN_ENDED == "off"


# --- mistakes of the caller -------------------------------------------------------------------------------------------


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message with which a call ends that cannot work."""
    assert main(["--seeds", "1", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    return said.err.strip()


def test_a_folder_that_cannot_be_played_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "there is no folder" in told(capsys, "--sample", str(tmp_path / "none"))
    (file := tmp_path / "file").touch()
    assert told(capsys, "--sample", str(file)).endswith("/file is a file; name a folder of *.jsonl files")
    assert "has none of the files accounts.jsonl" in told(capsys, "--sample", str(tmp_path))
    assert told(capsys, "--sample", " ") == "--sample is blank; name a folder of *.jsonl files"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"name": "x"}, "line 1: column accountid is missing"),
        ({**ACCOUNT, "numberofemployees": "many"}, f"the sample, accounts {A}: column numberofemployees is not what"),
    ],
)
def test_a_record_that_cannot_be_played_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, row: Values, message: str
) -> None:
    assert message in told(capsys, "--sample", str(folder_of(tmp_path, accounts=[row])))


def test_a_line_that_is_no_json_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "accounts.jsonl").write_text("{", encoding="utf-8")
    assert "accounts.jsonl line 1 is not JSON" in told(capsys, "--sample", str(tmp_path))


def test_a_value_map_that_is_none_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "maps.json").write_text("[", encoding="utf-8")
    assert told(capsys, "--map", str(tmp_path / "none.json")).startswith(f"--map: {tmp_path / 'none.json'} does not")
    assert "is not JSON" in told(capsys, "--map", str(tmp_path / "maps.json"))
    assert "--map is blank" in told(capsys, "--map", "")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"accounts": 1}', "NaN"])
def test_what_is_no_sample_is_refused_without_telling_what_is_in_it(text: str) -> None:
    with pytest.raises(SampleUnusable, match="no sample"):
        read_sample(text)


@given(st.integers(0, 2**32))
def test_a_sample_comes_through_the_pipe_as_it_was(seed: int) -> None:
    dice = random.Random(seed)
    values: Values = {"name": dice.choice(["é", "\ud800", "", None]), "creditlimit": dice.randint(0, 9)}
    sent = {"id": A, "values": dict(values)}
    document = {
        "accounts": [sent],
        "contacts": [],
        "products": [],
        "quotations": [],
        "references": {"uoms": [{"a": 1}]},
    }
    sample = read_sample(exact_json.dumps(document))  # type: ignore[arg-type]
    assert sample.records["accounts"] == [SourceRow(A, None, values)]
    assert sample.references == {"uoms": [{"a": 1}]}
