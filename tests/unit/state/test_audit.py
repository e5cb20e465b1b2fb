"""What is kept of the deeds of operators."""

from datetime import timedelta

from shared.state.audit import Audit, Deed
from shared.state.storage.memory import MemoryTable
from tests.support.clock import START, ManualClock


def audit() -> Audit:
    return Audit(MemoryTable(ManualClock()))


def test_the_newest_deeds_come_first_and_no_more_than_asked_for() -> None:
    kept = audit()
    deeds = [Deed(START + timedelta(hours=hour), "anna", "pause", "accounts", f"{hour} records") for hour in range(5)]
    for number, deed in enumerate(deeds):
        kept.add(deed, str(number))
    assert kept.latest(3) == deeds[:1:-1]


def test_of_long_words_their_beginning_is_kept() -> None:
    kept = audit()
    kept.add(Deed(START, "w" * 9000, "pause", "accounts", "s" * 9000, "r" * 9000), "1")
    (found,) = kept.latest(1)
    assert (found.who, found.subject, found.reason) == ("w" * 200, "s" * 8000, "r" * 2000)
