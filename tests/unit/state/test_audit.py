"""What is kept of the actions of operators."""

from datetime import timedelta

import pytest

from shared.state.audit import Audit, AuditEntry
from shared.state.storage.memory import MemoryTable
from tests.support.clock import START, ManualClock


def audit() -> Audit:
    return Audit(MemoryTable(ManualClock()))


def test_the_newest_entries_come_first_and_no_more_than_asked_for() -> None:
    kept = audit()
    entries = [
        AuditEntry(START + timedelta(hours=hour), "anna", "pause", "accounts", f"{hour} records") for hour in range(5)
    ]
    for number, entry in enumerate(entries):
        kept.add(entry, str(number))
    assert kept.latest(3) == entries[:1:-1]


@pytest.mark.parametrize("count", [0, 1, 1000, 1001, 2001])
def test_every_entry_is_walked_over_once_the_newest_first(count: int) -> None:
    kept = audit()
    entries = [AuditEntry(START + timedelta(minutes=at), "anna", "unlink", "accounts", str(at)) for at in range(count)]
    for number, entry in enumerate(entries):
        kept.add(entry, str(number))
    assert list(kept.walk()) == entries[::-1]
