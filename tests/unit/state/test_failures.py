"""How failures are looked up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.state.failures import Failure, Failures, renewed, retry_after
from shared.state.storage.memory import MemoryTable
from tests.support.clock import ManualClock

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def failure(id: str) -> Failure:
    return Failure("accounts", id, "finops.refused", "no", "mend it", first_seen=NOW, last_seen=NOW)


@pytest.mark.parametrize("asked", [2, 50])
def test_the_failures_of_a_batch_are_read_at_once(asked: int) -> None:
    steps: list[str] = []
    failures = Failures(MemoryTable(ManualClock(), "runs", steps.append))
    for id in ("1", "other"):
        failures.put(failure(id))
    steps.clear()
    assert set(failures.load("accounts", [str(number) for number in range(asked)])) == {"1"}
    assert steps == ["runs.read"]


def test_of_long_words_of_a_failure_their_beginning_is_kept() -> None:
    failures, long = Failures(MemoryTable(ManualClock())), "x" * 99_000
    failures.put(
        replace(
            failure("1"),
            message=long,
            remedy=long,
            number=long,
            value=long,
            assigned=long,
            note=long,
            lacks=("units", long, "CODE"),
        )
    )
    kept = failures.load("accounts", ["1"])["1"]
    assert [len(text) for text in (kept.message, kept.remedy, kept.number, kept.value)] == [8000, 2000, 500, 200]
    assert [len(text) for text in (kept.assigned, kept.note, *kept.lacks)] == [200, 1000, 5, 200, 4]


@pytest.mark.parametrize(
    ("tries", "hours"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 24), (6, 24), (11, 24), (10_000, 24)]
)
def test_a_failure_is_tried_again_after_an_hour_that_doubles_up_to_a_day(tries: int, hours: int) -> None:
    assert retry_after(tries) == timedelta(hours=hours)


LATER = NOW + timedelta(days=1)
AGAIN = replace(failure("1"), first_seen=LATER, last_seen=LATER)


def test_a_new_failure_is_due_in_an_hour_unless_it_says_when() -> None:
    assert renewed(None, AGAIN).next_try == LATER + timedelta(hours=1)
    assert renewed(None, replace(AGAIN, next_try=LATER)).next_try == LATER


def test_a_failure_that_is_met_again_keeps_what_is_known_of_it_and_waits_longer() -> None:
    known = replace(failure("1"), tries=2, retried=3, assigned="Ana", note="asked")
    found = renewed(known, AGAIN)
    assert (found.first_seen, found.last_seen, found.tries, found.retried) == (NOW, LATER, 2, 3)
    assert (found.assigned, found.note, found.tried) == ("Ana", "asked", 5)
    assert found.next_try == LATER + timedelta(hours=4)
    assert renewed(known, replace(AGAIN, next_try=LATER)).next_try == LATER


@pytest.mark.parametrize(
    ("cause", "message", "stays"),
    [("finops.refused", "no", True), ("finops.refused", "still no", False), ("key_taken", "no", False)],
)
def test_a_dismissed_failure_stays_dismissed_while_its_reason_is_the_same(
    cause: str, message: str, stays: bool
) -> None:
    dismissed = replace(failure("1"), dismissed="nobody needs it")
    found = renewed(dismissed, replace(AGAIN, cause=cause, message=message, next_try=LATER))
    assert (found.dismissed, found.next_try) == (("nobody needs it", None) if stays else ("", LATER))


def test_a_dismissed_failure_of_a_long_reason_is_known_by_the_beginning_that_is_kept() -> None:
    failures, long = Failures(MemoryTable(ManualClock())), "x" * 9_000
    failures.put(replace(failure("1"), message=long, dismissed="known"))
    assert renewed(failures.load("accounts", ["1"])["1"], replace(AGAIN, message=long)).dismissed == "known"


@pytest.mark.parametrize(("after_s", "is_asked"), [(-1, False), (0, False), (1, True)])
def test_a_failure_is_asked_for_until_its_record_is_looked_at(after_s: int, is_asked: bool) -> None:
    assert replace(failure("1"), asked_at=NOW + timedelta(seconds=after_s)).is_asked is is_asked
    assert not failure("1").is_asked


def listed(*ids: str) -> Failures:
    """Failures of these records."""
    failures = Failures(MemoryTable(ManualClock()))
    for id in ids:
        failures.put(failure(id))
    return failures


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9])
def test_pages_of_any_size_give_each_failure_once_and_in_order(limit: int) -> None:
    failures, found = listed("1", "10", "2", "a|b"), list[str]()
    after: str | None = ""
    while after is not None:
        page, after = failures.page("accounts", after, limit)
        assert len(page) <= limit
        found += [each.id for each in page]
        assert len(found) <= 4
    assert found == ["1", "10", "2", "a|b"]


def test_a_failure_is_only_written_over_as_it_was_read() -> None:
    failures = listed("1", "2")
    one, other = failures.load("accounts", ["1", "2"]).values()
    assert failures.save(replace(one, note="first"))
    assert not failures.save(replace(one, note="second"))
    assert failures.save_all([replace(one, note="third"), replace(other, note="third")]) == 1
    assert {id: each.note for id, each in failures.load("accounts", ["1", "2"]).items()} == {"1": "first", "2": "third"}
