"""The Dataverse client over real HTTP against the simulator: walks, bulk reads, refused links, faults."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests

from local.dataverse.organisation import Organisation
from local.dataverse.settings import Settings
from local.dataverse.simulator import build_simulator
from local.simulator.auth import FixedToken
from local.simulator.exchanges import Exchange, ExchangeLog
from local.simulator.faults import Faults, Kind, Rule
from local.simulator.server import Simulator, running
from local.simulator.store import Store
from shared.clients.dataverse.bisect import Result
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.dataverse.lookup import DataverseLookup, LookupTable
from shared.clients.dataverse.record_table import Detail, RecordTable
from shared.clients.dataverse.rows import BULK_ROWS, RowWrite, RowWriter, WriteTable
from shared.clients.dataverse.sources import DataverseTable
from shared.clients.dataverse.target import DataverseTarget
from shared.clients.http.channel import Channel
from shared.clients.http.sending import Sending
from shared.clients.http.throttle import Throttle
from shared.errors import (
    LinkRefused,
    NotSent,
    OperatorNeeded,
    OutcomeUnknown,
    PartlyApplied,
    RecordMissing,
    RecordRejected,
    SyncError,
    Transient,
)
from shared.flows.products import catalogue
from shared.flows.products import mapping as products
from shared.records import Change, ChangePage, Json, MarkedRow, TargetRow, Write
from shared.systems import System
from tests.support.channels import open_channel
from tests.support.clock import ManualClock
from tests.support.faults import TOLD_AS
from tests.support.patience import PATIENCE_S
from tests.unit.local.dataverse_world import fresh_organisation

TOKEN = "scenario"
PAGE = 7


@dataclass
class Environment:
    simulator: Simulator
    organisation: Organisation
    channel: Channel
    throttle: Throttle
    accounts: DataverseTable

    def send(self, method: str, path: str, body: object = None) -> None:
        """What somebody does in Sales."""
        url = self.channel.origin.url(f"/api/data/v9.2/{path}")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        requests.request(method, url, json=body, headers=headers, timeout=PATIENCE_S).raise_for_status()

    def save(self, *numbers: int) -> None:
        for number in numbers:
            self.send("PATCH", f"accounts({id_of(number)})", {"name": f"Litra {number}"})

    def fail(self, kind: Kind, times: int | None = None) -> None:
        self.simulator.faults.add(Rule(kind, times=times))


@pytest.fixture
def environment() -> Iterator[Environment]:
    organisation = fresh_organisation(settings=Settings(page_cap=PAGE, dop_hint=3))
    simulator = build_simulator(organisation, FixedToken(TOKEN), Faults(), ExchangeLog("dataverse"), "admin")
    with running(simulator) as url:
        clock = ManualClock()
        throttle = Throttle(System.DATAVERSE, clock, start=4, maximum=8)
        with open_channel(System.DATAVERSE, url, TOKEN, throttle, clock) as channel:
            currency = {"transactioncurrencyid": ["isocurrencycode"]}
            table = DataverseTable(
                DataverseSystem(channel), "accounts", "accountid", ["name", "creditlimit", "statecode"], currency
            )
            yield Environment(simulator, organisation, channel, throttle, table)
    organisation.store.close()


def id_of(number: int) -> str:
    return str(UUID(int=number, version=4))


def walk(accounts: DataverseTable, page: ChangePage) -> tuple[list[Change], str | None]:
    changes = list(page.changes)
    for _ in range(50):
        if page.next_link is None:
            return changes, page.delta_link
        page = accounts.follow(page.next_link)
        changes += page.changes
    raise AssertionError("the walk does not end")


def test_a_tracked_walk_brings_every_row_and_then_the_changes_only(environment: Environment) -> None:
    environment.save(*range(20))
    changes, delta = walk(environment.accounts, environment.accounts.track_changes())
    assert {change.id for change in changes} == {id_of(number) for number in range(20)}
    assert delta is not None
    environment.save(3, 20)
    environment.send("DELETE", f"accounts({id_of(4)})")
    later, _ = walk(environment.accounts, environment.accounts.follow(delta))
    assert {change.id: change.gone for change in later} == {id_of(3): False, id_of(20): False, id_of(4): True}
    versions = {change.id: change.version or 0 for change in changes}
    assert all(change.gone or (change.version or 0) > versions.get(change.id, 0) for change in later)


def test_a_plain_walk_brings_every_row(environment: Environment) -> None:
    environment.save(*range(20))
    changes, delta = walk(environment.accounts, environment.accounts.list_rows())
    assert {change.id for change in changes} == {id_of(number) for number in range(20)}
    assert delta is None


def test_rows_are_read_in_bulk_over_many_pages(environment: Environment) -> None:
    environment.save(*range(30))
    ids = [id_of(number) for number in range(35)]
    rows = environment.accounts.read(ids)
    assert {row.id: row.values["name"] for row in rows.values()} == {id_of(n): f"Litra {n}" for n in range(30)}
    assert environment.accounts.existing(ids) == set(rows)
    seen = {change.id: change.version for change in walk(environment.accounts, environment.accounts.list_rows())[0]}
    assert {row.id: row.version for row in rows.values()} == seen


def test_the_environment_is_known_and_its_hint_taken(environment: Environment) -> None:
    system = DataverseSystem(environment.channel)
    system.probe()
    assert UUID(system.identity())
    assert environment.throttle.limit in (3, 4)


def test_refused_links_say_so(environment: Environment) -> None:
    environment.save(*range(20))
    page = environment.accounts.track_changes()
    _, delta = walk(environment.accounts, page)
    environment.organisation.switches.refuse_next_links = True
    environment.organisation.switches.refuse_delta_links = True
    for link in (page.next_link, delta):
        assert link is not None
        with pytest.raises(LinkRefused):
            environment.accounts.follow(link)


def test_an_unknown_column_calls_the_operator(environment: Environment) -> None:
    table = DataverseTable(DataverseSystem(environment.channel), "accounts", "accountid", ["no_such_column"])
    with pytest.raises(OperatorNeeded, match="no_such_column"):
        table.read([id_of(1)])


def test_a_missing_privilege_calls_the_operator(environment: Environment) -> None:
    environment.organisation.switches.read_denied.add("account")
    with pytest.raises(OperatorNeeded, match="accounts"):
        environment.accounts.track_changes()


@pytest.mark.parametrize(
    "kind", [Kind.ERROR_BEFORE, Kind.DROP_BEFORE, Kind.DROP_MID, Kind.HTML, Kind.TRUNCATE, Kind.THROTTLE]
)
def test_trouble_of_the_environment_is_no_answer(environment: Environment, kind: Kind) -> None:
    environment.save(1)
    environment.fail(kind)
    with pytest.raises(Transient):
        environment.accounts.read([id_of(1)])


def test_a_page_gets_over_a_short_fault(environment: Environment) -> None:
    environment.save(*range(3))
    environment.fail(Kind.DROP_MID, times=2)
    assert len(environment.accounts.list_rows().changes) == 3


PRODUCTS = WriteTable(products.TARGET_SET, products.LOGICAL_NAME, products.ID_COLUMN, products.LOOKUPS)
ITEMS = WriteTable(products.ITEM_SET, products.ITEM, products.ITEM_ID_COLUMN, products.ITEM_LOOKUPS)
BY_SYNC = Detail(
    field=products.ITEM,
    table=ITEMS,
    parent=products.ID_COLUMN,
    place=("pricelevelid",),
    also_set=("uomid",),
    amount=products.AMOUNT,
    constants=products.CURRENCY_AMOUNT,
    proof=products.OURS,
)
RECORDS = RecordTable(
    table=PRODUCTS,
    key_column=products.KEY_COLUMN,
    columns=("name", "quantitydecimal", "defaultuomid"),
    also_read=(products.STATE,),
    late=frozenset({"statecode", "pricelevelid"}),
    status_of=products.STATUS_OF,
    already={0: frozenset({0, 3})},
    detail=BY_SYNC,
)
NAMESPACE = "products|usmf"
FOREVER = 1_000_000.0
TOO_LONG = "x" * 101


@dataclass
class Sales:
    """Products as the flow writes them, in an organisation without the solution, and what was asked of it."""

    simulator: Simulator
    organisation: Organisation
    system: DataverseSystem
    clock: ManualClock
    catalogue: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: object = None) -> requests.Response:
        """What somebody does in Sales."""
        url = self.system.channel.origin.url(f"/api/data/v9.2/{path}")
        headers = {"Authorization": f"Bearer {TOKEN}", "Prefer": "return=representation"}
        reply = requests.request(method, url, json=body, headers=headers, timeout=PATIENCE_S)
        assert reply.status_code < 300, reply.text
        return reply

    def rows(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.send("GET", path).json()["value"]
        return found

    def create(self, entity_set: str, id_column: str, **values: object) -> str:
        """The id of a new row; `nav__to` stands for nav@odata.bind."""
        body = {name.replace("__to", "@odata.bind"): value for name, value in values.items()}
        return str(self.send("POST", entity_set, body).json()[id_column])

    def writes(self) -> list[Exchange]:
        """Every request that was no read, since the record was last cleared."""
        return [exchange for exchange in self.simulator.exchanges.last(1000) if exchange.method != "GET"]

    def reads(self) -> list[Exchange]:
        return [exchange for exchange in self.simulator.exchanges.last(1000) if exchange.method == "GET"]

    def forget(self) -> None:
        self.simulator.exchanges.reset()

    def fail(self, kind: Kind, path: str = "", times: int | None = 1) -> None:
        methods = frozenset({"POST", "PATCH", "DELETE"})
        self.simulator.faults.add(Rule(kind, methods=methods, path=path, times=times))

    def writer(self, table: WriteTable = PRODUCTS, **options: Any) -> RowWriter:
        return RowWriter(self.system, table, **options)

    def write(self, rows: Sequence[RowWrite], table: WriteTable = PRODUCTS, **options: int) -> list[Result]:
        return self.writer(table, **options).write(rows, Sending(self.clock, FOREVER))

    def target(self, detail: Detail = BY_SYNC, **options: Any) -> DataverseTarget:
        return DataverseTarget(self.system, replace(RECORDS, detail=detail), NAMESPACE, **options)

    def values(self, number: int, **values: Json) -> dict[str, Json]:
        """A product of Sales with its number."""
        return {"productnumber": f"P-{number}", **self.content(), **values}

    def content(self, **values: Json) -> dict[str, Json]:
        """What a new product needs besides its number."""
        needed: dict[str, Json] = {
            "name": "Bike",
            "quantitydecimal": 0,
            "defaultuomid": self.catalogue["unit"],
            "defaultuomscheduleid": self.catalogue["group"],
            "transactioncurrencyid": self.catalogue["currency"],
        }
        return {**needed, **values}

    def made(self, *numbers: int) -> None:
        """Products that are there already, written as one bulk."""
        assert self.write([RowWrite(id_of(n), self.values(n), create=True) for n in numbers]) == [None] * len(numbers)
        self.forget()

    def names(self) -> dict[str, str]:
        """Every product's name by id."""
        return {str(row["productid"]): str(row["name"]) for row in self.rows("products?$select=productid,name")}


# The rows of a catalogue and their ids: it is made once for tables with bulk messages, once without, and copied.
_STOCKED: dict[bool, tuple[Store, dict[str, str]]] = {}


@contextmanager
def selling(*, bulk: bool = True, page_cap: int = 5000) -> Iterator[Sales]:
    setup = Settings(page_cap=page_cap, no_bulk=frozenset() if bulk else frozenset({"product"}))
    stocked, catalogue = _STOCKED.get(bulk, (None, None))
    organisation = fresh_organisation(settings=setup, solution=False, store=stocked)
    simulator = build_simulator(organisation, FixedToken(TOKEN), Faults(), ExchangeLog("dataverse"), "admin")
    with running(simulator) as url:
        clock = ManualClock()
        throttle = Throttle(System.DATAVERSE, clock, start=4, maximum=8)
        with open_channel(System.DATAVERSE, url, TOKEN, throttle, clock) as channel:
            sales = Sales(simulator, organisation, DataverseSystem(channel), clock)
            sales.catalogue = catalogue or _catalogue(sales)
            if stocked is None:
                _STOCKED[bulk] = organisation.store.copied(), sales.catalogue
            sales.forget()
            yield sales
    organisation.store.close()


def _catalogue(sales: Sales) -> dict[str, str]:
    """A currency, a unit group with two units, two price lists."""
    currency = sales.create(
        "transactioncurrencies", "transactioncurrencyid", isocurrencycode="USD", currencyname="US Dollar",
        currencysymbol="$", currencyprecision=2, exchangerate=1,
    )  # fmt: skip
    group = sales.create("uomschedules", "uomscheduleid", name="Units", baseuomname="Each")
    unit = str(sales.rows("uoms?$select=uomid")[0]["uomid"])
    in_group = {"uomscheduleid__to": f"/uomschedules({group})", "baseuom__to": f"/uoms({unit})"}
    box = sales.create("uoms", "uomid", name="Boxes", quantity=10, **in_group)
    of_currency = {"transactioncurrencyid__to": f"/transactioncurrencies({currency})"}
    lists = [sales.create("pricelevels", "pricelevelid", name=name, **of_currency) for name in ("A", "B")]
    return {"currency": currency, "group": group, "unit": unit, "box": box, "list": lists[0], "other list": lists[1]}


@pytest.fixture
def sales() -> Iterator[Sales]:
    with selling() as made:
        yield made


def created(sales: Sales, count: int, *, first: int = 0) -> list[RowWrite]:
    numbers = range(first, first + count)
    return [RowWrite(id_of(number), sales.values(number), create=True) for number in numbers]


def renamed(count: int, name: str = "New") -> list[RowWrite]:
    return [RowWrite(id_of(number), {"name": name}) for number in range(count)]


def action(exchange: Exchange) -> str:
    """What a request was: an action, or method and address."""
    path = exchange.url.rsplit("/api/data/v9.2/", 1)[-1]
    return path.rsplit(".", 1)[-1] if "Microsoft.Dynamics.CRM" in path else f"{exchange.method} {path.split('(')[0]}"


def test_rows_are_created_and_updated_in_chunks_of_the_bulk_size(sales: Sales) -> None:
    count = 2 * BULK_ROWS + 1
    assert sales.write(created(sales, count)) == [None] * count
    assert [action(exchange) for exchange in sales.writes()] == ["CreateMultiple"] * 3
    sales.forget()
    assert sales.write(renamed(count)) == [None] * count
    assert [action(exchange) for exchange in sales.writes()] == ["UpdateMultiple"] * 3
    assert sales.names() == {id_of(number): "New" for number in range(count)}


def test_no_chunk_is_larger_than_asked_for(sales: Sales) -> None:
    sales.write(created(sales, 25), bulk_rows=10)
    counts = [exchange.request_body.count("@odata.type") for exchange in sales.writes()]
    assert sorted(counts) == [5, 10, 10]


def test_creations_and_updates_of_one_call_go_in_requests_of_their_own_and_answer_in_order(sales: Sales) -> None:
    sales.made(0, 1)
    mixed = [
        RowWrite(id_of(2), sales.values(2), create=True),
        RowWrite(id_of(0), {"name": TOO_LONG}),
        RowWrite(id_of(3), sales.values(3), create=True),
        RowWrite(id_of(1), {"name": "New"}),
    ]
    results = sales.write(mixed)
    assert [type(result) for result in results] == [type(None), RecordRejected, type(None), type(None)]
    assert sales.names() == {id_of(0): "Bike", id_of(1): "New", id_of(2): "Bike", id_of(3): "Bike"}


@pytest.mark.parametrize("count", [2, 3, 63, pytest.param(100, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("create", [True, False], ids=["create", "update"])
def test_one_bad_row_is_found_in_few_further_requests(sales: Sales, count: int, create: bool) -> None:
    if not create:
        sales.made(*range(count))
    for place in {0, 1, count // 2, count - 1}:
        rows = created(sales, count, first=place * count) if create else renamed(count, f"New {place}")
        rows[place] = replace(rows[place], values={**rows[place].values, "name": TOO_LONG})
        sales.forget()
        results = sales.write(rows)
        assert [at for at, result in enumerate(results) if result is not None] == [place]
        refused = results[place]
        assert isinstance(refused, RecordRejected)
        assert refused.cause == "dataverse.0x80044331"
        assert len(sales.writes()) - 1 <= 2 * math.log2(count) + 1


def test_a_chunk_of_bad_rows_ends_in_a_batch_and_not_in_two_requests_for_each(sales: Sales) -> None:
    rows = [replace(row, values={**row.values, "name": TOO_LONG}) for row in created(sales, 64)]
    results = sales.write(rows)
    assert all(isinstance(result, RecordRejected) for result in results)
    assert len(sales.writes()) <= 20
    assert sales.names() == {}


def test_the_bad_rows_of_one_chunk_hold_up_no_other_chunk(sales: Sales) -> None:
    rows = created(sales, 40)
    for place in (3, 4, 5, 6, 17):
        rows[place] = replace(rows[place], values={**rows[place].values, "name": TOO_LONG})
    results = sales.write(rows, bulk_rows=10)
    assert [at for at, result in enumerate(results) if result is not None] == [3, 4, 5, 6, 17]
    assert len(sales.names()) == 35


@pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "batch"])
def test_a_row_that_exists_already_is_refused_and_stays_as_it_is(bulk: bool) -> None:
    with selling(bulk=bulk) as sales:
        sales.made(0)
        rows = created(sales, 3)
        results = sales.write([replace(rows[0], values={**rows[0].values, "name": "New"}), *rows[1:]])
        assert results[1:] == [None, None]
        assert isinstance(results[0], RecordRejected)
        assert results[0].cause == "target_exists"
        assert sales.names()[id_of(0)] == "Bike"


@pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "batch"])
def test_a_product_number_that_is_taken_is_refused(bulk: bool) -> None:
    with selling(bulk=bulk) as sales:
        sales.made(0)
        results = sales.write([RowWrite(id_of(7), sales.values(0), create=True), *created(sales, 3)[1:]])
        assert isinstance(results[0], RecordRejected)
        assert results[0].cause == "target_exists"
        assert results[1:] == [None, None]


def test_two_updates_of_one_row_are_both_applied(sales: Sales) -> None:
    sales.made(0)
    results = sales.write([RowWrite(id_of(0), {"name": "First"}), RowWrite(id_of(0), {"description": "Second"})])
    assert results == [None, None]
    (row,) = sales.rows("products?$select=name,description")
    assert (row["name"], row["description"]) == ("First", "Second")


@pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "batch"])
def test_two_creations_of_one_row_make_one_and_refuse_the_other(bulk: bool) -> None:
    with selling(bulk=bulk) as sales:
        results = sales.write([*created(sales, 2), created(sales, 1)[0]])
        assert results[:2] == [None, None]
        assert isinstance(results[2], RecordRejected)
        assert len(sales.names()) == 2


def test_a_table_without_bulk_messages_is_written_by_batches_that_go_on_behind_an_error() -> None:
    with selling(bulk=False) as sales:
        rows = created(sales, 30)
        for place in (0, 7, 29):
            rows[place] = replace(rows[place], values={**rows[place].values, "name": TOO_LONG})
        results = sales.write(rows, bulk_rows=20)
        assert [at for at, result in enumerate(results) if result is not None] == [0, 7, 29]
        assert all(result is None or isinstance(result, RecordRejected) for result in results)
        sent = sales.writes()
        assert [action(exchange) for exchange in sent] == ["POST $batch"] * 2
        assert all("odata.continue-on-error" in exchange.request_headers["Prefer"] for exchange in sent)
        assert len(sales.names()) == 27


def test_the_parts_of_a_batch_whose_answers_are_missing_are_unknown() -> None:
    with selling(bulk=False) as sales:
        sales.fail(Kind.TRUNCATE, r"\$batch")
        results = sales.write(created(sales, 10))
        lost = [result for result in results if result is not None]
        assert lost
        assert all(isinstance(result, OutcomeUnknown) for result in lost)
        assert results == [None] * (10 - len(lost)) + lost
        assert len(sales.names()) == 10


@pytest.mark.parametrize(("kind", "expected", "applied"), TOLD_AS)
@pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "batch"])
def test_a_fault_in_a_request_of_many_rows_is_one_trouble_of_all(
    kind: Kind, expected: type[SyncError], applied: bool, bulk: bool
) -> None:
    with selling(bulk=bulk) as sales:
        sales.fail(kind, times=None)
        results = sales.write(created(sales, 5))
        assert isinstance(results[0], expected)
        assert all(result is results[0] for result in results)
        sales.simulator.faults.clear()
        assert len(sales.names()) == (5 if applied else 0)


@pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "batch"])
def test_a_row_that_asks_for_it_goes_as_a_request_of_its_own(bulk: bool) -> None:
    with selling(bulk=bulk) as sales:
        sales.made(0, 1)
        rows = [
            RowWrite(id_of(0), {"name": "New"}, alone=True),
            RowWrite(id_of(2), sales.values(2), create=True, alone=True),
            RowWrite(id_of(1), {}, delete=True, alone=True),
        ]
        assert sales.write(rows) == [None] * 3
        assert sorted(map(action, sales.writes())) == ["DELETE products", "PATCH products", "POST products"]
        assert sales.names() == {id_of(0): "New", id_of(2): "Bike"}


def test_rows_that_go_alone_ask_nothing_about_the_table(sales: Sales) -> None:
    sales.write([RowWrite(id_of(0), sales.values(0), create=True, alone=True)])
    assert sales.reads() == []


@pytest.mark.parametrize("way", ["bulk", "batch", "alone"])
def test_an_update_of_a_row_that_is_gone_is_missing_and_creates_nothing(way: str) -> None:
    with selling(bulk=way != "batch") as sales:
        sales.made(0)
        results = sales.write([replace(row, alone=way == "alone") for row in renamed(2)])
        assert results[0] is None
        assert isinstance(results[1], RecordMissing)
        assert sales.names() == {id_of(0): "New"}


@pytest.mark.parametrize("way", ["bulk", "batch", "alone"])
@pytest.mark.parametrize("create", [True, False], ids=["create", "update"])
def test_a_reference_to_a_row_that_is_gone_is_refused_and_may_be_tried_again(way: str, create: bool) -> None:
    with selling(bulk=way != "batch") as sales:
        if not create:
            sales.made(0)
        values = {**(sales.values(0) if create else {}), "defaultuomid": str(uuid4())}
        (result,) = sales.write([RowWrite(id_of(0), values, create=create, alone=way == "alone")])
        assert isinstance(result, RecordRejected)
        assert (result.cause, result.repeatable) == ("dataverse.reference_missing", True)


def test_a_column_that_the_organisation_does_not_have_calls_the_operator_for_all(sales: Sales) -> None:
    rows = [replace(row, values={**row.values, "msdynce_none": True}) for row in created(sales, 5)]
    results = sales.write(rows)
    assert all(isinstance(result, OperatorNeeded) and "msdynce_none" in str(result) for result in results)
    assert len(sales.writes()) == 1


def test_rows_are_deleted_by_a_batch(sales: Sales) -> None:
    sales.made(0, 1, 2)
    results = sales.write([RowWrite(id_of(number), {}, delete=True) for number in (0, 2, 9)])
    assert results[:2] == [None, None]
    assert isinstance(results[2], RecordMissing)
    assert ([action(exchange) for exchange in sales.writes()], list(sales.names())) == (["POST $batch"], [id_of(1)])


def test_no_request_starts_when_time_is_up(sales: Sales) -> None:
    sales.clock.sleep(100)
    results = sales.writer().write(created(sales, 3), Sending(sales.clock, 99.0))
    assert all(isinstance(result, NotSent) for result in results)
    assert sales.writes() == []


def test_nothing_to_write_asks_nothing(sales: Sales) -> None:
    assert sales.write([]) == []
    assert sales.reads() == []


@pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "batch"])
def test_what_a_table_can_do_is_asked_once_by_all_writers_of_an_environment(bulk: bool) -> None:
    with selling(bulk=bulk) as sales:
        for at in range(3):
            sales.write([RowWrite(id_of(at), sales.values(at), create=True)])
        asked = [exchange for exchange in sales.reads() if "sdkmessagefilters" in exchange.url]
        assert 1 <= len(asked) <= 2
        assert sales.system.has_bulk_messages("product") is bulk
        assert not sales.system.has_bulk_messages("productpricelevel")


def test_a_table_that_cannot_be_asked_for_its_abilities_is_sent_nothing(sales: Sales) -> None:
    sales.organisation.switches.read_denied.add("sdkmessagefilter")
    results = sales.target().write([create(sales, "P-1")], not_after=FOREVER)
    assert isinstance(results["P-1"], OperatorNeeded)
    assert sales.writes() == []


# Records in parts: the product, its price list item, what a creation does not take.


def item(sales: Sales, amount: str | None, *, unit: str = "unit", place: str = "list") -> Json:
    ids = {"pricelevelid": sales.catalogue[place], "uomid": sales.catalogue[unit]}
    return {**ids, "amount": None if amount is None else Decimal(amount)}


def create(sales: Sales, number: str = "P-1", *, alone: bool = False, **values: Json) -> Write:
    return Write(number, number, {**sales.content(), **values}, create=True, alone=alone)


def update(sales: Sales, number: str = "P-1", *, before: TargetRow | None = None, **values: Json) -> Write:
    held = sales.target().find([number])[number]
    return Write(number, number, values, create=False, target_id=held.id, before=before)


def written(sales: Sales, *writes: Write, detail: Detail = BY_SYNC) -> list[SyncError | None]:
    results: Mapping[str, SyncError | None] = sales.target(detail).write(writes, not_after=FOREVER)
    assert list(results) == [write.id for write in writes]
    return list(results.values())


def product(sales: Sales, number: str = "P-1") -> dict[str, Any]:
    columns = "productid,name,statecode,statuscode,_pricelevelid_value"
    (found,) = sales.rows(f"products?$select={columns}&$filter=productnumber eq '{number}'")
    return found


def items(sales: Sales) -> list[tuple[str, str, float]]:
    """Price list, unit and amount of every item."""
    rows = sales.rows("productpricelevels?$select=_pricelevelid_value,_uomid_value,amount,pricingmethodcode")
    assert all(row["pricingmethodcode"] == 1 for row in rows)
    return [(str(row["_pricelevelid_value"]), str(row["_uomid_value"]), float(row["amount"])) for row in rows]


def placed(sales: Sales, amount: float, *, unit: str = "unit", place: str = "list") -> tuple[str, str, float]:
    return sales.catalogue[place], sales.catalogue[unit], amount


def test_a_record_is_written_with_its_item_its_list_and_its_state(sales: Sales) -> None:
    listed = sales.catalogue["list"]
    write = create(sales, productpricelevel=item(sales, "9.5"), statecode=0, pricelevelid=listed)
    assert written(sales, write) == [None]
    found = product(sales)
    assert (found["statecode"], found["statuscode"]) == (0, 1)
    assert found["_pricelevelid_value"] == listed
    assert items(sales) == [placed(sales, 9.5)]


def test_a_creation_leaves_out_what_it_does_not_take_and_sends_it_last(sales: Sales) -> None:
    listed = sales.catalogue["list"]
    written(sales, create(sales, productpricelevel=item(sales, "9.5"), statecode=0, pricelevelid=listed))
    first, second, third = sales.writes()
    assert [action(first), action(second), action(third)] == ["CreateMultiple", "POST $batch", "UpdateMultiple"]
    assert "statecode" not in first.request_body
    assert "pricelevelid" not in first.request_body
    assert all(name in third.request_body for name in ("statecode", "statuscode", "pricelevelid"))


def test_a_record_whose_last_part_is_refused_is_partly_applied(sales: Sales) -> None:
    (result,) = written(sales, create(sales, pricelevelid=str(uuid4())))
    assert isinstance(result, PartlyApplied)
    assert isinstance(result.error, RecordRejected)
    assert product(sales)["name"] == "Bike"


def test_a_record_whose_first_part_is_refused_gets_no_other_part(sales: Sales) -> None:
    results = written(
        sales,
        create(sales, "P-1", name=TOO_LONG, productpricelevel=item(sales, "1"), statecode=0),
        create(sales, "P-2", productpricelevel=item(sales, "2"), statecode=0),
    )
    assert isinstance(results[0], RecordRejected)
    assert (results[1], items(sales)) == (None, [placed(sales, 2)])


def test_the_row_of_a_key_is_found_with_what_the_mapping_writes_and_whether_we_made_it(sales: Sales) -> None:
    written(sales, create(sales, "P-1", statecode=0, productpricelevel=item(sales, "9.5")))
    foreign = sales.create("products", "productid", **_bound(sales, "Theirs *'ß"))
    found = sales.target().find(["p-1 ", "P-1", "Theirs *'ß", "none", " "])
    assert set(found) == {"p-1 ", "P-1", "Theirs *'ß"}
    unit = sales.catalogue["unit"]
    columns = {"name": "Bike", "quantitydecimal": 0, "defaultuomid": unit, "statecode": 0}
    held = {"pricelevelid": sales.catalogue["list"], "uomid": unit, "amount": Decimal("9.5"), "ours": True}
    assert found["P-1"].values == {**columns, "productpricelevel": [held]}
    assert found["P-1"].ours
    assert (found["Theirs *'ß"].ours, found["Theirs *'ß"].id) == (False, foreign)
    assert found["Theirs *'ß"].values["productpricelevel"] == []
    assert found["p-1 "] == found["P-1"]


def test_a_look_that_finds_nothing_asks_for_no_items(sales: Sales) -> None:
    assert sales.target().find(["P-1"]) == {}
    assert not [exchange for exchange in sales.reads() if "productpricelevels" in exchange.url]


def test_the_rows_that_we_have_made_are_distinguished_from_all_others(sales: Sales) -> None:
    written(sales, create(sales, "P-2"), create(sales, "P-1"))
    sales.create("products", "productid", **_bound(sales, "Theirs"))
    assert list(sales.target().marked()) == [MarkedRow("P-1", "P-1"), MarkedRow("P-2", "P-2")]


def _bound(sales: Sales, number: str) -> dict[str, object]:
    body = PRODUCTS.body({**sales.content(), "productnumber": number})
    return {name.replace("@odata.bind", "__to"): value for name, value in body.items()}


def test_a_row_that_somebody_else_has_made_is_updated_under_its_id_with_an_item_of_ours(sales: Sales) -> None:
    foreign = sales.create("products", "productid", **_bound(sales, "P-1"))
    assert written(sales, update(sales, name="Ours", productpricelevel=item(sales, "3"))) == [None]
    assert (product(sales)["productid"], product(sales)["name"]) == (foreign, "Ours")
    assert items(sales) == [placed(sales, 3)]


def test_the_id_of_a_new_row_follows_from_its_number_without_case(sales: Sales) -> None:
    (result,) = written(sales, create(sales, "P-1"))
    assert result is None
    sales.send("DELETE", f"products({product(sales)['productid']})")
    assert written(sales, create(sales, "p-1")) == [None]
    assert sales.target().find(["P-1"])["P-1"].ours


def test_an_item_is_changed_where_it_lies(sales: Sales) -> None:
    written(sales, create(sales, productpricelevel=item(sales, "9.5")))
    assert written(sales, update(sales, productpricelevel=item(sales, "10"))) == [None]
    assert items(sales) == [placed(sales, 10)]


def test_another_unit_moves_the_item_that_is_ours(sales: Sales) -> None:
    written(sales, create(sales, productpricelevel=item(sales, "9.5")))
    assert written(sales, update(sales, productpricelevel=item(sales, "95", unit="box"))) == [None]
    assert items(sales) == [placed(sales, 95, unit="box")]


def test_an_item_of_this_place_and_unit_is_taken_over_whoever_made_it(sales: Sales) -> None:
    written(sales, create(sales))
    _others_item(sales, "unit", 1)
    assert written(sales, update(sales, productpricelevel=item(sales, "2"))) == [None]
    assert items(sales) == [placed(sales, 2)]


def test_an_item_of_another_unit_that_somebody_else_has_made_stays(sales: Sales) -> None:
    written(sales, create(sales))
    _others_item(sales, "box", 50)
    assert written(sales, update(sales, productpricelevel=item(sales, "2"))) == [None]
    assert sorted(items(sales)) == sorted([placed(sales, 50, unit="box"), placed(sales, 2)])


def test_an_item_on_another_list_stays(sales: Sales) -> None:
    written(sales, create(sales, productpricelevel=item(sales, "1")))
    assert written(sales, update(sales, productpricelevel=item(sales, "2", place="other list"))) == [None]
    assert sorted(items(sales)) == sorted([placed(sales, 1), placed(sales, 2, place="other list")])


def _others_item(sales: Sales, unit: str, amount: float) -> None:
    body = {
        "productid@odata.bind": f"/products({product(sales)['productid']})",
        "pricelevelid@odata.bind": f"/pricelevels({sales.catalogue['list']})",
        "uomid@odata.bind": f"/uoms({sales.catalogue[unit]})",
        "amount": amount,
        "pricingmethodcode": 1,
    }
    sales.send("POST", "productpricelevels", body)


@pytest.mark.parametrize("written_by_others", [False, True])
def test_an_amount_that_is_gone_removes_the_item(sales: Sales, written_by_others: bool) -> None:
    written(sales, create(sales, productpricelevel=item(sales, "9.5")))
    detail = replace(BY_SYNC, written_by_others=written_by_others)
    assert written(sales, update(sales, productpricelevel=item(sales, None)), detail=detail) == [None]
    assert items(sales) == []
    assert written(sales, update(sales, productpricelevel=item(sales, None)), detail=detail) == [None]


def test_a_new_record_without_an_amount_has_no_item_and_asks_for_none(sales: Sales) -> None:
    written(sales, create(sales, productpricelevel=item(sales, None)))
    assert items(sales) == []
    assert not [exchange for exchange in sales.simulator.exchanges.last(1000)[:-1] if "pricelevel" in exchange.url]


def test_an_item_that_the_automation_writes_is_neither_made_nor_changed(sales: Sales) -> None:
    detail = replace(BY_SYNC, written_by_others=True)
    written(sales, create(sales, productpricelevel=item(sales, "1")), detail=detail)
    assert items(sales) == []
    _others_item(sales, "unit", 5)
    written(sales, update(sales, productpricelevel=item(sales, "1")), detail=detail)
    assert items(sales) == [placed(sales, 5)]


def test_an_item_whose_creation_was_lost_is_not_made_twice(sales: Sales) -> None:
    sales.fail(Kind.DROP_AFTER, r"\$batch", times=None)
    (result,) = written(sales, create(sales, productpricelevel=item(sales, "1")))
    assert isinstance(result, PartlyApplied)
    assert isinstance(result.error, OutcomeUnknown)
    sales.simulator.faults.clear()
    assert written(sales, update(sales, productpricelevel=item(sales, "1"))) == [None]
    assert items(sales) == [placed(sales, 1)]


def test_many_records_cost_a_request_per_part_and_chunk(sales: Sales) -> None:
    writes = [create(sales, f"P-{number}", productpricelevel=item(sales, "1"), statecode=0) for number in range(150)]
    assert written(sales, *writes) == [None] * 150
    actions = [action(exchange) for exchange in sales.writes()]
    assert sorted(actions) == ["CreateMultiple"] * 2 + ["POST $batch"] * 2 + ["UpdateMultiple"] * 2
    assert len(items(sales)) == 150


def test_a_state_that_the_row_has_is_not_sent_again(sales: Sales) -> None:
    written(sales, create(sales, statecode=0))
    before = sales.target().find(["P-1"])["P-1"]
    sales.forget()
    assert written(sales, update(sales, before=before, statecode=0)) == [None]
    assert sales.writes() == []


@pytest.mark.parametrize(("state", "status"), [(1, 2), (0, 1)])
def test_a_state_is_sent_with_its_status(sales: Sales, state: int, status: int) -> None:
    written(sales, create(sales, statecode=0))
    if state == 0:
        written(sales, update(sales, statecode=1))
    assert written(sales, update(sales, statecode=state)) == [None]
    assert (product(sales)["statecode"], product(sales)["statuscode"]) == (state, status)


def test_every_part_of_a_record_that_asks_for_it_goes_alone(sales: Sales) -> None:
    write = create(sales, alone=True, productpricelevel=item(sales, "1"), statecode=0)
    assert written(sales, write) == [None]
    actions = [action(exchange) for exchange in sales.writes()]
    assert actions == ["POST products", "POST productpricelevels", "PATCH products"]


def test_a_trouble_of_the_first_part_keeps_the_others_back(sales: Sales) -> None:
    sales.fail(Kind.THROTTLE, times=None)
    results = written(sales, create(sales, "P-1", statecode=0), create(sales, "P-2", statecode=0))
    assert all(isinstance(result, Transient) for result in results)
    assert {action(exchange) for exchange in sales.writes()} == {"CreateMultiple"}


# The small tables.


def lookup(sales: Sales) -> DataverseLookup:
    return DataverseLookup(sales.system, {name: LookupTable(table) for name, table in catalogue.TABLES.items()})


def test_the_small_tables_are_read_whole_with_the_columns_of_the_catalogue() -> None:
    with selling(page_cap=1) as sales:
        rows = lookup(sales).rows(max_age_s=60)
        assert set(rows) == set(catalogue.TABLES)
        assert {row["name"] for row in rows[catalogue.PRICE_LISTS]} == {"A", "B"}
        assert {str(row["uomid"]) for row in rows[catalogue.UNITS]} == {sales.catalogue["unit"], sales.catalogue["box"]}
        for name, columns in catalogue.TABLES.items():
            assert all(set(columns) <= set(row) for row in rows[name])


def test_the_small_tables_are_kept_for_as_long_as_asked_for_and_then_read_again(sales: Sales) -> None:
    tables = lookup(sales)
    first = tables.rows(max_age_s=60)
    asked = len(sales.reads())
    sales.create("uomschedules", "uomscheduleid", name="More", baseuomname="Piece")
    sales.clock.sleep(59)
    assert tables.rows(max_age_s=60) is first
    assert len(sales.reads()) == asked
    sales.clock.sleep(2)
    assert {row["name"] for row in tables.rows(max_age_s=60)[catalogue.UNIT_GROUPS]} == {"Units", "More"}


def test_who_wants_fresh_tables_gets_them_earlier(sales: Sales) -> None:
    tables = lookup(sales)
    first = tables.rows(max_age_s=600)
    sales.clock.sleep(5)
    assert tables.rows(max_age_s=4) is not first


def test_only_active_rows_are_read_where_asked_for(sales: Sales) -> None:
    sales.send("PATCH", f"pricelevels({sales.catalogue['list']})", {"statecode": 1})
    tables = DataverseLookup(sales.system, {"pricelevels": LookupTable(("name",), active_only=True)})
    assert [row["name"] for row in tables.rows(max_age_s=60)["pricelevels"]] == ["B"]


def test_tables_that_could_not_be_read_are_read_at_the_next_call(sales: Sales) -> None:
    tables = lookup(sales)
    sales.organisation.switches.read_denied.add("pricelevel")
    with pytest.raises(OperatorNeeded, match="pricelevels"):
        tables.rows(max_age_s=60)
    sales.organisation.switches.read_denied.clear()
    assert tables.rows(max_age_s=60)[catalogue.PRICE_LISTS]
