"""What the demo remembers is on disk before it goes on: whatever ends it, the next start compares by all of it."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from local.demo.arrivals import Arrivals
from local.demo.comparison import Comparison, compare
from local.demo.memory import JOURNAL, Memory, read_memory
from local.demo.selling import DRAFT, LOST, Wanted
from shared.flows.contacts import CONTACTS
from shared.flows.quotations import QUOTATIONS
from tests.unit.local.demo_trade import Trade, trade

_NUMBERS = count(1)
BIKE = Wanted("BK-1", 3)


def memory_in(folder: Path) -> Memory:
    memory = Memory(folder, "digest", "records", {"finops": 1})
    memory.save()
    return memory


def read_again(folder: Path) -> Memory:
    memory = read_memory(folder)
    assert memory is not None
    return memory


def test_an_expectation_is_there_again_without_a_save(tmp_path: Path) -> None:
    memory_in(tmp_path).expect(QUOTATIONS, {"1": "Q1", "2": "Q2"})
    assert read_again(tmp_path).keys == {QUOTATIONS: {"1": "Q1", "2": "Q2"}}


def test_a_key_that_a_record_had_before_is_remembered_when_it_gets_another(tmp_path: Path) -> None:
    memory = memory_in(tmp_path)
    for key in ("K1", "K1", "K2"):
        memory.expect(CONTACTS, {"1": key})
    again = read_again(tmp_path)
    assert (again.keys, again.left) == ({CONTACTS: {"1": "K2"}}, {CONTACTS: ["K1"]})


def test_thousands_of_expectations_are_written_once(tmp_path: Path) -> None:
    memory, keys = memory_in(tmp_path), {str(n): f"Q{n}" for n in range(2000)}
    memory.expect(QUOTATIONS, keys)
    size = (tmp_path / JOURNAL).stat().st_size
    memory.expect(QUOTATIONS, keys)
    assert (tmp_path / JOURNAL).stat().st_size == size
    assert len(read_again(tmp_path).keys[QUOTATIONS]) == 2000


def test_a_line_that_was_cut_short_is_forgotten_and_the_next_one_stands_alone(tmp_path: Path) -> None:
    memory_in(tmp_path).expect(QUOTATIONS, {"1": "Q1"})
    with (tmp_path / JOURNAL).open("a", encoding="utf-8") as journal:
        journal.write('["quotations", "2", "Q')
    read_again(tmp_path).expect(QUOTATIONS, {"3": "Q3"})
    assert read_again(tmp_path).keys == {QUOTATIONS: {"1": "Q1", "3": "Q3"}}


@pytest.mark.parametrize("line", ["{}", '["quotations", "1"]', "no JSON"])
def test_a_line_that_is_none_of_ours_is_refused(tmp_path: Path, line: str) -> None:
    memory_in(tmp_path)
    (tmp_path / JOURNAL).write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"expectation|Expecting"):
        read_memory(tmp_path)


@pytest.fixture(scope="module")
def running() -> Iterator[Trade]:
    with trade() as world:
        yield world


def quoted(running: Trade) -> tuple[str, str]:
    """A quote that has arrived; its id and number."""
    account = running.shop.account(f"A-{next(_NUMBERS)}")
    id, number = running.quote(f"/accounts({account})", BIKE)
    running.sync()
    return id, number


def watching(running: Trade, memory: Memory) -> Arrivals:
    """The eyes of a scene; what the links say is not asked for."""
    session = SimpleNamespace(systems=running.systems, require_alive=lambda: None)
    return Arrivals(cast(Any, session), running.flows[QUOTATIONS], cast(Any, None), memory)


def compared(running: Trade, memory: Memory) -> Comparison:
    flow = running.flows[QUOTATIONS]
    verdicts = flow.verdicts(running.systems)
    return compare(verdicts, flow.targets(running.systems), flow, flow.past(memory, verdicts, ()))


def test_what_was_seen_before_the_demo_died_is_not_extra_at_the_next_start(running: Trade, tmp_path: Path) -> None:
    id, number = quoted(running)
    assert watching(running, memory_in(tmp_path)).seen(number) is not None
    # Nobody saves anything any more: the demo has died. A draft tells nothing of the quotation that it once had.
    running.seller.change(id, DRAFT)
    assert number in compared(running, Memory(tmp_path, "digest", "records", {})).extra
    again = compared(running, read_again(tmp_path))
    assert number not in (*again.extra, *again.doubled)


@pytest.mark.parametrize("revised", [False, True], ids=["lost", "revised, and still a draft"])
def test_a_quotation_whose_quote_was_closed_is_expected_even_by_a_demo_that_never_saw_it(
    running: Trade, tmp_path: Path, revised: bool
) -> None:
    id, number = quoted(running)
    if revised:
        running.seller.revise(id)
    else:
        running.seller.close(id, LOST)
    running.sync()
    found = compared(running, memory_in(tmp_path))
    assert number not in (*found.extra, *found.doubled, *found.missing)
