"""`p2c map set`: entries of value maps that count at once, without a deployment, and leave nothing when taken back."""

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.errors import StorageTrouble
from shared.flows.registry import FLOWS
from shared.mapping import map_yaml
from shared.mapping.map_source import SHIPPED
from shared.operations.acts import acts_of
from shared.operations.audit_log import Refused
from shared.operations.map_entries import MOST_ENTRIES, MapEditing
from shared.state.failures import Failure
from shared.state.links import LinkState
from shared.state.map_entries import ENTRIES, MAP
from shared.state.storage.tables import Put, Row
from tests.support.assortment import MAP_DOCUMENT, assortment
from tests.support.operator import answer, operated, p2c
from tests.support.product import FLOW, Product

SHORT: dict[str, Any] = {
    **json.loads(SHIPPED.read_text(encoding="utf-8")),
    "countries": {"Germany": "DE", "United States": "US"},
    "states": {"US": {"Ohio": "OH"}},
}
WAKANDA = {"address1_country": "Wakanda", "address1_city": "Birnin Zana"}
WHY = ("--reason", "a new customer")
MOMENT = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def short(sync: Product) -> Product:
    """The product with a document of two countries."""
    sync.start(MAP_DOCUMENT=json.dumps(SHORT))
    return sync


def country(sync: Product, number: str) -> str:
    """The country of a customer."""
    return str((sync.customer(number) or {})["AddressCountryRegionISOCode"])


def editing(sync: Product) -> MapEditing:
    return sync.service.map_editing(sync.deployment, sync.service.audit_log("operator@contoso"))


def audited(sync: Product) -> list[tuple[str, str, str]]:
    """What was done with entries, the latest first."""
    return [(each.what, each.subject, each.reason) for each in sync.state.audit.latest(50) if "map" in each.what]


# --- it counts at once ------------------------------------------------------------------------------------------------


def test_the_remedy_of_a_rejected_record_is_a_command_that_mends_it_without_another_act(short: Product) -> None:
    id = short.account("A-1", **WAKANDA)
    short.tick()
    command = "p2c map set accounts countries Wakanda CODE --reason WHY"
    assert command in answer("explain", FLOW, id)["acts"]
    assert command in p2c("failures")
    assert command in p2c("failures", FLOW, "--cause", "country_unknown")
    words = shlex.split(command.replace("CODE", "WK").replace("WHY", "'a new customer'"))[1:]
    assert "countries Wakanda = WK: it counts from the next pull and message on" in p2c(*words)
    # Of two entries of one millisecond either may be the first.
    short.clock.sleep(1)
    short.tick()
    short.check_in_step([id])
    assert country(short, "A-1") == "WK"
    assert answer("history", FLOW, id)[0]["by"] == "a look again by the sync"
    assert audited(short) == [("map set", "countries Wakanda = WK", "a new customer")]


def test_the_history_tells_that_a_mended_record_is_in_step_again_although_nothing_was_written(short: Product) -> None:
    id = short.account("A-1", address1_country="Germany", address1_city="Bonn")
    short.tick()
    short.clock.sleep(1)
    short.edit(id, address1_country="Allemagne")
    short.tick()
    short.clock.sleep(1)
    p2c("map", "set", FLOW, "countries", "Allemagne", "DE", *WHY)
    short.tick()
    assert short.failure(id) is None
    told = [(entry["outcome"], entry["by"]) for entry in answer("history", FLOW, id)]
    assert told == [
        ("in step again", "a look again by the sync"),
        ("rejected: country_unknown", "a change in the source"),
        ("created", "a change in the source"),
    ]
    assert "in step again" in p2c("history", FLOW, id)
    short.clock.sleep(1)
    short.edit(id, description="More")
    short.tick()
    short.clock.sleep(1)
    p2c("map", "unset", FLOW, "countries", "Allemagne", *WHY)
    short.settle()
    assert answer("history", FLOW, id)[0]["outcome"] == "rejected: country_unknown"


def test_each_value_map_that_lacks_something_is_named_with_the_value_of_the_record(short: Product) -> None:
    fields = {"accounts": {"LineOfBusinessId": {"word": "value_map", "from": "sic", "map": "industries"}}}
    short.start(MAP_DOCUMENT=json.dumps({**SHORT, "fields": fields, "value_maps": {"industries": {"Retail": "RTL"}}}))
    state: dict[str, object] = {
        "address1_country": "United States",
        "address1_stateorprovince": "New Wakanda",
        "address1_city": "Zana",
    }
    wrong: dict[str, dict[str, object]] = {
        "p2c map set accounts states.US 'New Wakanda' CODE --reason WHY": state,
        "p2c map set accounts value_maps.industries 'Fish & more' CODE --reason WHY": {"sic": "Fish & more"},
    }
    ids = {command: short.account(f"A-{number}", **values) for number, (command, values) in enumerate(wrong.items())}
    short.tick()
    for command, id in ids.items():
        assert command in answer("explain", FLOW, id)["acts"]
        p2c(*shlex.split(command.replace("CODE", "XX"))[1:])
    short.tick()
    short.check_in_step(list(ids.values()))


def test_the_command_for_a_missing_entry_is_accepted_whichever_flow_lacks_it(short: Product) -> None:
    """The first flow lacks an entry of each kind, every other one an entry of one kind."""
    kinds = (("price_lists", "USD"), ("units", "Barrel"), ("states.US", "New Wakanda"))
    for at, flow in enumerate(FLOWS.names):
        for name in (kinds[at % len(kinds)],) if at else kinds:
            failure = Failure(flow, "1", "c", "", "", first_seen=MOMENT, last_seen=MOMENT, lacks=(*name, flow))
            (command,) = acts_of(failure).commands
            assert "it counts from the next pull and message on" in p2c(*shlex.split(command)[1:])


def test_an_entry_is_used_by_a_message_that_was_queued_before_it_was_set(short: Product) -> None:
    id = short.account("A-1", **WAKANDA)
    short.service.pull(FLOW)
    p2c("map", "set", FLOW, "countries", "wakanda", "WK", *WHY)
    short.drain()
    short.check_in_step([id])


def test_an_entry_takes_the_place_of_that_of_the_document_and_leaves_when_it_is_taken_back(short: Product) -> None:
    id = short.account("A-1", address1_country="Germany", address1_city="Bonn")
    short.tick()
    p2c("map", "set", FLOW, "countries", "germany", "AT", *WHY)
    short.tick()
    assert country(short, "A-1") == "AT"
    short.clock.sleep(1)
    p2c("map", "unset", FLOW, "countries", "GERMANY", "--reason", "a mistake")
    short.tick()
    assert country(short, "A-1") == "DE"
    short.check_in_step([id])
    assert [what for what, _, _ in audited(short)] == ["map unset", "map set"]


def test_a_plan_and_an_explanation_foresee_what_an_entry_does(short: Product) -> None:
    id = short.account("A-1", **WAKANDA)
    short.tick()
    p2c("map", "set", FLOW, "countries", "Wakanda", "WK", *WHY)
    (planned,) = answer("plan", FLOW, id)["records"]
    assert planned["kind"] == "created"
    assert "WK" in p2c("explain", FLOW, id)


def test_an_entry_costs_no_request_to_the_storage_for_a_message(short: Product) -> None:
    def steps_of_a_message(number: str) -> int:
        short.account(number)
        short.service.pull(FLOW)
        before = short.steps.count
        short.drain()
        return short.steps.count - before

    steps_of_a_message("A-1")
    without = steps_of_a_message("A-2")
    p2c("map", "set", FLOW, "countries", "Wakanda", "WK", *WHY)
    short.tick()
    assert steps_of_a_message("A-3") == without


# --- faults -----------------------------------------------------------------------------------------------------------


def test_set_and_taken_back_between_two_pulls_nothing_keeps_the_withdrawn_code(short: Product) -> None:
    known = short.account("A-1", address1_country="Germany", address1_city="Bonn")
    short.tick()
    p2c("map", "set", FLOW, "countries", "Germany", "AT", *WHY)
    p2c("sync", FLOW, known)
    short.drain()
    assert country(short, "A-1") == "AT"
    p2c("map", "unset", FLOW, "countries", "Germany", *WHY)
    short.settle(5)
    assert country(short, "A-1") == "DE"
    short.check_in_step([known])
    assert short.link(known).seen.fingerprint == short.service.flows[FLOW].fingerprint


def test_two_hosts_apply_the_same_entries_whichever_takes_the_message(short: Product) -> None:
    first, second = short.service, short.start()
    ids = [short.account(f"A-{number}", **WAKANDA) for number in range(2)]
    editing(short).set(FLOW, "countries", "Wakanda", "WK", "why")
    for service, id in zip((first, second), ids, strict=True):
        service.sender.send(FLOW, [id], "run")
        (message,) = short.queues.receive(FLOW, limit=1, invisible_s=600)
        service.apply(FLOW, message.body.encode())
        short.queues.delete(FLOW, message)
    assert {country(short, f"A-{number}") for number in range(2)} == {"WK"}
    first.pull(FLOW)
    second.pull(FLOW)
    short.drain()
    short.check_in_step(ids)


def _trouble() -> None:
    raise StorageTrouble("the storage does not answer")


@pytest.mark.parametrize("way", ["set", "unset"])
def test_whatever_step_fails_no_entry_changes_without_an_audit_and_the_command_can_be_repeated(
    short: Product, way: str
) -> None:
    def act() -> None:
        if way == "set":
            editing(short).set(FLOW, "countries", "Wakanda", "WK", "why")
        else:
            editing(short).unset(FLOW, "countries", "Wakanda", "why")

    def undo() -> None:
        if way == "unset" and not short.service.map_entries.now():
            editing(short).set(FLOW, "countries", "Wakanda", "WK", "why")
        elif way == "set" and short.service.map_entries.now():
            editing(short).unset(FLOW, "countries", "Wakanda", "why")

    undo()
    start = short.steps.count
    act()
    steps = short.steps.count - start
    assert steps > 3
    for number in range(1, steps + 1):
        undo()
        before, told = short.service.map_entries.now(), len(audited(short))
        short.steps.at[short.steps.count + number] = _trouble
        with pytest.raises(StorageTrouble):
            act()
        changed = short.service.map_entries.now() != before
        assert len(audited(short)) > told or not changed
        if not changed:
            act()
        assert bool(short.service.map_entries.now()) is (way == "set")


def test_two_operators_at_once_both_set_their_entry(short: Product) -> None:
    other = editing(short)
    met: list[Callable[[], object]] = [lambda: other.set(FLOW, "countries", "Narnia", "NA", "why")]
    table = short.memory("control")
    transact = table.transact

    def meanwhile(operations: Any) -> Any:
        if met:
            met.pop()()
        return transact(operations)

    table.transact = meanwhile  # type: ignore[method-assign]
    editing(short).set(FLOW, "countries", "Wakanda", "WK", "why")
    assert {each.name for each in short.service.map_entries.now()} == {"Narnia", "Wakanda"}


def test_entries_that_cannot_be_read_hold_every_flow_until_the_row_is_dropped(short: Product) -> None:
    short.memory("control").transact([Put(Row(MAP, ENTRIES, {"entry_000": "[]"}))])
    id = short.account("A-1")
    short.service.pull(FLOW)
    short.service.sender.send(FLOW, [id], "run")
    short.drain()
    assert short.customers() == 0
    told = p2c("damaged", code=1)
    assert "p2c drop control 'map' 'entries'" in told
    p2c("drop", "control", MAP, ENTRIES, "--yes")
    short.settle(5)
    short.check_in_step([id])


# --- beside the document ----------------------------------------------------------------------------------------------


def test_an_entry_is_shown_with_who_set_it_when_and_why_and_is_named_once_the_document_has_it(short: Product) -> None:
    assert "No entry is set by hand" in p2c("map", "entries")
    assert "instead of" not in p2c("map", "set", FLOW, "countries", "Wakanda", "WK", *WHY)
    assert "It counts instead of the document's: DE.\n" in p2c("map", "set", FLOW, "countries", "Germany", "AT", *WHY)
    shown = p2c("map", "show", FLOW)
    for told in ("Wakanda", "operator@contoso", "a new customer", "added", "instead of the document's: DE"):
        assert told in shown
        assert told in p2c("map", "entries")
    added, instead = answer("map", "entries")
    assert (added["state"], added["document"], instead["document"]) == ("added", None, "DE")
    short.start(MAP_DOCUMENT=json.dumps({**SHORT, "countries": {"Germany": "DE", "Wakanda": "WK"}}))
    assert "no longer needed: p2c map unset accounts countries Wakanda --reason deployed" in p2c("map", "entries")


def test_an_entry_that_a_new_document_contradicts_does_not_count_and_stops_nothing(short: Product) -> None:
    fields = {"accounts": {"LineOfBusinessId": {"word": "value_map", "from": "sic", "map": "industries"}}}
    short.start(MAP_DOCUMENT=json.dumps({**SHORT, "fields": fields, "value_maps": {"industries": {"Retail": "RTL"}}}))
    p2c("map", "set", FLOW, "industries", "Fishing", "FSH", *WHY)
    p2c("map", "set", FLOW, "countries", "Wakanda", "WK", *WHY)
    id = short.account("A-1", sic="fishing", **WAKANDA)
    short.tick()
    assert (short.customer("A-1") or {})["LineOfBusinessId"] == "FSH"
    units = [{"sales": "Each", "finops": "bbl"}]
    p2c("map", "set", FLOW, "units", "Barrel", "bbl", *WHY)
    short.start(MAP_DOCUMENT=json.dumps({**SHORT, "units": units}))
    short.tick()
    short.check_in_step([id])
    assert country(short, "A-1") == "WK"
    states = {each["map"]: each["state"] for each in answer("map", "entries")}
    assert states["units"] == "does not count: the document would be wrong with it"
    assert states["countries"] == "added"


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_an_export_is_a_complete_document_that_makes_its_entries_unneeded(
    short: Product, tmp_path: Path, form: str
) -> None:
    own = tmp_path / f"contoso.{form}"
    own.write_text(
        json.dumps(SHORT) if form == "json" else f"# Ours.\n{map_yaml.dumps(SHORT)}# Reviewed.\n", encoding="utf-8"
    )
    short.start(MAP_DOCUMENT=str(own))
    p2c("map", "set", FLOW, "countries", "Wakanda", "WK", *WHY)
    p2c("map", "set", FLOW, "units", "Barrel", "bbl", *WHY)
    assert "with 2 entries set by hand" in p2c("map", "export", str(own))
    assert "without mistakes" in p2c("map", "check", str(own))
    if form == "yaml":
        text = own.read_text(encoding="utf-8")
        assert text.startswith("# Ours.\n")
        assert "# Reviewed.\n" in text
    short.start()
    assert {each["state"] for each in answer("map", "entries")} == {"no longer needed: the document has it"}
    assert FLOWS.read_map_document(p2c("map", "export")) == FLOWS.read_map_document(str(own))


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_an_export_keeps_every_digit_of_a_number(short: Product, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"exported.{form}"
    text = json.dumps({**SHORT, "fields": {"accounts": {"CreditLimit": {"word": "constant", "value": 0}}}})
    for number in ("12345678901234567.89", "1.10"):
        short.start(MAP_DOCUMENT=text.replace('"value": 0', f'"value": {number}'))
        p2c("map", "export", str(file))
        assert f"value: {number}\n" in file.read_text(encoding="utf-8").replace('"', "")
        assert FLOWS.read_map_document(str(file)).in_order == short.deployment.maps.in_order


# --- every kind of map, and what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flow", "map_name", "name", "code", "meant"),
    [
        (FLOW, "states.US", "Wakanda", "WA", "WA"),
        (FLOW, "currencies", "WKD", "WKX", "WKX"),
        ("products", "product_types", "Kit", "3", 3),
        ("quotations", "amount_decimals", "WKD", "0", 0),
        ("products", "price_lists", "USD", "Retail", "Retail"),
        ("invoices", "country_names", "WK", "Wakanda", "Wakanda"),
        ("ordersback", "processing_status", "Delivered", "647390006", 647390006),
        (FLOW, "industries", "Fishing", "7", "7"),
        (FLOW, "sizes", "Large", "7", 7),
    ],
)
def test_every_value_map_takes_entries_with_codes_of_its_own_type(
    short: Product, flow: str, map_name: str, name: str, code: str, meant: object
) -> None:
    short.start(MAP_DOCUMENT=json.dumps({**SHORT, "value_maps": {"industries": {}, "sizes": {"Small": 1}}}))
    entry = editing(short).set(flow, map_name, name, code, "why")
    assert entry is not None
    assert (entry.code, type(entry.code)) == (meant, type(meant))
    assert short.service.flows_now[flow].fingerprint != short.service.flows[flow].fingerprint
    assert editing(short).set(flow, map_name, name, code, "why") is None, "it is there already"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("contries", "Wakanda", "WK"), "'contries' is no value map of the document: did you mean countries?"),
        (("defaults", "site", "1"), "'defaults' is no value map of the document"),
        (("amount_decimals", "USD", "2"), "`amount_decimals` is no value map of accounts: it is one of quotations"),
        (("countries", "Wakanda", "Wakanda"), "countries.Wakanda is 'Wakanda': write the ISO 3166 code"),
        (("countries", " ", "WK"), "write at least one character"),
        (("currencies", "euro", "EUR"), "currencies.euro is a wrong name: write the ISO 4217 code"),
        (("states.WK", "Zana", "Z"), "the document has no list 'WK' in `states`: an entry alone would reject every"),
        (("units", "Barrel", "ea"), "more than one unit for ea to Sales; keep one pair for each direction"),
        (("units", "Barrel", "bbl", "--direction", "up"), "the direction is 'up': write both, to_finops, to_sales"),
        (("countries", "Wakanda", "WK", "--direction", "to_sales"), "`countries` has no directions"),
        (("countries", "W" * 300, "WK"), "the name has 300 characters"),
    ],
)
def test_what_would_make_the_document_wrong_is_refused_in_one_sentence(
    short: Product, words: tuple[str, ...], said: str
) -> None:
    told = p2c("map", "set", FLOW, *words, *WHY, code=2)
    assert said in told
    assert len(told.strip().splitlines()) == 1
    assert not short.service.map_entries.now()
    assert not audited(short)


def test_a_whole_number_is_asked_for_where_a_text_is_no_code(short: Product) -> None:
    told = p2c("map", "set", "products", "product_types", "Kit", "three", *WHY, code=2)
    assert "'three' is no code of `product_types`: write a whole number" in told


def test_what_is_not_set_by_hand_cannot_be_taken_back(short: Product) -> None:
    assert "is not set by hand: change the document" in p2c("map", "unset", FLOW, "countries", "Germany", *WHY, code=2)
    assert "`p2c map entries` lists what is" in p2c("map", "unset", FLOW, "countries", "Wakanda", *WHY, code=2)


def test_a_reason_must_be_given(short: Product) -> None:
    assert "the reason must not be blank" in p2c(
        "map", "set", FLOW, "countries", "Wakanda", "WK", "--reason", " ", code=2
    )
    assert not short.service.map_entries.now()


def test_there_are_so_many_entries_at_most(short: Product) -> None:
    entry = editing(short).set(FLOW, "countries", "Wakanda", "WK", "why")
    assert entry is not None
    short.service.map_entries.change(
        lambda _: [replace(entry, name=f"Land {number}") for number in range(MOST_ENTRIES)]
    )
    with pytest.raises(Refused, match="200 entries are set by hand, which is the most"):
        editing(short).set(FLOW, "countries", "Wakanda", "WK", "why")
    assert len(short.service.map_entries.now()) == MOST_ENTRIES


def test_a_unit_of_finops_that_is_unknown_is_mended_by_the_command_that_its_product_names() -> None:
    document = json.loads(MAP_DOCUMENT)
    (pair,) = (each for each in document["units"] if each["finops"].casefold() == "ea")
    others = [each for each in document["units"] if each != pair]
    with assortment(MAP_DOCUMENT=json.dumps({**document, "units": others})) as shop, operated(shop):
        shop.put("D0009", SalesUnitSymbol="EA")
        shop.tick()
        (failure,) = shop.state.failures.page("products", "", 10)[0]
        assert "p2c map set products units NAME EA --reason WHY" in answer("explain", "products", failure.id)["acts"]
        p2c("map", "set", "products", "units", pair["sales"], "EA", "--direction", "to_sales", *WHY)
        shop.tick()
        assert shop.state.links.load("products", [failure.id])[failure.id].state is LinkState.WRITTEN
