"""Keys of several parts by which a collection of F&O is walked."""

from datetime import datetime, timedelta
from urllib.parse import unquote

import pytest

from shared.clients.finops.document_source import LINES, FinopsDocumentSource, LineCollection
from shared.clients.finops.environment import FinopsSystem
from shared.clients.finops.source import ClosedAfterDays, FinopsSource
from shared.clients.finops.walk_keys import WalkKey
from shared.errors import RecordRejected, Transient
from shared.records import Json
from tests.support.clock import ManualClock
from tests.unit.clients.fakes import Line, line, values_of

KEY = WalkKey(
    ("InvoiceNumber", "InvoiceDate", "LedgerVoucher"),
    ("InvoiceDate", "InvoiceNumber", "LedgerVoucher"),
    frozenset({"InvoiceDate"}),
)
DAY = "2026-07-14T12:00:00Z"


def row(number: str = "I-1", day: str = DAY, voucher: str = "V-1", **values: Json) -> dict[str, Json]:
    return {"InvoiceNumber": number, "InvoiceDate": day, "LedgerVoucher": voucher, **values}


def source(at: Line, **options: object) -> FinopsDocumentSource:
    closed = ClosedAfterDays("InvoiceDate", 7, at.clock)
    headers = FinopsSource(
        FinopsSystem(at.channel, "usmf"), "Headers", KEY, "usmf", ["InvoiceDate", "Amount"], page_rows=2, closed=closed
    )
    return FinopsDocumentSource(headers, LineCollection("Lines", "LineNumber", ("Quantity",), closed))


def asked(at: Line) -> list[str]:
    return [unquote(call.url.partition("/data/")[2]) for call in at.server.calls]


@pytest.mark.parametrize("number", ["I-1", "2026/0001", "a%2Fb", "%", "100%25/7"])
def test_an_id_gives_back_the_number_that_it_was_made_of(number: str) -> None:
    id = KEY.id_of(row(number))
    assert id is not None
    assert KEY.number_of(id) == number


def test_two_numbers_with_the_separator_have_different_ids() -> None:
    ids = {KEY.id_of(row("A/B", voucher="C")), KEY.id_of(row("A", voucher="B/C")), KEY.id_of(row("A%2FB", voucher="C"))}
    assert len(ids) == 3


@pytest.mark.parametrize("lacks", [{"InvoiceNumber": ""}, {"InvoiceDate": ""}, {"LedgerVoucher": None}])
def test_a_row_that_lacks_its_number_its_day_or_a_field_has_no_id(lacks: dict[str, Json]) -> None:
    assert KEY.id_of({**row(), **lacks}) is None


def test_a_row_without_a_voucher_has_an_id_and_holds_up_no_walk() -> None:
    id = str(KEY.id_of(row(voucher="")))
    assert KEY.parts(id) == row(voucher="")
    assert KEY.after(id).endswith("LedgerVoucher gt ''))")


def test_a_walk_goes_on_by_the_first_part_in_which_records_differ() -> None:
    id = str(KEY.id_of(row("I'1", voucher="V*")))
    assert KEY.after(id) == (
        f"((InvoiceDate gt {DAY}) or (InvoiceDate eq {DAY} and InvoiceNumber gt 'I''1')"
        f" or (InvoiceDate eq {DAY} and (InvoiceNumber eq 'I''1') and LedgerVoucher gt 'V*'))"
    )
    assert KEY.until(id) == (
        f"((InvoiceDate lt {DAY}) or (InvoiceDate eq {DAY} and InvoiceNumber lt 'I''1')"
        f" or (InvoiceDate eq {DAY} and (InvoiceNumber eq 'I''1') and LedgerVoucher le 'V*'))"
    )


def test_a_key_of_one_field_compares_that_field_only() -> None:
    key = WalkKey.of("ProductNumber")
    assert (key.after("P/1"), key.until("P/1")) == ("ProductNumber gt 'P/1'", "ProductNumber le 'P/1'")
    assert key.id_of({"ProductNumber": "P/1"}) == key.number_of("P/1") == "P/1"


@pytest.mark.parametrize("text", ["", "soon", "2026-07-14", "2026-07-14T12:00:00Z or 1 eq 1"])
def test_a_text_that_is_no_moment_never_reaches_a_filter(text: str) -> None:
    with pytest.raises(RecordRejected):
        KEY.after(str(KEY.id_of(row(day=text or "-"))))


def test_documents_that_share_a_number_are_told_apart_by_their_whole_key() -> None:
    first, second = row("I-1", voucher="V-1"), row("I-1", voucher="V-2")
    lines = [{**first, "LineNumber": 1, "Quantity": 1}, {**second, "LineNumber": 1, "Quantity": 2}]
    at = line(values_of([first, second]), values_of(lines))
    id = str(KEY.id_of(second))
    found = source(at).read([id])
    assert list(found) == [id]
    assert found[id].values[LINES] == [lines[1]]
    assert [each.count("(InvoiceNumber eq 'I-1')") for each in asked(at)] == [1, 1]


def test_records_are_found_by_number_in_any_case() -> None:
    at = line(values_of([row("i-1", voucher="V-1"), row("I-1", voucher="V-2")]))
    assert source(at).as_written(["I-1", "I-9"]) == {"I-1": [f"i-1/{DAY}/V-1", f"I-1/{DAY}/V-2"]}


def test_a_row_without_a_part_of_its_key_is_a_wrong_answer() -> None:
    at = line(values_of([row(day="")]))
    with pytest.raises(Transient, match="no InvoiceNumber or no InvoiceDate or no LedgerVoucher"):
        source(at).existing([f"I-1/{DAY}/V-1"])


def test_records_are_closed_some_days_after_their_date() -> None:
    clock = ManualClock()
    closed = ClosedAfterDays("InvoiceDate", 7, clock)
    today: datetime = clock.now()
    moments = {days: f"{(today - timedelta(days=days)).date().isoformat()}T12:00:00Z" for days in (0, 7, 8)}
    assert {days: closed.holds(row(day=moment)) for days, moment in moments.items()} == {0: False, 7: False, 8: True}
    assert closed.leaves_out == (f"InvoiceDate ge {moments[7][:10]}T00:00:00Z",)
    clock.sleep(24 * 3600)
    assert closed.holds(row(day=moments[7]))
