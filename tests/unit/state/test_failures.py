"""How failures are looked up."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.state.failures import Failure, Failures
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
    failures.put(replace(failure("1"), message=long, remedy=long, number=long, value=long))
    kept = failures.load("accounts", ["1"])["1"]
    assert [len(text) for text in (kept.message, kept.remedy, kept.number, kept.value)] == [8000, 2000, 500, 200]
