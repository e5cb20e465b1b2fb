"""The F&O client over real HTTP against the simulator, with its faults."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.finops.assortment import Assortment
from local.finops.environment import finops_simulator
from local.finops.settings import Settings
from local.simulator.auth import FixedToken
from local.simulator.faults import Kind, Rule
from local.simulator.server import Simulator, running
from shared.clients.finops.environment import ACCEPT, MAX_URL_LENGTH, FinopsCollection, FinopsSystem, FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.clients.finops.source import FinopsSource
from shared.clients.http.channel import Channel
from shared.clients.http.origin import Origin
from shared.clients.http.throttle import Throttle
from shared.errors import OperatorNeeded, RecordMissing, RecordRejected, SyncError, Transient
from shared.flows.products import mapping as products
from shared.flows.products.mapping import ProductMapper
from shared.flows.registry import FLOWS
from shared.records import Json, Write
from shared.systems import System
from tests.support.channels import open_channel
from tests.support.clock import ManualClock
from tests.support.faults import TOLD_AS
from tests.unit.local.finops_environment import fresh_tables

TOKEN = "scenario"
FOREVER = 1_000_000.0


@dataclass
class Environment:
    simulator: Simulator
    origin: Origin
    clock: ManualClock
    channel: Channel
    system: FinopsSystem
    customers: FinopsCollection
    stock: Assortment

    def fail(self, kind: Kind, method: str, *, times: int | None = None, retry_after: str | None = None) -> None:
        rule = Rule(kind, methods=frozenset({method}), times=times, retry_after=retry_after)
        self.simulator.faults.add(rule)


SERVER_PAGE = 40


def collection(system: FinopsSystem, *fields: str) -> FinopsCollection:
    return FinopsCollection(FinopsTable(system, "CustomersV3", FinopsKey("usmf", ("CustomerAccount",)), fields))


@pytest.fixture
def environment() -> Iterator[Environment]:
    setup = Settings(page_size=SERVER_PAGE)
    tables = fresh_tables(setup)
    simulator = finops_simulator(tables, setup, FixedToken(TOKEN), admin_token="admin")
    with running(simulator) as url:
        clock = ManualClock()
        throttle = Throttle(System.FINOPS, clock, start=4, maximum=8)
        with open_channel(System.FINOPS, url, TOKEN, throttle, clock, accept=ACCEPT) as channel:
            system = FinopsSystem(channel, "usmf")
            customers = collection(system, "OrganizationName", "CustomerGroupId", "PartyType")
            stock = Assortment(tables, setup)
            yield Environment(simulator, channel.origin, clock, channel, system, customers, stock)
    tables.close()


def customer(number: int | str, *, create: bool = True, **values: Json) -> Write:
    complete: dict[str, Json] = {
        "OrganizationName": f"Litra {number}",
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD",
        "PartyType": "Organization",
        "PartyNumber": f"P{number}",
    }
    return Write(f"id-{number}", f"ACC-{number}", {**complete, **values} if create else values, create)


def write(at: Environment, *writes: Write) -> list[SyncError | None]:
    return list(at.customers.write(writes, not_after=FOREVER).values())


def test_customers_are_created_found_and_updated(environment: Environment) -> None:
    numbers = range(60)
    assert write(environment, *(customer(number) for number in numbers)) == [None] * 60
    keys = [f"acc-{number} " for number in numbers]
    found = environment.customers.find([*keys, "ACC-none"])
    named = {key: row.values["OrganizationName"] for key, row in found.items()}
    assert named == {key: f"Litra {number}" for number, key in enumerate(keys)}
    assert write(environment, customer(7, create=False, OrganizationName="O'Neil & Söhne")) == [None]
    assert environment.customers.find(["ACC-7"])["ACC-7"].values["OrganizationName"] == "O'Neil & Söhne"


def test_the_environment_is_known_by_its_company(environment: Environment) -> None:
    environment.system.probe()
    assert environment.system.identity() == "usmf"
    with pytest.raises(OperatorNeeded):
        FinopsSystem(environment.channel, "none").probe()


def test_each_refusal_says_what_to_do(environment: Environment) -> None:
    assert write(environment, customer(1)) == [None]
    unknown_group, duplicate, missing = write(
        environment,
        customer(2, CustomerGroupId="Local"),
        customer(1, PartyNumber="P-other"),
        customer(9, create=False, OrganizationName="x"),
    )
    assert isinstance(unknown_group, RecordRejected)
    assert unknown_group.cause == "finops.validateField.CustomerGroupId"
    assert isinstance(duplicate, RecordRejected)
    assert duplicate.cause == "target_exists"
    assert isinstance(missing, RecordMissing)


def test_an_unknown_field_calls_the_operator(environment: Environment) -> None:
    [result] = write(environment, customer(1, NoSuchField="x"))
    assert isinstance(result, OperatorNeeded)
    assert "NoSuchField" in str(result)
    with pytest.raises(OperatorNeeded, match="NoSuchField"):
        collection(environment.system, "NoSuchField").find(["ACC-1"])


@pytest.mark.parametrize(
    "key", ["O'Neil", "A&B=C;D", "Zoë 1", " lead", "名前", "a(b),c", '"q"', "<a>", "~!@$^", "a''b"]
)
def test_a_key_with_unusual_characters_finds_itself(environment: Environment, key: str) -> None:
    write_it = Write("1", key, customer(1).values, create=True)
    assert write(environment, write_it) == [None]
    assert list(environment.customers.find([key])) == [key]
    assert write(environment, Write("1", key, {"OrganizationName": "new"}, create=False)) == [None]
    assert environment.customers.find([key])[key].values["OrganizationName"] == "new"


@pytest.mark.parametrize(("kind", "expected", "applied"), TOLD_AS)
def test_a_fault_while_writing_is_reported_as_what_it_is(
    environment: Environment, kind: Kind, expected: type[SyncError], applied: bool
) -> None:
    environment.fail(kind, "POST")
    [result] = write(environment, customer(1))
    assert isinstance(result, expected)
    environment.simulator.faults.clear()
    assert bool(environment.customers.find(["ACC-1"])) == applied


@pytest.mark.parametrize("kind", [Kind.DROP_MID, Kind.TRUNCATE])
def test_a_create_whose_answer_breaks_off_behind_its_status_is_applied(environment: Environment, kind: Kind) -> None:
    environment.fail(kind, "POST")
    assert write(environment, customer(1)) == [None]
    assert environment.customers.find(["ACC-1"])


@pytest.mark.parametrize(
    "kind", [Kind.ERROR_BEFORE, Kind.DROP_BEFORE, Kind.DROP_AFTER, Kind.DROP_MID, Kind.HTML, Kind.TRUNCATE]
)
def test_a_read_gets_over_a_short_fault(environment: Environment, kind: Kind) -> None:
    environment.fail(kind, "GET", times=2)
    environment.system.probe()
    environment.fail(kind, "GET")
    with pytest.raises(Transient):
        environment.system.probe()


def test_a_short_throttling_is_waited_for_in_place(environment: Environment) -> None:
    environment.fail(Kind.THROTTLE, "POST", times=1, retry_after="3")
    assert write(environment, *(customer(number) for number in range(8))) == [None] * 8
    assert environment.clock.seconds >= 3
    assert environment.channel.requests.throttled == 1


SELECT = ProductMapper(FLOWS.read_map_document(None)).select
PRODUCT: dict[str, Json] = {"ProductName": "Bike", "SalesUnitSymbol": "EA", "SalesPrice": Decimal("12.5")}
# Every kind of character that may stand in a number: quotes, blanks, wildcards, what addresses reserve, any alphabet.
ODD = [
    "P-1", "p-10", "P-2", "O'Neil", "''", "a b", "A  c", "A*", "AB", "*", "Ä-1", "ä-2", "zÖ", "ß", "名前",
    "&=;+#%?/\\:", '"q"', "(x),y", "🚲", "z_%", "-", "0", "00", "[a]",
]  # fmt: skip


def source_of(at: Environment, *, page_rows: int = 10_000, select: Sequence[str] = SELECT) -> FinopsSource:
    """The products as the flow reads them."""
    return FinopsSource(at.system, products.ENTITY_SET, products.KEY_FIELD, "usmf", select, page_rows=page_rows)


def stocked(at: Environment, *numbers: str, **values: Json) -> None:
    """Products are put into F&O, or changed."""
    for number in numbers:
        at.stock.put({**PRODUCT, "ProductNumber": number, **values})


def removed(at: Environment, *numbers: str) -> None:
    for number in numbers:
        at.stock.remove({"ProductNumber": number})


def met(source: FinopsSource, between: Callable[[str], None] = lambda _last: None) -> list[str]:
    """The ids that a whole walk meets, in order; `between` is what happens after each page but the last."""
    ids: list[str] = []
    after: str | None = None
    for _ in range(1000):
        page = source.walk(after)
        ids += [record.id for record in page.records]
        if page.last is None:
            return ids
        after = page.last
        between(after)
    raise AssertionError("the walk does not end")


def digests(at: Environment) -> dict[str, bytes]:
    return {record.id: record.digest for record in source_of(at).walk(None).records}


@pytest.mark.parametrize("page_rows", [1, 2, 7, len(ODD), 10_000])
def test_a_walk_meets_every_product_once_whatever_its_number(environment: Environment, page_rows: int) -> None:
    stocked(environment, *ODD)
    ids = met(source_of(environment, page_rows=page_rows))
    assert sorted(ids) == sorted(ODD)
    assert ids == met(source_of(environment))


def test_a_walk_over_nothing_ends_at_once(environment: Environment) -> None:
    assert source_of(environment).walk(None) == source_of(environment, page_rows=1).walk("Z")
    assert source_of(environment).walk(None).last is None


def test_a_page_that_the_server_cuts_shorter_than_asked_is_not_the_end(environment: Environment) -> None:
    numbers = [f"P-{number:03d}" for number in range(2 * SERVER_PAGE + 1)]
    stocked(environment, *numbers)
    source = source_of(environment, page_rows=10_000)
    first = source.walk(None)
    assert (len(first.records), first.last) == (SERVER_PAGE, numbers[SERVER_PAGE - 1])
    assert met(source) == numbers


def test_a_walk_of_exactly_full_pages_ends(environment: Environment) -> None:
    numbers = [f"P-{number}" for number in range(6)]
    stocked(environment, *numbers)
    assert met(source_of(environment, page_rows=3)) == numbers


texts = st.text(st.sampled_from("aAbBzZ09'* -_äÄßÖ名(&"), min_size=1, max_size=4).filter(lambda key: key == key.strip())
moves = st.lists(st.tuples(st.booleans(), texts), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts, min_size=1, max_size=12), st.integers(1, 4), moves)
def test_what_stays_during_a_walk_is_met_once_while_others_come_and_go(
    environment: Environment, numbers: list[str], page_rows: int, moves: list[tuple[bool, str]]
) -> None:
    there = {number.casefold(): number for number in numbers}
    removed(environment, *met(source_of(environment)))
    stocked(environment, *there.values())
    touched: set[str] = set()
    pending = list(moves)

    def move(_last: str) -> None:
        if not pending:
            return
        comes, number = pending.pop()
        touched.add(number.casefold())
        if comes:
            there.setdefault(number.casefold(), number)
            stocked(environment, there[number.casefold()])
        elif number.casefold() in there:
            removed(environment, there.pop(number.casefold()))

    ids = met(source_of(environment, page_rows=page_rows), move)
    assert {each for each in ids if each.casefold() not in touched} == {
        there[key] for key in there if key not in touched
    }
    assert len(ids) == len(set(ids))


def test_a_walk_goes_on_behind_a_product_that_vanished_at_the_cursor(environment: Environment) -> None:
    numbers = [f"P-{number}" for number in range(9)]
    stocked(environment, *numbers)
    assert met(source_of(environment, page_rows=2), lambda last: removed(environment, last)) == numbers


def test_a_product_that_comes_behind_the_cursor_waits_for_the_next_walk(environment: Environment) -> None:
    stocked(environment, "B", "C", "D")
    source = source_of(environment, page_rows=1)
    assert met(source, lambda _last: stocked(environment, "A")) == ["B", "C", "D"]
    assert met(source) == ["A", "B", "C", "D"]


def test_products_of_another_company_are_none_of_ours(environment: Environment) -> None:
    stocked(environment, "P-1")
    stocked(environment, "P-1", "P-2", dataAreaId="usrt")
    source = source_of(environment)
    assert met(source) == ["P-1"]
    assert source.existing(["P-1", "P-2"]) == {"P-1"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ProductName", "Bike 2"),
        ("ProductName", "bike"),
        ("ProductDescription", "Fast"),
        ("SalesUnitSymbol", "BOX"),
        ("SalesPrice", Decimal("12.500001")),
        ("UnitCost", Decimal("0.0001")),
        ("SalesUnitDecimalPrecision", 3),
        ("ProductType", "Service"),
    ],
)
def test_a_mapped_field_moves_the_digest(environment: Environment, field: str, value: Json) -> None:
    stocked(environment, "P-1", "P-2")
    before = digests(environment)
    environment.stock.put({"ProductNumber": "P-1", field: value})
    after = digests(environment)
    assert (before["P-1"] == after["P-1"], before["P-2"] == after["P-2"]) == (False, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("IsSalesStopped", "Yes"),
        ("IsStockedProduct", "No"),
        ("InventoryUnitSymbol", "BOX"),
        ("InventoryUnitDecimalPrecision", 3),
    ],
)
def test_a_field_that_is_not_mapped_leaves_the_digest(environment: Environment, field: str, value: Json) -> None:
    stocked(environment, "P-1")
    before = digests(environment)
    environment.stock.put({"ProductNumber": "P-1", field: value})
    assert digests(environment) == before


def test_a_change_that_was_taken_back_leaves_the_digest(environment: Environment) -> None:
    stocked(environment, "P-1")
    before = digests(environment)
    stocked(environment, "P-1", ProductName="Other")
    stocked(environment, "P-1", ProductName="Bike")
    assert digests(environment) == before


def test_products_are_read_as_they_are_with_every_digit_and_without_annotations(environment: Environment) -> None:
    stocked(environment, "P-1", SalesPrice=Decimal("1234567890.123456"), ProductDescription='Ä "quoted"')
    row = source_of(environment).read(["P-1"])["P-1"]
    assert (row.id, row.version) == ("P-1", None)
    assert (row.values["SalesPrice"], row.values["ProductDescription"]) == (Decimal("1234567890.123456"), 'Ä "quoted"')
    assert not any("@" in name for name in row.values)
    assert set(SELECT) <= set(row.values)


def test_each_odd_number_reads_itself_and_no_other(environment: Environment) -> None:
    stocked(environment, *ODD)
    source = source_of(environment)
    for number in ODD:
        assert list(source.read([number])) == [number]
        assert source.existing([number]) == {number}
    assert set(source.read(ODD)) == set(ODD)


def test_a_number_in_another_case_is_another_record(environment: Environment) -> None:
    stocked(environment, "AbC")
    source = source_of(environment)
    assert source.existing(["abc", "AbC", "ABC"]) == {"AbC"}
    assert source.read(["ABC", "abc"]) == {}
    removed(environment, "AbC")
    stocked(environment, "abc")
    assert source.existing(["abc", "AbC"]) == {"abc"}


def test_what_no_address_can_carry_exists_not_and_costs_no_request(environment: Environment) -> None:
    before = environment.channel.requests.reads
    source = source_of(environment)
    assert (source.read(["\ud83d", "\0"]), source.existing([])) == ({}, frozenset())
    assert environment.channel.requests.reads == before


@pytest.mark.parametrize("name", ["P-{0:05d}", "O'Neil & Söhne *{0:05d}", "名前名前名前名前 {0}"])
def test_many_numbers_are_read_in_addresses_that_are_short_enough(environment: Environment, name: str) -> None:
    numbers = [name.format(number) for number in range(120)]
    stocked(environment, *numbers[::2])
    environment.simulator.exchanges.reset()
    source = source_of(environment)
    assert source.existing(numbers) == set(numbers[::2])
    assert set(source.read(numbers)) == set(numbers[::2])
    urls = [exchange.url for exchange in environment.simulator.exchanges.last(1000)]
    assert len(urls) > 2
    assert max(map(len, urls)) <= MAX_URL_LENGTH


def test_a_number_that_is_asked_for_twice_is_read_once(environment: Environment) -> None:
    stocked(environment, "P-1")
    assert list(source_of(environment).read(["P-1", "P-1"])) == ["P-1"]


def test_a_field_that_finops_does_not_have_calls_the_operator_by_name(environment: Environment) -> None:
    source = source_of(environment, select=["NoSuchField"])
    for ask in (lambda: source.walk(None), lambda: source.read(["P-1"])):
        with pytest.raises(OperatorNeeded, match="NoSuchField"):
            ask()


@pytest.mark.parametrize("kind", [Kind.ERROR_BEFORE, Kind.DROP_BEFORE, Kind.DROP_MID, Kind.HTML, Kind.TRUNCATE])
def test_a_walk_gets_over_a_short_fault_and_stops_at_a_long_one(environment: Environment, kind: Kind) -> None:
    stocked(environment, "P-1", "P-2")
    source = source_of(environment, page_rows=1)
    environment.fail(kind, "GET", times=2)
    assert met(source) == ["P-1", "P-2"]
    environment.fail(kind, "GET")
    for ask in (lambda: source.walk("P-1"), lambda: source.read(["P-1"]), lambda: source.existing(["P-1"])):
        with pytest.raises(Transient):
            ask()
