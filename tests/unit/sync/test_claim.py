"""Which records of a message a worker takes, and which are left out, come back or go alone (protocol A2, A3)."""

from dataclasses import replace

import pytest

from shared.state.link_parts import Claim, ClaimKind, Seen
from shared.state.link_targets import Intent
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Insert
from shared.sync.apply.claim import Claimed, Claiming
from shared.sync.flow import OnConflict, OnTargetDeleted
from shared.sync.hints import Hint, HintMessage
from tests.support.doubles import ROUTE
from tests.support.world import World

EPOCH = "e1"
LINK = Link(
    "parents",
    "1",
    route=ROUTE,
    state=LinkState.WRITTEN,
    target_key="K",
    held_key="K",
    seen=Seen(7, EPOCH, "f1"),
)
NOTED = replace(LINK, target_key=None, intent=Intent("K", ({"name": "x"},)))
ALL = OnConflict.TARGET_WINS, OnTargetDeleted.RECREATE


def claimed(
    *links: Link,
    hint: Hint = Hint("1"),  # noqa: B008 - a value
    epoch: str | None = EPOCH,
    ended: str | None = None,
    age_s: float = 0.0,
    looks: bool = False,
) -> Claimed:
    """The records of a message, of which the first one has this hint, claimed `age_s` after their links were stored."""
    world = World()
    if looks:
        world.policies["parents"] = ALL
    for link in links:
        world.links_table.transact([Insert(link.to_row())])
    world.clock.sleep(age_s)
    service = world.service()
    hints = (hint, *(Hint(link.id) for link in links if link.id != hint.id))
    state, message = service.state, HintMessage("parents", "run", hints, epoch, ended)
    return Claiming(service.flows["parents"], state.links, state.failures, service.limits, "mine").claim(message)


@pytest.mark.parametrize(
    ("link", "hint", "epoch", "is_seen"),
    [
        (LINK, Hint("1", 7), EPOCH, True),
        (LINK, Hint("1", 6), EPOCH, True),
        (LINK, Hint("1", 8), EPOCH, False),
        (LINK, Hint("1"), EPOCH, False),
        (LINK, Hint("1", 7), "e2", False),
        (LINK, Hint("1", 7), None, False),
        (replace(LINK, seen=Seen(None, EPOCH, "f1")), Hint("1", 7), EPOCH, False),
        (replace(LINK, seen=Seen(7, None, "f1")), Hint("1", 7), None, False),
        (replace(LINK, seen=Seen(7, EPOCH, "f0")), Hint("1", 7), EPOCH, False),
        (replace(LINK, dirty=True), Hint("1", 7), EPOCH, False),
        (replace(LINK, state=LinkState.RETRYING), Hint("1", 7), EPOCH, False),
        (replace(LINK, intent=NOTED.intent), Hint("1", 7), EPOCH, True),
        (replace(NOTED, state=LinkState.FILTERED), Hint("1", 7), EPOCH, False),
        (replace(NOTED, state=LinkState.REJECTED), Hint("1", 7), EPOCH, True),
        (LINK, Hint("1", released=True), None, True),
        (replace(LINK, waits=("W|parents|customer|2|1",)), Hint("1", released=True), EPOCH, False),
        (replace(LINK, dirty=True), Hint("1", released=True), EPOCH, False),
    ],
)
def test_a_record_is_left_out_only_where_nothing_is_new_or_open(
    link: Link, hint: Hint, epoch: str | None, is_seen: bool
) -> None:
    found = claimed(link, hint=hint, epoch=epoch)
    assert [each.id for each in found.skipped] == (["1"] if is_seen else [])
    assert [each.id for each in found.records] == ([] if is_seen else ["1"])


def test_a_released_record_without_a_link_is_taken() -> None:
    assert [each.id for each in claimed(hint=Hint("1", released=True)).records] == ["1"]


@pytest.mark.parametrize(
    ("kind", "age_s", "delay_s"),
    [
        (ClaimKind.WORKING, 0, 15),
        (ClaimKind.WORKING, 590, 15),
        (ClaimKind.WORKING, 591, 15),
        (ClaimKind.WORKING, 595, 10),
        (ClaimKind.WORKING, 599, 10),
        (ClaimKind.WORKING, 600, None),
        (ClaimKind.UNSETTLED, 0, 305),
        (ClaimKind.UNSETTLED, 1, 305),
        (ClaimKind.UNSETTLED, 100, 205),
        (ClaimKind.UNSETTLED, 299, 10),
        (ClaimKind.UNSETTLED, 300, None),
    ],
)
def test_a_record_that_another_worker_has_comes_back_soon_and_one_without_an_answer_when_its_claim_ends(
    kind: ClaimKind, age_s: float, delay_s: float | None
) -> None:
    found = claimed(replace(LINK, claim=Claim("theirs", kind)), age_s=age_s)
    assert dict(found.busy) == ({} if delay_s is None else {delay_s: [Hint("1")]})
    assert len(found.records) == (delay_s is None)


@pytest.mark.parametrize(
    ("claim", "ended", "alone"),
    [
        (Claim("theirs", ClaimKind.WORKING), None, True),
        (Claim("theirs", ClaimKind.WORKING), "theirs", False),
        (Claim("theirs", ClaimKind.WORKING), "another", True),
        (Claim("theirs", ClaimKind.UNSETTLED), None, False),
        (Claim(unfinished=1), None, True),
        (Claim(last="theirs"), None, False),
    ],
)
def test_of_several_records_one_that_a_worker_has_not_finished_goes_alone(
    claim: Claim, ended: str | None, alone: bool
) -> None:
    found = claimed(replace(LINK, claim=claim), replace(LINK, id="2"), ended=ended, age_s=600)
    assert list(found.alone) == ([Hint("1")] if alone else [])
    assert {each.id for each in found.records} == ({"2"} if alone else {"1", "2"})
    (single,) = claimed(replace(LINK, claim=claim), ended=ended, age_s=600).records
    assert single.link.claim.unfinished == alone
    assert single.link.claim.last == claim.last


@pytest.mark.parametrize(
    ("link", "looks", "trusted", "overwrites"),
    [
        (LINK, False, True, True),
        (LINK, True, True, False),
        (replace(LINK, claim=Claim(overwrites=True)), True, True, False),
        (replace(LINK, dirty=True), True, False, False),
        (replace(LINK, dirty=True, claim=Claim(overwrites=True)), True, False, True),
        (replace(LINK, claim=Claim("theirs", ClaimKind.WORKING)), True, False, False),
        (replace(LINK, claim=Claim("theirs", ClaimKind.WORKING, overwrites=True)), True, False, True),
    ],
)
def test_a_claim_says_whether_the_target_is_trusted_and_whether_one_of_its_workers_writes_over_others(
    link: Link, looks: bool, trusted: bool, overwrites: bool
) -> None:
    (record,) = claimed(link, age_s=600, looks=looks).records
    claim = record.link.claim
    assert (record.trusted, not record.link.dirty) == (trusted, trusted)
    assert (claim.id, claim.kind, claim.overwrites) == ("mine", ClaimKind.WORKING, overwrites)
    assert record.link.etag is not None
