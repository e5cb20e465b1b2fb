"""Who owns a target key, when an owner gives it up, and what becomes of whoever wants it (protocol A6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from shared.mapping.verdicts import Mapped
from shared.records import Write, fold
from shared.state.keys import OwnedKey, Owner
from shared.state.link_parts import Claim, ClaimKind
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Insert, Put
from shared.sync.apply.keys import confirm_inherited, own, reject_occupied
from shared.sync.apply.outcome import Kind
from shared.sync.apply.ownership import KeyOwnership
from shared.sync.apply.record import Concluded, Judged, Occupied, Planned, Record
from shared.sync.hints import Hint
from tests.support.doubles import ROUTE
from tests.support.world import World

MINE, THEIRS = Claim("mine", ClaimKind.WORKING), Claim("theirs", ClaimKind.WORKING)
OWNER = Link("parents", "2", route=ROUTE, held_key="K", state=LinkState.FILTERED)
LINKED = replace(OWNER, target_key="K", state=LinkState.WRITTEN)
HEIR = Link("parents", "1", route=ROUTE, held_key="K", intent=Intent("K", ()), claim=MINE)
INHERITED = FormerTarget(ROUTE, "K", ended=True, inherited=True)


@dataclass
class Desk:
    """A key K of record 2, which record 1 wants."""

    world: World
    ownership: KeyOwnership

    @property
    def owner(self) -> str | None:
        owned = self.ownership.keys.owners(["K"]).get("K")
        return None if owned is None else owned.owner.id

    @property
    def owned(self) -> OwnedKey:
        return self.ownership.keys.owners(["K"])["K"]

    def link(self, id: str) -> Link:
        return self.world.state.links.load("parents", [id])[id]

    def record(self, link: Link = HEIR, *, trusted: bool = True) -> Record:
        """A record as it is stored, with a note before it."""
        self.world.links_table.transact([Put(link.to_row())])
        of = Record.of(Hint(link.id), self.link(link.id), trusted=trusted)
        return replace(of, before=replace(of.link, held_key=None, intent=None))

    def planned(self, *links: Link, key: str = "K") -> list[Planned]:
        return [
            Planned(Judged(self.record(link), Mapped(key, {"name": "x"}, {})), Write(link.id, key, {}, create=True))
            for link in links
        ]


def desk(
    owner: Link | None = OWNER,
    *,
    there: bool = True,
    age_s: float = 0.0,
    owns: Owner | None = None,
    moves: bool = False,
) -> Desk:
    """The link of the owner was stored `age_s` ago; `there`: its source row exists."""
    world = World()
    service = world.service()
    flow = service.flows["parents"]
    route = replace(flow.route(ROUTE), moves=moves)
    if owner is not None:
        world.links_table.transact([Insert(owner.to_row())])
    world.clock.sleep(age_s)
    if there:
        world.source.save("2", number="K", name="Two")
    keys = service.state.keys_of(flow, route)
    keys.own({"K": owns or Owner("parents", ROUTE, "2")})
    ownership = KeyOwnership(flow, route, keys, service.state.links, service.flows, service.limits)
    return Desk(world, ownership)


UNKNOWN_ROUTE = replace(OWNER, route="lost")


@pytest.mark.parametrize(
    ("owner", "there", "age_s", "end"),
    [
        (None, True, 0, "kept"),
        (None, False, 0, "yields"),
        (LINKED, True, 0, "kept"),
        (LINKED, False, 0, "yields"),
        (OWNER, True, 0, "yields"),
        (OWNER, False, 0, "yields"),
        (replace(OWNER, intent=Intent("K", ())), True, 0, "kept"),
        (replace(OWNER, intent=Intent("K", ())), False, 0, "yields"),
        (replace(OWNER, former=(FormerTarget(ROUTE, "k"),)), True, 0, "kept"),
        (replace(OWNER, former=(replace(INHERITED, key="k"),)), True, 0, "yields"),
        (replace(OWNER, claim=THEIRS), True, 0, "kept"),
        (replace(OWNER, claim=THEIRS), False, 0, "neither"),
        (replace(OWNER, claim=THEIRS), True, 599, "kept"),
        (replace(OWNER, claim=THEIRS), True, 600, "yields"),
        (replace(OWNER, claim=MINE), True, 0, "yields"),
        (replace(OWNER, state=LinkState.RETRYING), True, 0, "kept"),
        (replace(OWNER, state=LinkState.RETRYING), False, 0, "yields"),
        (replace(OWNER, state=LinkState.RETRYING, claim=MINE), True, 0, "yields"),
        (replace(OWNER, state=LinkState.RETRYING, claim=THEIRS), True, 600, "kept"),
        (replace(LINKED, claim=THEIRS), False, 0, "neither"),
        (replace(LINKED, claim=THEIRS), False, 600, "yields"),
        (UNKNOWN_ROUTE, True, 0, "kept"),
        (UNKNOWN_ROUTE, False, 0, "kept"),
    ],
)
def test_an_owner_gives_its_key_up_if_it_has_nothing_there_and_wants_nothing_or_if_its_source_row_is_gone(
    owner: Link | None, there: bool, age_s: float, end: str
) -> None:
    at = desk(owner, there=there, age_s=age_s)
    record, link = at.record(), at.ownership.link_of(at.owned.owner)
    assert at.ownership.is_kept(at.owned, link, record) is (end == "kept")
    assert at.ownership.yields(at.owned, link, record) is (end == "yields")


@pytest.mark.parametrize(
    ("owner", "there", "owns", "cause"),
    [
        (LINKED, True, None, "key_taken"),
        (LINKED, False, None, "target_exists"),
        (OWNER, True, None, "target_exists"),
        (None, True, None, "target_exists"),
        (None, True, Owner("parents", ROUTE, "1"), "target_exists"),
        (LINKED, True, Owner("lost", ROUTE, "2"), "state_unreadable"),
        (LINKED, True, Owner("parents", "lost", "2"), "state_unreadable"),
    ],
)
def test_a_row_that_exists_already_is_that_of_the_keys_owner_if_it_has_made_it_and_still_exists(
    owner: Link | None, there: bool, owns: Owner | None, cause: str
) -> None:
    at = desk(owner, there=there, owns=owns)
    (found,) = reject_occupied(at.ownership, [Occupied(Judged(at.record(), Mapped("K", {}, {})))])
    assert isinstance(found, Concluded)
    rejection = found.outcome.rejection
    assert rejection is not None
    assert (found.outcome.kind, rejection.cause) == (Kind.REJECTED, cause)
    assert rejection.rival == (("parents", "2") if cause == "key_taken" else None)
    assert rejection.value == ("" if cause == "target_exists" else "K")
    if cause == "target_exists":
        assert rejection.remedy == at.ownership.route.remedy_if_exists
        assert rejection.message == "K exists in Customers already and is not linked to this record"
        assert found.outcome.link.held_key == "K"
    else:
        assert found.outcome.link.held_key is None


@pytest.mark.parametrize(("moves", "number"), [(False, "7/A"), (True, "7")])
def test_a_record_whose_key_is_taken_names_the_other_by_flow_and_its_own_number(moves: bool, number: str) -> None:
    at = desk(moves=moves)
    rejection = at.ownership.reject_taken(at.record(), "7/a", Owner("people", ROUTE, "9"), "7/A").outcome.rejection
    assert rejection is not None
    assert rejection.message == f"7/a in Customers belongs to another record: {number} of people (9)"
    assert "p2c explain people 9 and p2c explain parents 1" in rejection.remedy
    assert (rejection.value, rejection.rival) == ("7/a", ("people", "9"))


@pytest.mark.parametrize(
    ("owner", "keys", "first"),
    [("2", ["K", "k "], {"k": "2"}), ("9", ["K", "k"], {"k": "1"}), ("2", ["K", "L"], {"k": "1", "l": "2"})],
)
def test_of_several_records_that_want_a_key_its_owner_goes_on_or_else_the_first(
    owner: str, keys: Sequence[str], first: dict[str, str]
) -> None:
    at = desk(owns=Owner("parents", ROUTE, owner))
    wanted = [
        planned for id, key in zip("12", keys, strict=True) for planned in at.planned(replace(HEIR, id=id), key=key)
    ]
    found = at.ownership.first_of(wanted)
    assert {key: each.id for key, each in found.items()} == first
    rejected = list(at.ownership.reject_rivals(wanted, found))
    assert {each.id for each in rejected} == {"1", "2"} - set(first.values())
    for each in rejected:
        assert each.outcome.rejection is not None
        other = found[fold(each.outcome.rejection.value)]
        assert each.outcome.rejection.message.endswith(
            f"belongs to another record: {other.key} of parents ({other.id})"
        )


def test_a_record_that_is_linked_under_its_key_needs_no_key() -> None:
    at = desk()
    of = at.planned(replace(LINKED, id="1"))
    assert list(own(at.ownership, of)) == of
    assert at.owner == "2"


def test_a_free_key_is_taken_and_goes_to_one_of_those_that_want_it() -> None:
    at = desk(None)
    at.ownership.keys.release(at.owned)
    one, other = at.planned(HEIR), at.planned(replace(HEIR, id="3"))
    rejected, taken = list(own(at.ownership, [*one, *other]))
    assert (taken, at.owner) == (one[0], "1")
    assert isinstance(rejected, Concluded)
    assert (rejected.id, rejected.outcome.reason) == ("3", "key_taken")
    assert rejected.outcome.link.held_key is None


@pytest.mark.parametrize(
    ("owner", "there", "owns", "end", "now"),
    [
        (LINKED, True, None, "key_taken", "2"),
        (replace(LINKED, claim=THEIRS), False, None, None, "2"),
        (OWNER, True, None, "gets it", "1"),
        (LINKED, False, None, "inherits", "1"),
        (replace(OWNER, intent=Intent("K", ())), False, None, "inherits", "1"),
        (replace(OWNER, former=(INHERITED,)), True, None, "inherits", "1"),
        (None, False, None, "gets it", "1"),
        (None, True, Owner("lost", ROUTE, "2"), "state_unreadable", "2"),
    ],
)
def test_a_key_is_handed_over_with_the_row_that_its_owner_has_or_the_record_is_listed_or_comes_back(
    owner: Link | None, there: bool, owns: Owner | None, end: str | None, now: str
) -> None:
    at = desk(owner, there=there, owns=owns)
    (found,) = own(at.ownership, at.planned(HEIR))
    assert at.owner == now
    if isinstance(found, Planned):
        former = (INHERITED,) if end == "inherits" else ()
        assert (found.record.link.former, found.record.stored.former, at.link("1").former) == (former,) * 3
        assert found.record.link.etag == at.link("1").etag
        assert end in {"gets it", "inherits"}
    else:
        assert found.outcome.reason == (end or "")
        assert (found.outcome.kind, found.outcome.delay_s) == ((Kind.REJECTED, None) if end else (Kind.RETRIED, 15.0))
        assert found.outcome.link.held_key is None
        assert at.link("1").former == ()


@pytest.mark.parametrize(
    ("there", "state", "claim"), [(False, LinkState.DELETED, Claim()), (True, LinkState.ENDED, THEIRS)]
)
def test_who_loses_a_row_keeps_everything_else_and_is_known_to_be_gone_if_it_is(
    there: bool, state: LinkState, claim: Claim
) -> None:
    before = replace(
        OWNER, state=LinkState.ENDED, held_key="J", target_key="J", former=(INHERITED,), dirty=True, claim=THEIRS
    )
    at = desk(before, there=there, age_s=600)
    list(own(at.ownership, at.planned(HEIR)))
    after = at.link("2")
    assert (after.former, after.target_key, after.held_key) == ((), "J", "J")
    assert (after.state, after.dirty, after.claim) == (state, there, claim)


WAITING_HEIR = replace(HEIR, intent=None, former=(INHERITED,))


@pytest.mark.parametrize(
    ("trusted", "owner", "there", "owns", "now", "inherits"),
    [
        (True, LINKED, False, None, "2", True),
        (False, LINKED, False, None, "1", True),
        (False, LINKED, True, None, "2", False),
        (False, replace(LINKED, claim=THEIRS), False, None, "2", False),
        (False, OWNER, True, None, "1", True),
        (False, None, True, Owner("parents", ROUTE, "1"), "1", True),
        (False, None, True, Owner("lost", ROUTE, "2"), "2", True),
    ],
)
def test_a_row_that_a_dead_worker_was_about_to_inherit_is_the_records_or_is_not_as_its_key_says(
    trusted: bool, owner: Link | None, there: bool, owns: Owner | None, now: str, inherits: bool
) -> None:
    at = desk(owner, there=there, owns=owns)
    *_, found = confirm_inherited(lambda route: at.ownership, [at.record(WAITING_HEIR, trusted=trusted)])
    assert at.owner == now
    assert found.link.was_at(ROUTE, "K") is inherits
    assert (found.link.held_key is not None) is inherits


def test_the_key_of_an_inherited_row_that_nobody_owns_is_taken() -> None:
    at = desk(None)
    at.ownership.keys.release(at.owned)
    *_, found = confirm_inherited(lambda route: at.ownership, [at.record(WAITING_HEIR, trusted=False)])
    assert (at.owner, found.link.was_at(ROUTE, "K")) == ("1", True)
