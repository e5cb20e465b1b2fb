"""Every record has a place where it can be found: the records of a flow by state and rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.state.links import Link, Links

UNREADABLE = "unreadable"
"""The state of a link that cannot be read."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A record: its id, its key in the target (empty if it has none), its state, the rule or cause, and when its link
    was last written (UTC)."""

    id: str
    key: str
    state: str
    rule: str
    since: datetime


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
) -> Iterator[Listed]:
    """The records of a flow in the order of their ids, read page by page: those in a state, with a rule or cause, and
    whose link was written since then. Raises StorageTrouble."""
    now = clock.now()
    for link in links.walk(flow):
        # The storage service tells the age, by its own clock.
        written = now - timedelta(seconds=round(link.age_s))
        found = Listed(link.id, link.target_key or link.held_key or "", state_of(link), link.rule or "", written)
        if state in (None, found.state) and rule in (None, found.rule) and (since is None or written >= since):
            yield found
