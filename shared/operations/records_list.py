"""Every record has a place where it can be found: the records of a flow by state and rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.mapping.spelling import nearest
from shared.operations.failures import Failing
from shared.operations.lookup import NotFound
from shared.state.links import Link, Links, LinkState, link_key
from shared.sync.apply.filters import rules_of
from shared.sync.flow import Flow

UNREADABLE = "unreadable"
"""The state of a link that cannot be read."""
STATES = (*(str(state) for state in LinkState), UNREADABLE)
"""Every state that a record may be listed in."""
_PAGE, _MOST_PAGES, _READS_S = 1000, 50, 0.5


@dataclass(frozen=True, slots=True)
class Listed:
    """A record: its id, its key in the target (empty if it has none), its state, the rule or cause, when its link was
    last written (UTC), and the fields in which the target's own value stays."""

    id: str
    key: str
    state: str
    rule: str
    since: datetime
    kept: str = ""


def require_state(state: str) -> None:
    """Raises NotFound for a name that is no state."""
    if state not in STATES:
        raise NotFound(f"there is no state {state!r}; the states are {', '.join(STATES)}")


def rule_like(flow: Flow, failing: Failing, rule: str) -> str:
    """The rule of a flow, or the cause of one of its failures, that is most like a name that is neither; empty if the
    name is one, or if none is like it."""
    known = {*rules_of(flow), *(each.cause for each in failing.causes([flow.name]))}
    return "" if rule in known else nearest(rule, sorted(known))


def state_of(link: Link) -> str:
    """The state of a record in words."""
    return UNREADABLE if link.damage is not None else str(link.state)


def listed_records(
    links: Links,
    flow: str,
    clock: Clock,
    *,
    state: str | None = None,
    rule: str | None = None,
    since: datetime | None = None,
    kept: bool = False,
) -> Iterator[Listed]:
    """The records of a flow in the order of their ids, read page by page: those in a state, with a rule or cause, whose
    link was written since then, and with `kept` those with fields in which the target's own value stays. Raises
    StorageTrouble."""
    for found in (_listed(link, clock) for link in links.walk(flow)):
        if _is_like(found, state, rule) and (since is None or found.since >= since) and (found.kept or not kept):
            yield found


def page_of_records(
    links: Links, flow: str, clock: Clock, *, state: str | None = None, rule: str | None = None, after: str, limit: int
) -> tuple[list[Listed], str | None]:
    """Some of the same records, beginning at `after` ("" = the first), and where to continue (None: the end). A page
    may have fewer records than the limit, or none: no more links are read for it after half a second. Raises
    StorageTrouble."""
    found: list[Listed] = []
    further: str | None = after
    not_after = clock.monotonic() + _READS_S
    # Without a condition each link is one of them.
    at_once = limit if state is None and rule is None else _PAGE
    for _ in range(_MOST_PAGES):
        read, further = links.page(flow, further or "", at_once)
        for link in read:
            each = _listed(link, clock)
            if _is_like(each, state, rule):
                found.append(each)
            if len(found) == limit:
                return found, f"{link_key(link.id)} "
        if further is None or clock.monotonic() >= not_after:
            break
    return found, further


def _listed(link: Link, clock: Clock) -> Listed:
    # The storage service tells the age, by its own clock.
    written = clock.now() - timedelta(seconds=round(link.age_s))
    kept = ", ".join(link.content.kept)
    return Listed(link.id, link.target_key or link.held_key or "", state_of(link), link.rule or "", written, kept)


def _is_like(found: Listed, state: str | None, rule: str | None) -> bool:
    return state in (None, found.state) and rule in (None, found.rule)
