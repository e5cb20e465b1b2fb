"""How far the sync is, as the demo reads it; and what it shows at the end."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from local.demo import screen, summary
from local.demo.comparison import Comparison, Difference
from local.demo.progress_reader import ENDED, Account, Glance, ProgressReader
from local.demo.report import FlowResult, Result, Trial
from local.demo.systems import Requests
from local.demo.trust import held
from shared.flows.registry import FLOWS
from shared.state.checkpoint_parts import Phase, Position, Walk
from shared.state.checkpoints import Checkpoint, Checkpoints
from shared.state.control import Control, FlowControl, Gate
from shared.state.failures import Failure, Failures
from shared.state.link_parts import Claim, ClaimKind
from shared.state.links import Link, LinkState
from shared.state.runs import Run, Runs
from shared.state.storage.memory import MemoryQueues, MemoryTable
from shared.state.storage.queues import Queues, hold_queue, poison_queue, queues_of
from shared.state.storage.tables import Put
from shared.state.waiting import Wait
from shared.sync.apply.filters import in_words
from shared.systems import System
from tests.support.clock import START, ManualClock

FLOW, ROUTE = "accounts", "customer"
IDLE = Checkpoint(FLOW, "epoch", Walk("walk"), position=Position(Phase.DELTA, delta_link="link"))


@dataclass
class MemoryStorage:
    """The storage account in memory."""

    clock: ManualClock = field(default_factory=ManualClock)
    tables: dict[str, MemoryTable] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.memory_queues = MemoryQueues(self.clock)

    @property
    def queues(self) -> Queues:
        return self.memory_queues

    def table(self, name: str) -> MemoryTable:
        return self.tables.setdefault(name, MemoryTable(self.clock, name))


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def reader(storage: MemoryStorage) -> ProgressReader:
    return ProgressReader(storage, FLOW, START)


def add_run(storage: MemoryStorage, kind: str, id: str, *, at_s: float, seconds: float = 1, **counts: int) -> None:
    Runs(storage.table("runs")).add(Run(FLOW, kind, id, START + timedelta(seconds=at_s), seconds, counts))


def add_link(storage: MemoryStorage, id: str, state: LinkState, **more: object) -> None:
    link = replace(Link(FLOW, id, ROUTE, state=state), **more)  # type: ignore[arg-type]
    storage.table("links").transact([Put(link.to_row())])


def add_failure(storage: MemoryStorage, id: str, cause: str) -> None:
    Failures(storage.table("links")).put(Failure(FLOW, id, cause, "why", "what to do", START, START))


def test_outcomes_of_this_session_are_summed_once(storage: MemoryStorage, reader: ProgressReader) -> None:
    add_run(storage, "apply", "earlier", at_s=-5, created=50)
    add_run(storage, "pull", "p", at_s=1, hints=5)
    add_run(storage, "apply", "a", at_s=2, seconds=3, created=3, read=3)
    reader.glance()
    add_run(storage, "apply", "b", at_s=4, seconds=6, created=2, rejected=1, read=3)
    glance = reader.glance()
    assert glance.counts == {"created": 5, "read": 6, "rejected": 1}
    assert (glance.pulls, glance.seconds) == (1, 9)


def test_pulls_that_find_nothing_do_not_make_the_session_longer(storage: MemoryStorage, reader: ProgressReader) -> None:
    add_run(storage, "pull", "p", at_s=1, hints=5)
    add_run(storage, "apply", "a", at_s=2, seconds=3, created=3)
    add_run(storage, "pull", "q", at_s=60, pages=1)
    assert reader.glance().seconds == 4


@pytest.mark.parametrize("kind", ["none", "pull missing", "queued", "held", "poison", "reading", "resuming"])
def test_quiet_means_pulled_idle_and_nothing_queued(storage: MemoryStorage, reader: ProgressReader, kind: str) -> None:
    if kind != "pull missing":
        add_run(storage, "pull", "p", at_s=1, pages=1)
    match kind:
        case "reading":
            Checkpoints(storage.table("checkpoints")).save(IDLE.in_phase(Phase.FULL))
        case "resuming":
            Checkpoints(storage.table("checkpoints")).save(IDLE.at("next"))
        case _:
            Checkpoints(storage.table("checkpoints")).save(IDLE)
    queue = dict(zip(("queued", "held", "poison"), queues_of(FLOW), strict=True))
    if kind in queue:
        storage.queues.send(queue[kind], "body", delay_s=300)
    assert reader.glance().quiet is (kind == "none")


@pytest.mark.parametrize("queue", [hold_queue(FLOW), poison_queue(FLOW)])
def test_only_a_look_anew_finds_at_once_what_was_put_aside_between_two_looks(
    storage: MemoryStorage, reader: ProgressReader, queue: str
) -> None:
    add_run(storage, "pull", "p", at_s=1, pages=1)
    Checkpoints(storage.table("checkpoints")).save(IDLE)
    assert reader.glance(anew=False).quiet
    storage.queues.send(queue, "body")
    assert reader.glance(anew=False).quiet
    assert not reader.glance(anew=True).quiet
    assert not reader.glance(anew=False).quiet


def test_what_is_put_aside_is_found_by_each_look_while_messages_are_queued(
    storage: MemoryStorage, reader: ProgressReader
) -> None:
    assert reader.glance(anew=False).messages == 0
    storage.queues.send(FLOW, "body")
    storage.queues.send(hold_queue(FLOW), "body")
    storage.queues.send(poison_queue(FLOW), "body")
    glance = reader.glance(anew=False)
    assert (glance.messages, glance.poison) == (2, 1)


def test_each_record_is_accounted_for_by_its_own_link(storage: MemoryStorage, reader: ProgressReader) -> None:
    add_link(storage, "written", LinkState.WRITTEN, target_key="A1")
    add_link(storage, "filtered", LinkState.FILTERED, rule="inactive")
    add_link(storage, "ended", LinkState.ENDED, rule="inactive", target_key="A2")
    add_link(storage, "waiting", LinkState.WAITING)
    add_link(storage, "rejected", LinkState.REJECTED)
    add_failure(storage, "rejected", "number_missing")
    account = reader.account_for(["written", "filtered", "ended", "waiting", "rejected"])
    assert account.unaccounted == ()
    assert account.filtered == {"inactive": 1, "source ended: inactive": 1}
    assert (account.waiting, account.rejected, account.claimed) == (1, {"number_missing": 1}, 0)


def test_decided_are_those_that_neither_wait_nor_are_worked_on(storage: MemoryStorage, reader: ProgressReader) -> None:
    wait = Wait(FLOW, "waits", "contacts", "person", "parent")
    add_link(storage, "written", LinkState.WRITTEN, target_key="A1")
    add_link(storage, "not one of them", LinkState.WRITTEN, target_key="A2")
    add_link(storage, "waits", LinkState.WAITING, waits=(wait.key,))
    add_link(storage, "claimed", LinkState.WRITTEN, claim=Claim("c", ClaimKind.WORKING))
    account = reader.account_for(["written", "waits", "claimed", "never seen"])
    assert (account.decided, account.again, account.total, account.waits_for) == (1, 1, 4, {"contacts": 1})
    assert account.claim_age_s is not None


def test_a_record_that_is_looked_at_in_vain_again_and_again_is_no_progress(
    storage: MemoryStorage, reader: ProgressReader
) -> None:
    add_run(storage, "apply", "a", at_s=1, created=1)
    before = reader.glance().progress
    add_run(storage, "apply", "b", at_s=2, waiting=3, rejected=1, retried=2)
    assert reader.glance().progress == before
    add_run(storage, "apply", "c", at_s=3, unchanged=1)
    assert reader.glance().progress != before


def test_a_record_without_outcome_is_not_accounted_for(storage: MemoryStorage, reader: ProgressReader) -> None:
    add_link(storage, "retrying", LinkState.RETRYING)
    add_link(storage, "claimed", LinkState.WRITTEN, claim=Claim("c", ClaimKind.WORKING))
    add_link(storage, "rejected without a reason", LinkState.REJECTED)
    ids = ["retrying", "claimed", "rejected without a reason", "never seen"]
    account = reader.account_for(ids)
    assert account.unaccounted == tuple(ids)
    assert account.claimed == 1


def test_why_nothing_moves_is_named(storage: MemoryStorage, reader: ProgressReader) -> None:
    control = Control(storage.table("control"))
    control.save_gate(Gate(System.FINOPS, closed=True, reason="OperatorNeeded: F&O refused the token"))
    assert reader.closed() == "OperatorNeeded: F&O refused the token"
    control.save_flow(FlowControl(FLOW, blocked="too many changes"))
    assert reader.closed() == "flow blocked: too many changes"


GLANCE = Glance(
    counts={"read": 10, "created": 6, "rejected": 1},
    pulls=1,
    first=START,
    last=START + timedelta(seconds=2),
    phase=Phase.DELTA,
    idle=True,
    hints=3,
    held=0,
    poison=0,
    closed="finops: refused",
)
REQUESTS = {"dataverse": Requests(4, 0), "finops": Requests(2, 6)}


def shown(result: Result) -> str:
    console = Console(file=StringIO(), width=120)
    for picture in summary.pictures(result):
        screen.show(console, picture)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def result_of(comparison: Comparison, account: Account, trial: Trial | None = None, *, flow: str = FLOW) -> Result:
    result = FlowResult(GLANCE, account, comparison, REQUESTS)
    return Result({flow: result}, True, 99.0, REQUESTS, trial)


def test_the_tables_tell_each_reason_with_its_remedy() -> None:
    failure = Failure(FLOW, "1", "key_taken", "A1 is taken", "give it another number", START, START)
    text = shown(result_of(Comparison(6, 6), Account({}, {"inactive": 2}, (failure,), (), 0)))
    for told in ("2 filtered", "1 rejected", "key_taken", "A1 is taken -> give it another number", "In step."):
        assert told in text


@pytest.mark.parametrize(
    ("flow", "rule"),
    [
        *((flow.name, rule) for flow in FLOWS for rule in flow.filters),
        (FLOW, "out_of_scope"),
        ("contacts", "parent filtered by inactive"),
    ],
)
def test_a_filter_is_reported_in_the_words_of_the_operators_command_line(flow: str, rule: str) -> None:
    text = " ".join(shown(result_of(Comparison(6, 6), Account({}, {rule: 2}, (), (), 0), flow=flow)).split())
    words = in_words(rule, FLOWS[flow], FLOWS)
    assert f"{rule}: {words.meaning} -> {words.remedy}" in text


def test_the_outcomes_of_all_looks_are_shown_and_records_that_have_ended_are_not_expected() -> None:
    glance = replace(GLANCE, counts={"read": 10, "created": 6, "ended": 3, "rejected": 1, "skipped": 2, "retried": 0})
    account = Account({}, {f"{ENDED}won": 3}, (), (), 0)
    text = shown(Result({"quotations": FlowResult(glance, account, Comparison(6, 6), REQUESTS)}, True, 99.0, REQUESTS))
    assert "skipped: applied before, and not read" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["flow", "read", "created", "skipped", "ended", "rejected", "seconds"] in lines
    assert ["quotations", "10", "6", "2", "3", "1", "2.0"] in lines
    assert "not expected: what has ended" in text


def test_no_outcome_is_explained_that_no_flow_had() -> None:
    assert "skipped" not in shown(result_of(Comparison(6, 6), Account({}, {}, (), (), 0)))


def test_records_that_wait_are_reported_by_what_they_wait_for() -> None:
    account = Account({LinkState.WAITING: 25}, {}, (), (), 0, waits_for={"contacts": 25})
    assert "25 waiting" in shown(result_of(Comparison(6, 6), account))


def test_the_tables_name_what_is_missing_extra_and_different() -> None:
    found = Comparison(6, 5, ("A1",), ("B1",), ("D1",), (Difference("C1", "Name", "x", "y"),))
    text = shown(result_of(found, Account({}, {}, (), ("lost",), 0)))
    for told in (
        "missing: A1",
        "extra: B1",
        "doubled: D1",
        "C1: Name is 'y', should be 'x'",
        "nothing is known of record lost",
    ):
        assert told in text
    assert "In step." not in text


@pytest.mark.parametrize("stale", [0, 3])
def test_the_closing_line_tells_what_is_lost_extra_doubled_and_stale(stale: int) -> None:
    trial = Trial({"accounts": 140, "products": 100}, {"accounts": 90, "products": 100}, 20, 40.0, 0, 3, 0, stale)
    text = shown(result_of(Comparison(6, 6), Account({}, {}, (), (), 0), trial))
    found = f"lost 0, extra 3, doubled 0, stale {stale}"
    assert f"Functions killed while 140 accounts, 100 products changed: {found}." in text


def test_the_closing_line_names_the_flows_that_the_kill_did_not_meet() -> None:
    trial = Trial(
        {"accounts": 14, "products": 18, "orders": 10}, {"accounts": 0, "products": 0, "orders": 10}, *[0] * 6
    )
    text = " ".join(shown(result_of(Comparison(6, 6), Account({}, {}, (), (), 0), trial)).split())
    assert "Nothing of accounts, products was in their hands then" in text


def test_held_flows_go_on_together_and_a_paused_one_stays_paused(storage: MemoryStorage) -> None:
    control = Control(storage.table("control"))
    control.save_flow(FlowControl("accounts", paused=False, blocked="why"))
    control.save_flow(FlowControl("orders"))
    with held(control, ["accounts", "orders"]):
        assert control.flow("accounts").paused
    assert not control.flow("accounts").paused
    assert control.flow("accounts").blocked == "why"
    assert control.flow("orders").paused


def test_a_walk_without_versions_is_idle_between_two_walks(storage: MemoryStorage, reader: ProgressReader) -> None:
    add_run(storage, "pull", "p", at_s=1, pages=1)
    checkpoints = Checkpoints(storage.table("checkpoints"))
    checkpoint = Checkpoint(FLOW, "epoch", Walk("walk"), position=Position(Phase.WALK))
    etag = checkpoints.save(checkpoint)
    assert reader.glance().quiet
    checkpoints.save(replace(checkpoint.at("A1"), etag=etag))
    assert not reader.glance().quiet


def test_records_in_the_hands_of_a_worker_and_in_the_target_are_reported(
    storage: MemoryStorage, reader: ProgressReader
) -> None:
    add_link(storage, "claimed", LinkState.NEW, claim=Claim("c", ClaimKind.WORKING))
    add_link(storage, "written", LinkState.WRITTEN, target_key="A1")
    assert (reader.claimed(), reader.written()) == (1, ["written"])


def test_long_lists_are_cut_on_the_screen() -> None:
    text = shown(result_of(Comparison(50, 0, tuple(f"A{n}" for n in range(50))), Account({}, {}, (), (), 0)))
    assert "and 42 more" in text
