"""What the oracle says of single ends that few histories reach."""

from datetime import UTC, datetime

from shared.mapping.verdicts import Mapped, Parent
from tests.simulation.judgement import Books, Entry, Facts, TradeFacts
from tests.simulation.oracle import Oracle
from tests.simulation.targets import CUSTOMERS, Row
from tests.simulation.trade import TradeJudge

_FIRST, _SECOND = ("accounts", "1"), ("accounts", "2")


def _told(*, passable: bool, inherited: bool) -> list[str]:
    """What is wrong where both accounts are gone, and the row of the first one is still there."""
    former = frozenset({(CUSTOMERS, "k")}) if inherited else frozenset[tuple[str, str]]()
    row = Row("K", {}, of=_FIRST, made=True, passable=passable)
    facts = Facts(
        now=datetime(2026, 3, 2, tzinfo=UTC),
        mapper_of=lambda _flow: None,
        sources={"accounts": {}},
        targets={CUSTOMERS: {"k": row}},
        references={},
        removed=set(),
    )
    books = Books(entries={_FIRST: Entry("deleted"), _SECOND: Entry("deleted", former=former)})
    return [problem.invariant for problem in Oracle(facts, books).problems()]


def test_a_row_that_may_pass_and_that_another_record_has_inherited_is_known() -> None:
    assert _told(passable=True, inherited=True) == []


def test_a_row_that_nobody_has_inherited_or_that_may_not_pass_is_reported() -> None:
    assert _told(passable=True, inherited=False) == ["I2"]
    assert _told(passable=False, inherited=True) == ["I2"]


def _told_of_invoice(entry: Entry, *, removed: bool) -> list[str]:
    """What is wrong with an invoice that is not in Sales, where the totals of its order are not calculated."""
    invoice, order = ("invoices", "V-1"), ("ordersback", "S-1")
    facts = Facts(
        now=datetime(2026, 3, 2, tzinfo=UTC),
        mapper_of=lambda _flow: None,
        sources={},
        targets={},
        references={},
        removed=set(),
        trade=TradeFacts(removed_invoices={"V-1"} if removed else set()),
    )
    books = Books(entries={invoice: entry, order: Entry("filtered", reason="totals_not_calculated")})
    judge = TradeJudge(facts, books, {}, lambda _: None, lambda *_: iter(()), lambda _: False)
    mapped = Mapped("V-1", {}, {}, parents=(Parent.looked_at(*order),))
    return [problem.invariant for problem in judge.mapped(invoice, entry, mapped, None)]


def test_an_invoice_that_was_made_and_that_people_have_deleted_stays_written_whatever_its_order_lacks_by_now() -> None:
    assert _told_of_invoice(Entry("written"), removed=True) == []


def test_an_invoice_that_counts_as_written_or_as_new_while_its_order_is_to_be_told_first_is_reported() -> None:
    assert _told_of_invoice(Entry("written"), removed=False) == ["I1"]
    assert _told_of_invoice(Entry("new"), removed=True) == ["I1"]
