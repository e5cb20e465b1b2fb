"""Quotations as documents, and contact persons by their key of several parts, over real HTTP against the simulator."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from local.finops import quotationlines
from local.finops.assortment import Assortment
from local.finops.environment import finops_simulator
from local.finops.salesdesk import SalesDesk
from local.finops.settings import Settings
from local.simulator.auth import FixedToken
from local.simulator.faults import Kind, Rule
from local.simulator.server import Simulator, running
from shared.clients.finops.documents import FinopsDocuments
from shared.clients.finops.environment import ACCEPT, FinopsCollection, FinopsSystem, FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.clients.http.throttle import Throttle
from shared.clients.quoting import EnumMember
from shared.errors import OperatorNeeded, OutcomeUnknown, RecordMissing, RecordRejected, SyncError
from shared.records import Json, LineAction, LineWrite, TargetRow, Write
from shared.systems import System
from tests.support.channels import open_channel
from tests.support.clock import ManualClock
from tests.support.faults import TOLD_AS
from tests.unit.local.finops_environment import fresh_tables

TOKEN = "scenario"
FOREVER = 1_000_000.0
SERVER_PAGE = 40
ASSOCIATED = "Microsoft.Dynamics.DataEntities.smmContactPersonCDSAssociatedContactType"
BIKE: dict[str, Json] = {"ProductNumber": "BK-1", "ProductName": "Bike", "SalesUnitSymbol": "ea"}


@dataclass
class Environment:
    """An F&O environment with customers and a product, and both collections as the flows see them."""

    simulator: Simulator
    quotations: FinopsDocuments
    persons: FinopsCollection
    desk: SalesDesk

    def fail(self, kind: Kind) -> None:
        self.simulator.faults.add(Rule(kind, methods=frozenset({"POST"})))

    def write(self, *writes: Write) -> list[SyncError | None]:
        return list(self.quotations.write(writes, not_after=FOREVER).values())

    def found(self, key: str = "Q-1") -> TargetRow:
        return self.quotations.find([key])[key]


def documents(system: FinopsSystem, *line_fields: str) -> FinopsDocuments:
    key = FinopsKey("usmf", ("SalesQuotationNumber",))
    return FinopsDocuments(
        FinopsTable(system, "CDSSalesQuotationHeaders", key, ["SalesQuotationName", "SalesQuotationStatus"]),
        FinopsTable(system, "CDSSalesQuotationLines", key, ["LineCreationSequenceNumber", *line_fields]),
        "LineCreationSequenceNumber",
    )


def contact_persons(system: FinopsSystem) -> FinopsCollection:
    constants = {"AssociatedContactType": EnumMember(ASSOCIATED, "Customer")}
    key = FinopsKey("usmf", ("ContactPersonPartyNumber", "AssociatedContactNumber"), constants)
    return FinopsCollection(FinopsTable(system, "CDSContactPersonsV2", key, ["FirstName", "LastName"]))


def customer(number: str) -> Write:
    values: dict[str, Json] = {"OrganizationName": "Litra", "CustomerGroupId": "10", "SalesCurrencyCode": "USD"}
    return Write(number, number, values, create=True)


@pytest.fixture
def environment() -> Iterator[Environment]:
    setup = Settings(page_size=SERVER_PAGE)
    tables = fresh_tables(setup)
    Assortment(tables, setup).put({**BIKE, "InventoryUnitSymbol": "ea", "SalesPrice": Decimal("12.5")})
    simulator = finops_simulator(tables, setup, FixedToken(TOKEN), admin_token="admin")
    with running(simulator) as url:
        clock = ManualClock()
        throttle = Throttle(System.FINOPS, clock, start=4, maximum=8)
        with open_channel(System.FINOPS, url, TOKEN, throttle, clock, accept=ACCEPT) as channel:
            system = FinopsSystem(channel, "usmf")
            accounts = FinopsCollection(FinopsTable(system, "CustomersV3", FinopsKey("usmf", ("CustomerAccount",)), []))
            written = accounts.write([customer("A-1"), customer("a&b")], not_after=FOREVER)
            assert set(written.values()) == {None}
            quotations = documents(system, "RequestedSalesQuantity", "SalesPrice")
            desk = SalesDesk(tables, setup, quotationlines.SET_NAME)
            yield Environment(simulator, quotations, contact_persons(system), desk)
    tables.close()


def added(number: int, **values: Json) -> LineWrite:
    complete: dict[str, Json] = {"ProductNumber": "BK-1", "RequestedSalesQuantity": number, "ShippingSiteId": "1"}
    return LineWrite(number, LineAction.CREATE, {**complete, **values})


def changed(number: int, **values: Json) -> LineWrite:
    return LineWrite(number, LineAction.UPDATE, values)


def removed(number: int) -> LineWrite:
    return LineWrite(number, LineAction.DELETE)


def create(*lines: LineWrite, key: str = "Q-1", **values: Json) -> Write:
    complete: dict[str, Json] = {"RequestingCustomerAccountNumber": "A-1", "SalesQuotationName": key}
    return Write(key, key, {**complete, **values}, create=True, lines=lines)


def update(*lines: LineWrite, key: str = "Q-1", **values: Json) -> Write:
    return Write(key, key, values, create=False, lines=lines)


def test_documents_are_created_and_found_with_every_line(environment: Environment) -> None:
    numbers = {f"Q-{number}": range(1, 2 + number * 3 % 7) for number in range(60)}
    writes = [create(*map(added, lines), key=key) for key, lines in numbers.items()]
    assert environment.write(*writes) == [None] * 60
    found = environment.quotations.find([*numbers, "Q-none"])
    assert {key: row.values["SalesQuotationName"] for key, row in found.items()} == {key: key for key in numbers}
    assert {key: sorted(row.lines) for key, row in found.items()} == {
        key: list(number) for key, number in numbers.items()
    }
    assert all(line["RequestedSalesQuantity"] == number for number, line in found["Q-59"].lines.items())


def test_a_document_of_five_hundred_lines_is_written_at_once_and_read_over_many_pages(environment: Environment) -> None:
    assert environment.write(create(*map(added, range(1, 501)))) == [None]
    assert sorted(environment.found().lines) == list(range(1, 501))


def test_header_and_lines_are_changed_together(environment: Environment) -> None:
    assert environment.write(create(added(1), added(2), added(3))) == [None]
    change = update(removed(1), changed(2, SalesPrice=Decimal("7.25")), added(4), SalesQuotationName="O'Neil & Söhne")
    assert environment.write(change) == [None]
    found = environment.found()
    assert found.values["SalesQuotationName"] == "O'Neil & Söhne"
    assert sorted(found.lines) == [2, 3, 4]
    assert found.lines[2]["SalesPrice"] == Decimal("7.25")


@pytest.mark.parametrize("key", ["O'Neil", "A&B=C;D", "Zoë 1", "名前", "a(b),c", '"q"', "<a>"])
def test_a_number_with_unusual_characters_finds_its_document(environment: Environment, key: str) -> None:
    assert environment.write(create(added(1), added(2), key=key)) == [None]
    assert environment.write(update(changed(1, SalesPrice=5), removed(2), key=key, SalesQuotationName="new")) == [None]
    found = environment.found(key)
    assert (found.values["SalesQuotationName"], list(found.lines)) == ("new", [1])


def test_a_document_of_which_one_line_is_refused_is_not_there_at_all(environment: Environment) -> None:
    [result] = environment.write(create(added(1), added(2, ProductNumber="BK-9"), added(3)))
    assert isinstance(result, RecordRejected)
    assert result.cause == "finops.validateField.ProductNumber"
    assert environment.quotations.find(["Q-1"]) == {}


def test_a_change_of_which_one_line_is_refused_changes_nothing(environment: Environment) -> None:
    assert environment.write(create(added(1))) == [None]
    before = environment.found()
    [result] = environment.write(update(changed(1, ShippingSiteId="none"), added(2), SalesQuotationName="new"))
    assert isinstance(result, RecordRejected)
    assert environment.found() == before


def test_each_refusal_says_what_to_do(environment: Environment) -> None:
    assert environment.write(create(added(1)), create(key="Q-2")) == [None, None]
    duplicate, unknown_customer, missing = environment.write(
        create(added(1)),
        create(added(1), key="Q-3", RequestingCustomerAccountNumber="A-9"),
        update(added(1), key="Q-4", SalesQuotationName="new"),
    )
    assert isinstance(duplicate, RecordRejected)
    assert duplicate.cause == "target_exists"
    assert isinstance(unknown_customer, RecordRejected)
    assert unknown_customer.cause == "finops.validateField.RequestingCustomerAccountNumber"
    assert isinstance(missing, RecordMissing)


@pytest.mark.parametrize("line", [added(1), changed(2, SalesPrice=5), removed(2)])
def test_lines_that_are_not_as_expected_let_the_document_be_planned_again(
    environment: Environment, line: LineWrite
) -> None:
    assert environment.write(create(added(1))) == [None]
    [result] = environment.write(update(line, SalesQuotationName="new"))
    assert isinstance(result, RecordRejected)
    assert (result.cause, result.repeatable) == ("finops.lines_changed", True)
    assert environment.found().values["SalesQuotationName"] == "Q-1"


def test_a_quotation_that_has_gone_out_refuses_every_change(environment: Environment) -> None:
    assert environment.write(create(added(1))) == [None]
    environment.desk.put({"SalesQuotationNumber": "Q-1", "SalesQuotationStatus": "Sent"})
    for change in (update(SalesQuotationName="new"), update(added(2)), update(changed(1, SalesPrice=5))):
        [result] = environment.write(change)
        assert isinstance(result, RecordRejected)
        assert not result.repeatable
    assert environment.found().values["SalesQuotationStatus"] == "Sent"


@pytest.mark.odata_refused("'NoSuchField'")
@pytest.mark.parametrize("write", [create(NoSuchField="x"), create(added(1, NoSuchField="x"))])
def test_an_unknown_field_calls_the_operator(environment: Environment, write: Write) -> None:
    [result] = environment.write(write)
    assert isinstance(result, OperatorNeeded)
    assert "NoSuchField" in str(result)


@pytest.mark.parametrize(
    ("kind", "expected", "applied"),
    [*TOLD_AS, (Kind.DROP_MID, OutcomeUnknown, True), (Kind.TRUNCATE, OutcomeUnknown, True)],
)
def test_a_fault_while_writing_is_reported_as_what_it_is(
    environment: Environment, kind: Kind, expected: type[SyncError], applied: bool
) -> None:
    environment.fail(kind)
    [result] = environment.write(create(added(1), added(2)))
    assert isinstance(result, expected)
    environment.simulator.faults.clear()
    found = environment.quotations.find(["Q-1"])
    assert [sorted(row.lines) for row in found.values()] == ([[1, 2]] if applied else [])


def person(number: str, account: str = "A-1", *, create: bool = True, **values: Json) -> Write:
    complete: dict[str, Json] = {"FirstName": "Ada", "LastName": number}
    return Write(f"{number}/{account}", f"{number}/{account}", {**complete, **values} if create else values, create)


def test_contact_persons_are_created_found_and_updated(environment: Environment) -> None:
    writes = [person(f"C-{number}", ("A-1", "a&b")[number % 2]) for number in range(30)]
    assert set(environment.persons.write(writes, not_after=FOREVER).values()) == {None}
    keys = [write.key.lower() for write in writes]
    found = environment.persons.find([*keys, "C-1/A-1", "C-0/a&b", "C-none/A-1"])
    assert {key: row.values["LastName"] for key, row in found.items()} == {
        key: write.values["LastName"] for key, write in zip(keys, writes, strict=True)
    }
    change = person("c-1", "A&B", create=False, LastName="O'Neil")
    assert set(environment.persons.write([change], not_after=FOREVER).values()) == {None}
    assert environment.persons.find(["C-1/a&b"])["C-1/a&b"].values["LastName"] == "O'Neil"


def test_each_refusal_of_a_contact_person_says_what_to_do(environment: Environment) -> None:
    assert environment.persons.write([person("C-1")], not_after=FOREVER) == {"C-1/A-1": None}
    duplicate, missing, unknown_customer, slash = (
        environment.persons.write([write], not_after=FOREVER)[write.id]
        for write in (
            person("C-1"),
            person("C-1", "a&b", create=False, LastName="x"),
            person("C-2", "A-9"),
            person("C/2"),
        )
    )
    assert isinstance(duplicate, RecordRejected)
    assert duplicate.cause == "target_exists"
    assert isinstance(missing, RecordMissing)
    assert isinstance(unknown_customer, RecordRejected)
    assert unknown_customer.cause == "finops.validateField.AssociatedContactNumber"
    assert isinstance(slash, RecordRejected)
    assert (slash.cause, slash.sent) == ("key_not_addressable", False)
