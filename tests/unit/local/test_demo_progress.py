"""What the demo shows while it waits, and for how long it does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from local.demo.progress import Positions, Progress, sentence, waited_for
from local.demo.progress_reader import Account, Glance
from local.demo.standstill import Standstill
from local.demo.stocktaking import Position, Stocktaking
from local.demo.systems import Counts
from local.demo.waiting import Wait
from shared.state.checkpoint_parts import Phase
from shared.state.links import LinkState
from tests.support.clock import START

GLANCE = Glance(
    counts={"created": 6},
    pulls=1,
    first=START,
    last=START + timedelta(seconds=2),
    phase=Phase.DELTA,
    idle=True,
    hints=0,
    held=0,
    poison=0,
    closed="",
)
DECIDED = Account({}, {}, (), (), 0, total=10, decided=10)
WAITING = Account({LinkState.WAITING: 25}, {}, (), (), 0, total=1229, decided=1204, waits_for={"accounts": 25})
UNDECIDED = Account({}, {}, (), ("1", "2"), 0, total=10, decided=8)
CLAIMED = replace(DECIDED, claimed=140)
UNTIL = datetime(2026, 7, 1, 12, 30, 5).astimezone()


def at(account: Account = DECIDED, until: datetime | None = None, **more: Any) -> Position:
    return Position(replace(GLANCE, **more), account, until)


def test_how_many_of_how_many_are_decided_is_reported_of_every_flow_in_one_line() -> None:
    flows = {"accounts": at(), "contacts": at(WAITING, hints=17), "quotations": at(Account({}, {}, (), (), 0))}
    assert sentence(flows) == (
        "decided: accounts 10 of 10, contacts 1204 of 1229 (25 wait for accounts) | 17 messages queued"
    )


def test_decided_records_that_are_looked_at_again_are_reported_as_such() -> None:
    told = sentence({"quotations": at(replace(DECIDED, decided=3, again=7, claimed=7))})
    assert told == "decided: quotations 3 of 10 (7 processed again)"


def test_messages_after_the_last_record_is_decided_are_reported_as_what_they_are() -> None:
    assert sentence({"accounts": at(hints=1)}).endswith("| 1 message queued to check again")


@pytest.mark.parametrize(
    ("position", "told"),
    [
        (at(WAITING), "25 accounts wait for accounts"),
        (at(CLAIMED, UNTIL), "140 accounts are claimed by a worker (if it is dead, until 12:30:05)"),
        (at(hints=2, held=1), "3 messages queued for accounts"),
        (at(poison=1), "1 message queued for accounts and given up"),
        (at(UNDECIDED), "2 accounts have no outcome yet"),
        (at(pulls=0, phase=None, idle=False), "accounts have not been read yet"),
        (at(closed="finops: refused"), "accounts: finops: refused"),
        (at(), None),
    ],
)  # fmt: skip
def test_what_is_waited_for_is_reported(position: Position, told: str | None) -> None:
    assert waited_for({"accounts": position}) == ([told] if told else [])


@dataclass
class Clock:
    """A clock that a test moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def lines_of(steps: list[tuple[float, Positions]], width: int = 200) -> list[str]:
    """What a pipe gets, when flows stand so at these times."""
    clock, console = Clock(), Console(file=StringIO(), width=width)
    with Progress(console, clock) as progress:
        for now, positions in steps:
            clock.now = now
            progress.show(positions, {})
        progress.close(positions)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def decided(count: int) -> Positions:
    return {"accounts": at(replace(DECIDED, decided=count))}


def test_a_line_is_written_every_two_seconds_while_something_changes() -> None:
    lines = lines_of([(count / 2, decided(count)) for count in range(9)])
    assert [line.split()[0] for line in lines] == ["2.0", "4.0"]


def test_when_nothing_changes_a_line_says_every_ten_seconds_what_is_waited_for() -> None:
    waiting = {"contacts": at(WAITING)}
    lines = lines_of([(float(second), waiting) for second in range(25)])
    assert [line.split()[0] for line in lines if " s  decided" in line] == ["2.0", "12.0", "22.0"]
    assert [line.strip() for line in lines if "no news" in line] == [
        f"no news for {seconds} s; waiting: 25 contacts wait for accounts" for seconds in (12, 22)
    ]


def test_the_end_of_a_wait_is_reported_unless_it_was_over_at_once() -> None:
    assert lines_of([(0.5, decided(3)), (1.0, decided(10))]) == []
    assert lines_of([(2.0, decided(3)), (2.5, decided(10))])[-1].strip() == "2.5 s  decided: accounts 10 of 10"


def test_no_line_is_broken_within_a_word() -> None:
    (*lines,) = lines_of([(2.0, {"contacts": at(WAITING, hints=17)})], width=40)
    assert all(len(line) <= 40 for line in lines)
    assert " ".join(" ".join(lines).split()) == f"2.0 s {sentence({'contacts': at(WAITING, hints=17)})}"


def test_a_slow_look_of_a_busy_machine_costs_no_more_patience_than_a_quick_one() -> None:
    clock = Clock()
    standstill = Standstill(clock=clock)
    for _ in range(10):
        clock.now += 60
        standstill.look("the same")
    assert standstill.spent_s == 9
    assert standstill.elapsed_s == 540
    assert standstill.look("another") == 0


@dataclass
class Play:
    """Flows that stand one after the other as a test says, the last time for ever; every look takes `look_s`."""

    clock: Clock
    positions: list[Positions]
    look_s: float = 0.5
    looks: int = 0
    counted: Mapping[str, Counts] = field(default_factory=dict)
    functions_log: Path = Path("functions-host.log")
    functions_pids: Sequence[int] = ()

    def look(self, *, anew: bool = False) -> Positions:
        self.clock.now += self.look_s
        self.looks += not anew
        return self.positions[min(self.looks, len(self.positions)) - 1]

    def require_alive(self) -> None:
        """All is alive."""

    def counts(self) -> dict[str, Counts]:
        return {}


def waited(
    *positions: Positions, look_s: float = 0.5, patience_s: float = 30, may_wait: bool = False
) -> tuple[Play, Wait]:
    clock = Clock()
    play = Play(clock, list(positions), look_s)
    wait = Wait(
        play,
        cast(Stocktaking, play),
        Console(file=StringIO()),
        patience_s,
        may_wait,
        sleep=lambda seconds: setattr(clock, "now", clock.now + seconds),
        clock=clock,
    )
    wait.until_in_step()
    return play, wait


def test_the_wait_is_over_as_soon_as_all_flows_are_in_step() -> None:
    play, wait = waited({**decided(3), "contacts": at(UNDECIDED)}, decided(10))
    assert (play.looks, wait.gave_up) == (2, "")


def test_whatever_gets_on_before_patience_is_over_keeps_the_wait_going() -> None:
    slowly = [{"accounts": at(replace(UNDECIDED, decided=count // 10))} for count in range(80)]
    play, wait = waited(*slowly, decided(10))
    assert play.clock.now > 100
    assert wait.gave_up == ""


def test_a_machine_on_which_a_look_takes_long_waits_as_much_longer() -> None:
    stuck = {"accounts": at(UNDECIDED)}
    quick, _ = waited(stuck)
    slow, _ = waited(stuck, look_s=23.0)
    assert slow.clock.now >= 9 * quick.clock.now


def test_a_standstill_is_reported_in_one_sentence_with_what_stands_still_and_where_to_look() -> None:
    _, wait = waited({"accounts": at(UNDECIDED, hints=2)})
    assert wait.gave_up == (
        "No progress for 30 s: 2 messages queued for accounts; 2 accounts have no outcome yet. "
        "The functions host has used no processor time meanwhile, so it hangs or was stopped; "
        "look into functions-host.log."
    )


def test_what_only_an_operator_can_change_is_not_waited_for() -> None:
    play, wait = waited({"accounts": at(UNDECIDED, closed="flow blocked: too many", blocked=True)})
    assert play.clock.now < 20
    assert wait.gave_up == "The sync waits for an operator: accounts: flow blocked: too many."


def test_beside_a_blocked_flow_another_is_waited_for_whose_links_are_read_only_now_and_then() -> None:
    blocked = at(UNDECIDED, closed="flow blocked: too many", blocked=True)
    # Five looks take as long as it takes until links are read anew.
    slowly = [{"accounts": blocked, "products": at(replace(UNDECIDED, decided=count // 5))} for count in range(20)]
    play, wait = waited(*slowly)
    assert play.looks > len(slowly)
    assert wait.gave_up.startswith("The sync waits for an operator: accounts")


@pytest.mark.parametrize("look_s", [0.5, 30.0], ids=["quiet", "busy"])
def test_records_that_wait_are_left_when_every_flow_has_looked_again_and_nothing_has_moved(look_s: float) -> None:
    waiting = {"contacts": at(WAITING)}
    looked_again = {"contacts": at(WAITING, pulls=3)}
    play, wait = waited(*[waiting] * 40, looked_again, look_s=look_s)
    assert (play.looks, wait.gave_up) == (41, "")


def test_records_that_may_wait_for_a_flow_that_does_not_run_are_left_at_once() -> None:
    play, wait = waited({"contacts": at(UNDECIDED)}, {"contacts": at(WAITING)}, may_wait=True)
    assert (play.looks, wait.gave_up) == (2, "")
