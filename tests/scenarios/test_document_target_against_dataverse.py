"""Documents of Dataverse as a target, over real HTTP against the simulator: invoices with their lines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from local.dataverse.settings import Settings
from local.simulator.faults import Kind, Rule
from shared.clients.dataverse.document_target import DataverseDocumentTarget, DocumentHeaders, DocumentLines
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.dataverse.rows import WriteTable
from shared.clients.http.throttle import Throttle
from shared.errors import NotSent, OutcomeUnknown, PartlyApplied, RecordRejected, SyncError, Transient
from shared.records import Json, LineAction, LineWrite, TargetRow, Write
from shared.systems import System
from tests.support.channels import open_channel
from tests.support.clock import ManualClock
from tests.unit.local.dataverse_desk import Desk, desk_in
from tests.unit.local.dataverse_world import TOKEN, dataverse

FOREVER = 1_000_000.0
HEADERS = DocumentHeaders(
    WriteTable(
        "invoices",
        "invoice",
        "invoiceid",
        {
            "customerid_account": "accounts",
            "pricelevelid": "pricelevels",
            "transactioncurrencyid": "transactioncurrencies",
            "salesorderid": "salesorders",
        },
        {"customerid_account": "customerid"},
    ),
    ("name", "msdynce_invoicedate", "customerid_account", "salesorderid"),
    "invoicenumber",
    lambda key: key.partition("/")[0],
    lambda key, row: row["msdynce_invoicedate"] == key.partition("/")[2],
)
LINES = DocumentLines(
    WriteTable("invoicedetails", "invoicedetail", "invoicedetailid", {"invoiceid": "invoices"}),
    ("productdescription", "quantity", "priceperunit", "lineitemnumber"),
    "invoiceid",
    "sequencenumber",
)


@dataclass
class Environment:
    """An organisation with a desk, and the target that writes invoices there."""

    desk: Desk
    target: DataverseDocumentTarget

    def header(self, **values: Json) -> dict[str, Json]:
        catalogue = self.desk.catalogue
        return {
            "name": "Invoice",
            "msdynce_invoicedate": "2026-07-14",
            "customerid_account": self.desk.account,
            "pricelevelid": catalogue["prices"],
            "transactioncurrencyid": catalogue["currency"],
            "statuscode": 4,
            **values,
        }

    def create(self, number: str, lines: int = 2, *, alone: bool = False, **values: Json) -> Write:
        """The whole document under a number."""
        key = f"{number}/2026-07-14"
        return Write(
            number, key, self.header(**values), create=True, alone=alone, lines=tuple(map(new, range(1, lines + 1)))
        )

    def write(self, *writes: Write, not_after: float = FOREVER) -> dict[str, SyncError | None]:
        return dict(self.target.write(writes, not_after=not_after))

    def find(self, number: str) -> TargetRow | None:
        key = f"{number}/2026-07-14"
        return self.target.find([key]).get(key)

    def fail(self, kind: Kind, path: str, times: int | None = 1) -> None:
        self.desk.world.faults.add(Rule(kind, frozenset({"POST"}), path=path, times=times))

    def requests(self, path: str) -> int:
        """How many posts to this address there were."""
        exchanges = self.desk.world.control("GET", "exchanges").json()
        return sum(each["method"] == "POST" and path in each["url"] for each in exchanges)

    def invoices(self) -> list[dict[str, Any]]:
        return self.desk.world.rows("invoices")

    def lines(self, number: str) -> list[dict[str, Any]]:
        (row,) = self.desk.world.rows(f"invoices?$filter=invoicenumber eq '{number}'")
        return self.desk.world.rows(
            f"invoicedetails?$filter=_invoiceid_value eq {row['invoiceid']}&$orderby=sequencenumber"
        )


def new(number: int, **values: Json) -> LineWrite:
    written_in: dict[str, Json] = {"isproductoverridden": True, "productdescription": f"Line {number}"}
    amounts: dict[str, Json] = {"quantity": number, "priceperunit": 10, "ispriceoverridden": True}
    return LineWrite(number, LineAction.CREATE, {**written_in, **amounts, **values})


@contextmanager
def selling(*, bulk: bool = True, bulk_rows: int = 100) -> Iterator[Environment]:
    without = frozenset[str]() if bulk else frozenset({"invoice", "invoicedetail"})
    with dataverse(settings=Settings(no_bulk=without)) as world:
        clock = ManualClock()
        throttle = Throttle(System.DATAVERSE, clock, start=4, maximum=8)
        with open_channel(System.DATAVERSE, world.origin, TOKEN, throttle, clock) as channel:
            target = DataverseDocumentTarget(
                DataverseSystem(channel), HEADERS, LINES, "invoices|usmf", bulk_rows=bulk_rows
            )
            yield Environment(desk_in(world), target)


@pytest.fixture
def at() -> Iterator[Environment]:
    with selling() as environment:
        yield environment


def positions(rows: Sequence[dict[str, Any]]) -> list[int]:
    return [row["sequencenumber"] for row in rows]


@pytest.mark.parametrize("bulk", [True, False], ids=["bulk messages", "batches"])
@pytest.mark.parametrize("bulk_rows", [2, 100])
def test_documents_are_written_with_their_lines_in_order_and_found_again(bulk: bool, bulk_rows: int) -> None:
    with selling(bulk=bulk, bulk_rows=bulk_rows) as at:
        counts = {"I-1": 5, "I-2": 1, "I-3": 3, "I-4": 0}
        assert at.write(*(at.create(number, count) for number, count in counts.items())) == dict.fromkeys(counts)
        for number, count in counts.items():
            assert positions(at.lines(number)) == list(range(1, count + 1))
            found = at.find(number)
            assert found is not None
            assert (found.ours, sorted(found.lines)) == (True, list(range(1, count + 1)))
            assert found.values["customerid_account"] == at.desk.account
            assert found.values["salesorderid"] is None
            assert [line["quantity"] for _, line in sorted(found.lines.items())] == list(range(1, count + 1))
        assert at.find("I-5") is None


def test_many_documents_are_written_in_few_requests(at: Environment) -> None:
    at.write(*(at.create(f"I-{number}", 4) for number in range(50)))
    assert at.requests("invoices/Microsoft.Dynamics.CRM.CreateMultiple") == 1
    assert at.requests("invoicedetails/Microsoft.Dynamics.CRM.CreateMultiple") == 2
    assert len(at.invoices()) == 50


def test_a_document_that_goes_alone_shares_no_request(at: Environment) -> None:
    assert at.write(at.create("I-1"), at.create("I-2", alone=True), at.create("I-3")) == dict.fromkeys(
        ["I-1", "I-2", "I-3"]
    )
    assert at.requests("invoicedetails/Microsoft.Dynamics.CRM.CreateMultiple") == 3
    assert [positions(at.lines(number)) for number in ("I-1", "I-2", "I-3")] == [[1, 2]] * 3


def test_a_repeated_create_is_refused_and_doubles_nothing(at: Environment) -> None:
    assert at.write(at.create("I-1")) == {"I-1": None}
    (refused,) = at.write(at.create("I-1")).values()
    assert isinstance(refused, RecordRejected)
    assert refused.cause == "target_exists"
    assert (len(at.invoices()), positions(at.lines("I-1"))) == (1, [1, 2])


@pytest.mark.parametrize("kind", [Kind.DROP_AFTER, Kind.ERROR_AFTER, Kind.TRUNCATE, Kind.DROP_BEFORE])
def test_a_lost_answer_to_the_headers_sends_no_line(at: Environment, kind: Kind) -> None:
    at.fail(kind, "/invoices/")
    (lost,) = at.write(at.create("I-1")).values()
    assert isinstance(lost, OutcomeUnknown)
    found = at.find("I-1")
    assert found is None if kind is Kind.DROP_BEFORE else found is not None and not found.lines


@pytest.mark.parametrize("kind", [Kind.DROP_AFTER, Kind.DROP_BEFORE])
def test_a_lost_answer_to_the_lines_leaves_a_document_that_the_missing_lines_complete(
    at: Environment, kind: Kind
) -> None:
    at.fail(kind, "/invoicedetails/")
    (lost,) = at.write(at.create("I-1")).values()
    assert isinstance(lost, PartlyApplied)
    assert isinstance(lost.error, OutcomeUnknown)
    found = at.find("I-1")
    assert found is not None
    missing = [number for number in (1, 2) if number not in found.lines]
    rest = Write(
        "I-1", "I-1/2026-07-14", {}, create=False, target_id=found.id, before=found, lines=tuple(map(new, missing))
    )
    assert at.write(rest) == {"I-1": None}
    assert positions(at.lines("I-1")) == [1, 2]


def test_throttling_of_the_lines_leaves_every_document_in_part(at: Environment) -> None:
    at.fail(Kind.THROTTLE, "/invoicedetails/", times=None)
    results = at.write(at.create("I-1"), at.create("I-2"))
    for result in results.values():
        assert isinstance(result, PartlyApplied)
        assert isinstance(result.error, Transient | NotSent)


def test_a_refused_line_leaves_its_document_in_part_and_the_others_whole(at: Environment) -> None:
    bad = at.create("I-2")
    bad = Write(bad.id, bad.key, bad.values, create=True, lines=(new(1), new(2, quantity=None), new(3)))
    results = at.write(at.create("I-1"), bad, at.create("I-3"))
    assert (results["I-1"], results["I-3"]) == (None, None)
    refused = results["I-2"]
    assert isinstance(refused, PartlyApplied)
    assert isinstance(refused.error, RecordRejected)
    assert positions(at.lines("I-2")) == [1, 3]


def test_a_refused_header_gets_no_lines_and_holds_up_no_other_document(at: Environment) -> None:
    results = at.write(at.create("I-1", statuscode=99), at.create("I-2"))
    assert isinstance(results["I-1"], RecordRejected)
    assert results["I-2"] is None
    assert [row["invoicenumber"] for row in at.invoices()] == ["I-2"]


@pytest.mark.parametrize("state", [{"statecode": 2, "statuscode": 100001}, {"statecode": 3, "statuscode": 100003}])
def test_an_invoice_that_is_paid_or_cancelled_takes_no_line_any_more(at: Environment, state: dict[str, int]) -> None:
    at.write(at.create("I-1", 1))
    found = at.find("I-1")
    assert found is not None
    assert at.desk.set_state(str(found.id), state, "invoices") == (204, "")
    late = Write("I-1", "I-1/2026-07-14", {}, create=False, target_id=found.id, before=found, lines=(new(2),))
    (refused,) = at.write(late).values()
    assert isinstance(refused, RecordRejected)
    assert positions(at.lines("I-1")) == [1]


def test_lines_that_users_add_to_our_document_do_not_count(at: Environment) -> None:
    at.write(at.create("I-1", 1))
    found = at.find("I-1")
    assert found is not None
    at.desk.line(str(found.id), "invoices", sequencenumber=2)
    at.desk.line(str(found.id), "invoices", sequencenumber=1)
    again = at.find("I-1")
    assert again is not None
    assert again == found


def test_a_document_of_somebody_else_is_found_by_number_and_day_with_all_its_lines(at: Environment) -> None:
    other = at.desk.invoice(invoicenumber="I-1", msdynce_invoicedate="2026-07-13")
    theirs = at.desk.invoice(invoicenumber="I-1", msdynce_invoicedate="2026-07-14")
    at.desk.line(theirs, "invoices", sequencenumber=7)
    found = at.find("I-1")
    assert found is not None
    assert (found.id, found.ours, list(found.lines)) == (theirs, False, [7])
    at.write(at.create("I-1"))
    ours = at.find("I-1")
    assert ours is not None
    assert ours.ours
    assert ours.id not in (other, theirs)


def test_header_and_lines_are_changed_added_and_removed(at: Environment) -> None:
    at.write(at.create("I-1", 3))
    found = at.find("I-1")
    assert found is not None
    lines = (LineWrite(1, LineAction.UPDATE, {"quantity": 9}), LineWrite(2, LineAction.DELETE), new(4))
    change = Write(
        "I-1", "I-1/2026-07-14", {"name": "Other"}, create=False, target_id=found.id, before=found, lines=lines
    )
    assert at.write(change) == {"I-1": None}
    assert [(row["sequencenumber"], row["quantity"]) for row in at.lines("I-1")] == [(1, 9), (3, 3), (4, 4)]
    assert at.invoices()[0]["name"] == "Other"


def test_a_line_that_somebody_has_removed_is_read_again(at: Environment) -> None:
    at.write(at.create("I-1", 1))
    found = at.find("I-1")
    assert found is not None
    assert at.desk.world.send("DELETE", f"invoicedetails({found.lines[1]['invoicedetailid']})").status_code == 204
    change = Write(
        "I-1", "I-1/2026-07-14", {}, create=False, target_id=found.id, before=found,
        lines=(LineWrite(1, LineAction.UPDATE, {"quantity": 9}),),
    )  # fmt: skip
    (refused,) = at.write(change).values()
    assert isinstance(refused, RecordRejected)
    assert (refused.cause, refused.repeatable) == ("dataverse.lines_changed", True)


def test_nothing_is_sent_when_the_time_is_over(at: Environment) -> None:
    (late,) = at.write(at.create("I-1"), not_after=-1.0).values()
    assert isinstance(late, NotSent)
    assert at.invoices() == []
