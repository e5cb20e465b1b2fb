"""What the one transaction of a record stores beside its outcome (protocol A9)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import pytest

from shared.mapping.verdicts import Parent
from shared.records import SourceRow, Write
from shared.state.failures import STATE_UNREADABLE, Failure
from shared.state.history import Entry, Histories
from shared.state.keys import Owner
from shared.state.link_parts import Claim, ClaimKind, KnownKey, LinkContent, Seen
from shared.state.link_targets import Elsewhere, FormerTarget, Intent
from shared.state.links import Link, LinkState
from shared.state.relinked import Relinked
from shared.state.storage.tables import Insert, Put, Stored
from shared.state.waiting import Wait
from shared.sync.apply.commit import Committing
from shared.sync.apply.outcome import Kind, Rejection, WrittenTarget
from shared.sync.apply.record import Concluded, Record
from shared.sync.flow import OnConflict, OnTargetDeleted
from shared.sync.hints import Hint, HintMessage, Why
from shared.sync.link_writer import change_link
from tests.support.clock import START
from tests.support.doubles import ROUTE
from tests.support.world import PRODUCTS, TRADE, World

CLAIM = Claim("mine", ClaimKind.WORKING, last="theirs", unfinished=1, overwrites=True)
NEW = Link("parents", "1", claim=CLAIM)
LINKED = replace(
    NEW,
    route=ROUTE,
    state=LinkState.WRITTEN,
    target_key="K",
    held_key="K",
    last_key="K",
    content=LinkContent(applied={"name": "old"}),
    seen=Seen(3, "e0", "f0"),
)
KNOWN = (KnownKey("people", ROUTE, "9", "C"),)
ROW = SourceRow("1", 7, {"number": "K"})
FAILURE = Failure("parents", "1", "old", "it was bad", "wait", START, START, tries=2)
WAIT, WAIT2 = Wait("parents", "1", "parents", ROUTE, "2"), Wait("parents", "1", "parents", ROUTE, "3")


@dataclass
class Stored1:
    """What is stored of record 1."""

    world: World
    flow: str
    overtaken: frozenset[str]

    @property
    def link(self) -> Link:
        return self.world.state.links.load(self.flow, ["1"])["1"]

    @property
    def failure(self) -> Failure | None:
        return self.world.state.failures.load(self.flow, ["1"]).get("1")

    @property
    def waits(self) -> list[Wait]:
        return self.world.state.waits.page(self.flow, "", 10)[0]

    @property
    def history(self) -> list[Entry]:
        return Histories(self.world.links_table).latest(self.flow, "1", 10)

    @property
    def relinked(self) -> list[Stored]:
        return list(Relinked(self.world.links_table).page(self.flow, 10))

    @property
    def decided(self) -> list[object]:
        rows = self.world.links_table.scan(self.flow, start="D|", end="D}", limit=10)
        return [each.row.cells.get("content") for each in rows]


End = Callable[[Record], Concluded]


def committed(
    end: End,
    link: Link = LINKED,
    *,
    flow: str = "parents",
    trusted: bool = True,
    failure: Failure | None = None,
    row: SourceRow | None = ROW,
    epoch: str | None = "e1",
    waits: tuple[Wait, ...] = (),
    known_keys: tuple[KnownKey, ...] = (),
    waited_for: bool = True,
    keeps_values: bool = False,
    policy: OnConflict = OnConflict.SOURCE_WINS,
    foreign: bool = False,
) -> Stored1:
    """Commit a record that ends so, a minute after its link and waits were stored."""
    world = World(flows=PRODUCTS if flow == "products" else TRADE)
    world.policies[flow] = policy, OnTargetDeleted.RECREATE
    world.mappers["parents"] = replace(world.mappers["parents"], fingerprint="f1")
    of = world.service().flows[flow]
    table, links = world.links_table, world.state.links
    table.transact([Insert(replace(link, flow=flow).to_row()), *(Insert(each.to_row()) for each in waits)])
    keys_of = partial(world.state.keys_of, of)
    if link.held_key:
        keys_of(of.route(link.route)).own({link.held_key: Owner(flow, of.route(link.route).name, "1")})
    if failure is not None:
        table.transact([Put(failure.to_row())])
    world.clock.sleep(60)
    read = links.load(flow, ["1"])["1"]
    if foreign:
        assert change_link(links, read, lambda now: replace(now, claim=replace(now.claim, id="another")))
    record = replace(Record.of(Hint("1"), read, trusted=trusted, failure=failure, row=row), known_keys=known_keys)
    message = HintMessage(flow, "pull", (Hint("1"),), epoch, why=Why.RETRY, asked_by="act")
    committing = Committing(
        of, message, "mine", "run", links=links, keys_of=keys_of, waited_for=waited_for, clock=world.clock, flows={},
        keeps_values=keeps_values,
    )  # fmt: skip
    return Stored1(world, flow, committing.commit([end(record)]).overtaken)


def filtered(of: Record) -> Concluded:
    return of.concluded(Kind.FILTERED, LinkState.FILTERED, reason="foreign")


def updated(of: Record) -> Concluded:
    write = Write("1", "K", {"name": "new"}, create=False)
    return of.concluded(
        Kind.UPDATED, LinkState.WRITTEN, applied={"name": "new"}, target=WrittenTarget(ROUTE, "K"), fields=("name",),
        write=write,
    )  # fmt: skip


def rejected(of: Record) -> Concluded:
    return of.rejected("bad", "bad is x", "clear it", value="x", rival=("people", "9"), lacks=("units", "X", "CODE"))


def retried(of: Record) -> Concluded:
    return of.retried(delay_s=30, attempts=1)


def deleted(of: Record) -> Concluded:
    return of.concluded(Kind.DELETED, LinkState.DELETED, reason="deleted")


def crashed(of: Record) -> Concluded:
    return of.rejected("crashed", "workers end", "look at it")


@pytest.mark.parametrize(
    ("end", "row", "epoch", "seen"),
    [
        (filtered, ROW, "e1", Seen(7, "e1", "f1", KNOWN)),
        (filtered, None, "e1", Seen(3, "e1", "f1", KNOWN)),
        (filtered, ROW, None, Seen(7, "e0", "f1", KNOWN)),
        (retried, ROW, "e1", LINKED.seen),
    ],
)
def test_a_decision_remembers_the_version_the_mapping_and_the_keys_that_it_was_made_with(
    end: End, row: SourceRow | None, epoch: str | None, seen: Seen
) -> None:
    assert committed(end, row=row, epoch=epoch, known_keys=KNOWN).link.seen == seen


@pytest.mark.parametrize(
    ("end", "trusted", "unfinished", "overwrites"),
    [
        (filtered, True, 0, False),
        (filtered, False, 0, True),
        (updated, False, 0, False),
        (crashed, False, 1, True),
        (retried, True, 1, True),
    ],
)
def test_a_commit_names_itself_and_counts_workers_that_have_not_finished_only_where_nothing_was_decided(
    end: End, trusted: bool, unfinished: int, overwrites: bool
) -> None:
    assert committed(end, trusted=trusted).link.claim == Claim(
        last="mine", unfinished=unfinished, overwrites=overwrites
    )


@pytest.mark.parametrize(
    ("end", "before", "after"),
    [
        (filtered, (WAIT,), []),
        (retried, (WAIT,), [WAIT]),
        (lambda of: of.concluded(Kind.WAITING, LinkState.WAITING, waits=(WAIT2,)), (WAIT,), [WAIT2]),
        (lambda of: of.concluded(Kind.WAITING, LinkState.WAITING, waits=(WAIT, WAIT2)), (WAIT,), [WAIT, WAIT2]),
        (lambda of: of.concluded(Kind.FILTERED, LinkState.FILTERED, waits=(WAIT,)), (), [WAIT]),
    ],
)
def test_a_decided_record_waits_for_exactly_whom_it_names(
    end: End, before: tuple[Wait, ...], after: list[Wait]
) -> None:
    link = replace(NEW, state=LinkState.WAITING, waits=tuple(each.key for each in before))
    found = committed(end, link, waits=before)
    assert found.waits == after
    assert found.link.waits == tuple(each.key for each in after)


@pytest.mark.parametrize(
    ("state", "cause", "age_s"),
    [
        (LinkState.WAITING, None, 60),
        (LinkState.WAITING, "old", 60),
        (LinkState.WAITING, STATE_UNREADABLE, 0),
        (LinkState.FILTERED, None, 0),
    ],
)
def test_a_wait_that_goes_on_keeps_its_age_unless_its_record_was_parked_or_its_row_may_be_damaged(
    state: LinkState, cause: str | None, age_s: float
) -> None:
    link = replace(NEW, state=state, waits=(WAIT.key,))
    failure = None if cause is None else replace(FAILURE, cause=cause)
    found = committed(
        lambda of: of.concluded(Kind.WAITING, LinkState.WAITING, waits=(WAIT,)), link, waits=(WAIT,), failure=failure
    )
    assert [each.age_s for each in found.waits] == [age_s]


def test_a_rejection_is_listed_with_all_that_it_says_and_the_number_of_its_record() -> None:
    found = committed(rejected)
    failure = found.failure
    assert failure is not None
    assert (failure.cause, failure.message, failure.remedy, failure.value) == ("bad", "bad is x", "clear it", "x")
    assert (failure.rival, failure.lacks, failure.number) == (("people", "9"), ("units", "X", "CODE"), "")
    assert failure.first_seen == failure.last_seen == found.world.clock.now()


@pytest.mark.parametrize(("end", "listed"), [(rejected, "bad"), (retried, "old"), (filtered, None), (updated, None)])
def test_a_listed_record_stays_listed_until_it_is_decided(end: End, listed: str | None) -> None:
    failure = committed(end, failure=FAILURE).failure
    assert (failure.cause if failure else None) == listed
    if listed == "bad" and failure is not None:
        assert (failure.first_seen, failure.tries) == (START, 2)


ELSEWHERE = Elsewhere(ROUTE, "X", None, "X", None, (), LinkContent())


@pytest.mark.parametrize(
    ("link", "end", "stays"),
    [
        (NEW, deleted, False),
        (replace(NEW, route=ROUTE, held_key="K", intent=Intent("K", ())), deleted, False),
        (LINKED, deleted, True),
        (replace(NEW, former=(FormerTarget(ROUTE, "K"),)), deleted, True),
        (replace(NEW, elsewhere=ELSEWHERE), deleted, True),
        (NEW, filtered, True),
    ],
)
def test_the_link_of_a_record_that_is_gone_is_forgotten_unless_it_has_something_somewhere(
    link: Link, end: End, stays: bool
) -> None:
    assert (committed(end, link, row=None).link.etag is not None) is stays


@pytest.mark.parametrize(("link", "end", "kept"), [(LINKED, updated, False), (NEW, filtered, True)])
def test_what_a_record_has_in_another_environment_is_known_until_it_is_linked_in_this_one(
    link: Link, end: End, kept: bool
) -> None:
    assert (committed(end, replace(link, elsewhere=ELSEWHERE)).link.elsewhere is not None) is kept


def test_a_record_is_linked_since_its_commit() -> None:
    assert committed(updated).link.linked_at == START + timedelta(seconds=60)


def test_a_key_that_the_link_no_longer_names_is_given_up_and_one_that_it_names_is_kept() -> None:
    def owners(end: End, link: Link) -> list[str]:
        world = committed(end, link, row=None).world
        flow = world.service().flows["parents"]
        return [each.key for each in world.state.keys_of(flow, flow.route(ROUTE)).walk()]

    assert owners(deleted, replace(NEW, route=ROUTE, held_key="K")) == []
    assert owners(filtered, replace(NEW, route=ROUTE, held_key="K")) == ["K"]


def test_a_record_whose_state_does_not_fit_is_listed_alone_and_is_not_trusted() -> None:
    large = committed(lambda of: of.concluded(Kind.FILTERED, LinkState.FILTERED, reason="x" * 70_000))
    assert large.failure is not None
    assert (large.failure.cause, large.link.state, large.link.dirty) == ("state_too_large", LinkState.REJECTED, True)
    assert "shorten its texts" in large.failure.remedy


def test_a_record_whose_link_another_worker_has_changed_is_not_committed_but_known_as_dirty() -> None:
    found = committed(updated, foreign=True)
    assert found.overtaken == {"1"}
    assert (found.link.dirty, found.link.claim.id, found.link.content) == (True, "another", LINKED.content)
    assert found.history == []


def test_a_rejection_says_all_of_itself_in_the_list() -> None:
    rejection = Rejection("bad", "m", "r", "v", ("people", "9"), ("a", "b", "c"))
    failure = rejection.as_failure("parents", "1", "N-1", START)
    assert failure == Failure(
        "parents", "1", "bad", "m", "r", START, START, number="N-1", value="v", rival=("people", "9"),
        lacks=("a", "b", "c"),
    )  # fmt: skip


def test_a_wait_for_a_look_is_parked_as_any_other() -> None:
    wait = Wait("parents", "1", "people", Parent.LOOK, "9")
    found = committed(lambda of: of.concluded(Kind.WAITING, LinkState.WAITING, waits=(wait,)), NEW)
    assert found.waits == [wait]
