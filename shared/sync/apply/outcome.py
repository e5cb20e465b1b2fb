"""How one look at a record ends, and what is committed of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from shared.records import Values, Write
from shared.state.failures import Failure
from shared.state.history import Change
from shared.state.link_parts import LinkContent
from shared.state.links import Link
from shared.state.waiting import Wait

Part = TypeVar("Part", Link, LinkContent)


class Kind(StrEnum):
    """The outcomes (invariant I1). created and updated both give the state written. ended is a filtered record that was
    linked before. retried was not decided and comes back. unsettled may have been applied."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FILTERED = "filtered"
    ENDED = "ended"
    WAITING = "waiting"
    REJECTED = "rejected"
    DELETED = "deleted"
    RETRIED = "retried"
    UNSETTLED = "unsettled"


DECIDED = frozenset(Kind) - {Kind.RETRIED, Kind.UNSETTLED, Kind.SKIPPED}


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a record is not written, and what a person can do. `value`, `rival` and `lacks` are those of a
    failure."""

    cause: str
    message: str
    remedy: str
    value: str = ""
    rival: tuple[str, str] | None = None
    lacks: tuple[str, ...] = ()

    def as_failure(self, flow: str, id: str, number: str, now: datetime) -> Failure:
        """The failure of a record, seen now for the first time."""
        return Failure(
            flow,
            id,
            self.cause,
            self.message,
            self.remedy,
            first_seen=now,
            last_seen=now,
            number=number,
            value=self.value,
            rival=self.rival,
            lacks=self.lacks,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a record ended. `link` is the row to commit; `reason` is the filter rule or the cause of a rejection. A
    record that is not decided comes back after `delay_s`; if that is None, when the gate opens. `fields` names what was
    written, and `write` is what was sent. `kept` are the fields in which the target's own value stays from now on, with
    that value and the source's."""

    kind: Kind
    link: Link
    reason: str = ""
    rejection: Rejection | None = None
    waits: tuple[Wait, ...] = ()
    fields: tuple[str, ...] = ()
    delay_s: float | None = None
    write: Write | None = None
    kept: Mapping[str, Change] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrittenTarget:
    """The target row of a record that was written: its place, the lines of a document, and the places of dependent
    rows."""

    route: str
    key: str
    id: str | None = None
    lines: Mapping[int, str] = field(default_factory=dict)
    numbers: Mapping[int, str] = field(default_factory=dict)
    line_fields: tuple[str, ...] = ()
    places: tuple[Values, ...] = ()
    revisions: Mapping[str, int] = field(default_factory=dict)

    def on(self, link: Link) -> Link:
        """The link with this target: most links have it already."""
        content = _with(
            link.content,
            lines=dict(self.lines),
            numbers=dict(self.numbers),
            line_fields=self.line_fields,
            noted=(),
            places=tuple(map(dict, self.places)),
            revisions=dict(self.revisions),
        )
        return _with(
            link,
            route=self.route,
            target_key=self.key,
            target_id=self.id,
            held_key=self.key,
            content=content,
            former=tuple(left for left in link.former if not left.is_at(self.route, self.key)),
        )


def _with(part: Part, **changes: Any) -> Part:
    """The link, or its content, with these changes: no copy if it has them already."""
    has_all = all(getattr(part, name) == value for name, value in changes.items())
    return part if has_all else replace(part, **changes)
