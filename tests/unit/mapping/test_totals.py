"""How is told that a document of F&O costs something else in Sales."""

from decimal import Decimal

import pytest

from shared.flows.finops_documents.totals import totals_differ
from shared.mapping.verdicts import Mapped, MappedLine
from shared.records import Json, TargetRow, Values


def content(total: Json, *lines: Json) -> Mapped:
    """A document with what Sales must calculate for it, and for each of its lines."""
    return Mapped(
        "I-1",
        {},
        {},
        calculated={} if total is None else {"totalamount": total},
        lines={number: MappedLine({}, calculated={"extendedamount": each}) for number, each in enumerate(lines, 1)},
    )


def row(total: Json, *lines: Json) -> TargetRow:
    """What Sales has calculated."""
    of: dict[int, Values] = {number: {"extendedamount": each} for number, each in enumerate(lines, 1)}
    return TargetRow({"totalamount": total}, lines=of)


@pytest.mark.parametrize("ours", [None, Decimal(6), Decimal("6.00")])
def test_a_document_that_costs_the_same_or_has_no_total_is_not_rejected(ours: Json) -> None:
    assert totals_differ(row(Decimal(6), Decimal(5)), content(ours, Decimal(6))) is None


def test_each_line_that_costs_something_else_is_told_with_both_amounts() -> None:
    verdict = totals_differ(
        row(Decimal("7.00"), Decimal(1), Decimal(2)), content(Decimal(6), Decimal(1), Decimal(3), 9)
    )
    assert verdict is not None
    assert verdict.cause == "totals_differ"
    assert verdict.message == (
        "totalamount is 7 in Sales, and 6 in F&O: it differs in line 2, 2 and 3; line 3, None and 9"
    )
    assert verdict.remedy.startswith("look at the price and the discount of these lines")


def test_where_no_line_differs_people_have_added_something() -> None:
    verdict = totals_differ(row(Decimal(7), Decimal(1)), content(Decimal(6), Decimal(1)))
    assert verdict is not None
    assert verdict.message.endswith(": no line that the sync has written differs")
    assert "people have added in Sales" in verdict.remedy


@pytest.mark.parametrize(("count", "more"), [(9, ""), (10, ""), (11, " and 1 more"), (13, " and 3 more")])
def test_of_many_lines_ten_are_told_and_the_others_counted(count: int, more: str) -> None:
    verdict = totals_differ(row(Decimal(7), *[Decimal(1)] * count), content(Decimal(6), *[Decimal(2)] * count))
    assert verdict is not None
    assert verdict.message.count("; line ") == min(count, 10) - 1
    assert verdict.message.endswith(f"line {min(count, 10)}, 1 and 2{more}")
