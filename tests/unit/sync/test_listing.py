"""What is listed outside of a commit, and which links and keys are not used (protocol A12, F3)."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.errors import Damage
from shared.mapping.verdicts import Filter
from shared.records import Json
from shared.state.failures import STATE_UNREADABLE, Failure
from shared.state.keys import OwnedKey, Owner
from shared.state.link_parts import LinkContent
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link
from shared.state.storage.tables import Row
from shared.sync.apply.filters import in_words
from shared.sync.apply.judge import OUT_OF_SCOPE, PARENT_FILTERED
from shared.sync.apply.read import reject_damaged
from shared.sync.apply.record import Concluded, Record
from shared.sync.damage import damage_of, damage_of_key
from shared.sync.failure_list import Listing
from shared.sync.flow import NO_TARGET_ROW, TARGET_DELETED
from shared.sync.hints import Hint, unusable_id
from tests.support.clock import START
from tests.support.doubles import ROUTE
from tests.support.events import listening
from tests.support.world import World
from tests.unit.sync.test_changes import Detail

DAMAGE = Damage("links", "parents", "L|1", "state", "is not a state", "p2c repair parents 1")
LISTED = Failure("parents", "1", "bad", "m", "r", START, START, next_try=START)


def listing(world: World) -> Listing:
    return Listing(world.service().flows["parents"], "run", failures=world.state.failures, clock=world.clock)


def stored(world: World, id: str = "1") -> Failure | None:
    found = world.state.failures.load("parents", [id]).get(id)
    return None if found is None else replace(found, etag=None)


@pytest.mark.parametrize(
    ("id", "cause", "helps"),
    [
        ("x" * 201, "key_too_long", "shorten the number in Sales"),
        ("x\0", "text_not_sendable", "enter the damaged character of the number anew in Sales"),
        ("x\ud800", "text_not_sendable", "enter the damaged character of the number anew in Sales"),
        ("x" * 300 + "\0", "text_not_sendable", "enter the damaged character of the number anew in Sales"),
    ],
)
def test_an_id_that_no_message_can_carry_is_listed_with_what_is_wrong_and_only_its_source_can_mend_it(
    id: str, cause: str, helps: str
) -> None:
    world = World()
    with listening() as heard:
        listing(world).unusable([id, id])
    (failure,) = world.state.failures.page("parents", "", 9)[0]
    assert (failure.cause, failure.next_try) == (cause, None)
    assert failure.remedy == f"{helps}, then retry this failure: it closes"
    assert failure.message.startswith(f"the id {id[:79].rstrip(chr(0)).rstrip(chr(0xD800))}")
    assert [event["cause"] for event in heard.of("record_rejected", flow="parents", run="run", id=failure.id)] == [
        cause
    ]


@pytest.mark.parametrize(("length", "is_shown"), [(80, True), (81, False)])
def test_a_listed_id_is_named_by_its_visible_form_if_that_is_short(length: int, is_shown: bool) -> None:
    world = World()
    listing(world).unusable(["\0" + "x" * (length - 4)])
    (failure,) = world.state.failures.page("parents", "", 9)[0]
    # A NUL is shown as four characters.
    assert failure.id.startswith("\\x00xxx" if is_shown else "record-")


@pytest.mark.parametrize(
    ("earlier", "events"),
    [
        (None, 1),
        (LISTED, 1),
        (replace(LISTED, cause=STATE_UNREADABLE, message=str(DAMAGE)), 0),
        (replace(LISTED, cause=STATE_UNREADABLE, message="another"), 1),
        (replace(LISTED, message=str(DAMAGE)), 1),
    ],
)
def test_a_record_with_a_damaged_row_is_listed_once_for_it_and_retried(earlier: Failure | None, events: int) -> None:
    world = World()
    if earlier is not None:
        world.state.failures.put(earlier)
    with listening() as heard:
        listing(world).damaged({"1": DAMAGE})
    failure = stored(world)
    assert failure is not None
    assert (failure.cause, failure.message) == (STATE_UNREADABLE, str(DAMAGE))
    assert failure.next_try is not None
    assert len(heard.of("record_rejected", id="1", cause=STATE_UNREADABLE)) == events


BY_HAND = replace(LISTED, next_try=None)


@pytest.mark.parametrize(
    ("earlier", "may_retry", "is_listed"),
    [
        (None, False, True),
        (None, True, True),
        (LISTED, False, False),
        (LISTED, True, True),
        (BY_HAND, False, False),
        (replace(BY_HAND, cause="old"), False, True),
        (replace(BY_HAND, message="old"), False, True),
        (replace(LISTED, cause="old"), False, False),
    ],
)
def test_what_only_an_operator_can_retry_replaces_nothing_that_the_sweep_retries(
    earlier: Failure | None, may_retry: bool, is_listed: bool
) -> None:
    world = World()
    if earlier is not None:
        world.state.failures.put(earlier)
    world.clock.sleep(60)
    assert listing(world).put("1", "bad", "m", "r", may_retry=may_retry) is is_listed
    failure = stored(world)
    if not is_listed:
        assert failure == earlier
    else:
        assert failure is not None
        assert (failure.cause, failure.message, failure.remedy) == ("bad", "m", "r")
        assert failure.last_seen == world.clock.now()
        assert (failure.next_try is not None) is may_retry
        assert failure.first_seen == (START if earlier and may_retry else world.clock.now())


class Unreadable(Detail):
    """Reads no remembered content with the field `odd`."""

    def is_readable(self, content: object, places: Sequence[object]) -> bool:
        return "odd" not in content and {"odd": 1} not in places  # type: ignore[operator]


ODD: dict[str, Json] = {"odd": 1}
LINK = Link("parents", "1", route=ROUTE, target_key="K", held_key="K")


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        (LINK, None),
        (Link("parents", "1"), None),
        (replace(LINK, route=None, target_key=None), None),
        (replace(LINK, route="lost"), "route is one that this version does not know"),
        (replace(LINK, former=(FormerTarget(ROUTE, "J"),)), None),
        (replace(LINK, former=(FormerTarget("lost", "J"),)), "route is one that this version does not know"),
        (replace(LINK, route=None), "route is missing"),
        (replace(LINK, route=None, intent=Intent("K", ())), "route is missing"),
        (Link("parents", "1", intent=Intent("K", ())), "route is missing"),
        (replace(LINK, content=LinkContent(applied=ODD)), "applied or places is not what the mapping keeps"),
        (replace(LINK, content=LinkContent(places=(ODD,))), "applied or places is not what the mapping keeps"),
        (replace(LINK, damage=DAMAGE), "state is not a state"),
    ],
)
def test_a_link_that_names_what_this_version_does_not_have_is_not_used(link: Link, wrong: str | None) -> None:
    flow = World().service().flows["parents"]
    flow = replace(flow, routes={ROUTE: replace(flow.route(ROUTE), detail=Unreadable())})
    damage = damage_of(link, flow)
    (found,) = reject_damaged(flow, [Record.of(Hint("1"), link, trusted=True)])
    if wrong is None:
        assert damage is None
        assert isinstance(found, Record)
        return
    assert damage is not None
    assert wrong in str(damage)
    assert damage.remedy == "p2c repair parents 1"
    assert isinstance(found, Concluded)
    assert (found.outcome.reason, found.outcome.rejection and found.outcome.rejection.remedy) == (
        STATE_UNREADABLE, damage.remedy,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "damage", "is_known"),
    [
        (Owner("parents", ROUTE, "1"), None, True),
        (Owner("lost", ROUTE, "1"), None, False),
        (Owner("parents", "lost", "1"), None, False),
        (Owner("parents", ROUTE, "1"), DAMAGE, False),
    ],
)
def test_the_owner_of_a_key_is_known_if_its_flow_and_route_are(
    owner: Owner, damage: Damage | None, is_known: bool
) -> None:
    owned = OwnedKey("K", owner, "1", damage=damage)
    found = damage_of_key(owned, Row("Customers|usmf", "k", {}), World().service().flows)
    assert (found is None) is is_known
    if damage is not None:
        assert found is damage


PARENTS = {"foreign": Filter("it is of another company", "change its company")}
CHILDREN = {"foreign": Filter("it is a draft", "finish it")}
OF_PARENT, HELPS = "a record that it belongs to is not for the target", "make that one a record that goes to the target"


@pytest.mark.parametrize(
    ("rule", "meaning", "remedy"),
    [
        ("foreign", "it is a draft", "finish it"),
        (f"{PARENT_FILTERED} foreign", f"{OF_PARENT}, since it is of another company", HELPS),
        (f"{PARENT_FILTERED} lost", OF_PARENT, HELPS),
        ("lost", "the rule lost holds", "see docs/rules.md"),
        (OUT_OF_SCOPE, "it has no counterpart yet, and the scope setting of the flow leaves such records out",
         "change the record, or the scope setting"),
        (f"{PARENT_FILTERED} {OUT_OF_SCOPE}", f"{OF_PARENT}, since it has no counterpart yet, and the scope setting of "
         "the flow leaves such records out", HELPS),
    ],
)  # fmt: skip
def test_a_filter_is_told_in_the_words_of_its_flow_or_of_the_parents(rule: str, meaning: str, remedy: str) -> None:
    flows = World().service().flows
    flows = {
        "parents": replace(flows["parents"], filters=PARENTS),
        "children": replace(flows["children"], filters=CHILDREN),
    }
    assert in_words(rule, flows["children"], flows) == Filter(meaning, remedy)


@pytest.mark.parametrize("rule", [NO_TARGET_ROW, TARGET_DELETED])
def test_the_engines_own_filters_have_words_of_their_own(rule: str) -> None:
    flows = World().service().flows
    assert in_words(rule, flows["parents"], flows).remedy != "see docs/rules.md"


@pytest.mark.parametrize(
    ("id", "why"),
    [
        ("", "is empty"),
        ("x" * 200, ""),
        ("x" * 201, "has 201 characters in a key of our tables, of which 200 fit"),
        ("/" * 28, ""),
        ("/" * 29, "has 203 characters in a key of our tables, of which 200 fit"),
        ("/" * 201, "has 201 characters in a key of our tables, of which 200 fit"),
        ("x\0", "holds a NUL or half of a surrogate pair, which no request can carry"),
        ("x\ud800", "holds a NUL or half of a surrogate pair, which no request can carry"),
        ("\N{GRINNING FACE}", ""),
    ],
)
def test_an_id_has_up_to_two_hundred_characters_as_it_stands_in_a_key(id: str, why: str) -> None:
    assert unusable_id(id) == why
