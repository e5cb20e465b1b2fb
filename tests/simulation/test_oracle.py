"""What the oracle says of single ends that few histories reach."""

from datetime import UTC, datetime

from tests.simulation.judgement import Books, Entry, Facts
from tests.simulation.oracle import Oracle
from tests.simulation.targets import CUSTOMERS, Row

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
