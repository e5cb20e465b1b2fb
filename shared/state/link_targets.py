"""What a link holds of a target: what a record has there now, what it was about to send, what it has left, and what it
has in another environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared import exact_json
from shared.records import Json, fold
from shared.state.link_parts import LinkContent, read_content
from shared.state.storage.cells import Cells
from shared.state.storage.tables import Cell

ELSEWHERE = "elsewhere_"


@dataclass(frozen=True, slots=True)
class Intent:
    """What the first write of a record was about to send: a create, after a first look found nothing under `key`, or an
    update that takes a row over (protocol A6). Without it, a row that is found later could not be recognised as our
    own."""

    key: str
    sent: tuple[dict[str, Json], ...]


@dataclass(frozen=True, slots=True)
class FormerTarget:
    """A target row that a record has left for another one. It stays the record's own: no other record gets its key, and
    a record that returns to it finds it again. `ended` says that the row was ended when it was left; `inherited` that
    this record has its key, but is not known to have written it: it is the row of a record that is gone, or one that a
    late write without answer may have made. Another record gets it when this one no longer needs it."""

    route: str
    key: str
    ended: bool = False
    inherited: bool = False

    def is_at(self, route: str, key: str) -> bool:
        """Whether it is the row under this key."""
        return self.route == route and fold(self.key) == fold(key)


class InTarget(Protocol):
    """What a record has in a target (see Link)."""

    @property
    def route(self) -> str | None:
        """The route of what follows."""

    @property
    def target_key(self) -> str | None:
        """The key that a commit has made final."""

    @property
    def target_id(self) -> str | None:
        """The target's own id of the row."""

    @property
    def held_key(self) -> str | None:
        """The key that the record owns."""

    @property
    def intent(self) -> Intent | None:
        """What its first write was about to send."""

    @property
    def former(self) -> tuple[FormerTarget, ...]:
        """The rows that it has left."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a record has in the environment that its flow has left for one that has none of our rows. If the flow comes
    back to it, or to a copy of it, the record is there already."""

    route: str | None
    target_key: str | None
    target_id: str | None
    held_key: str | None
    intent: Intent | None
    former: tuple[FormerTarget, ...]
    content: LinkContent

    def cells(self) -> dict[str, Cell | None]:
        """Its columns."""
        return target_cells(self) | self.content.cells()


def _former_text(former: Sequence[FormerTarget]) -> str | None:
    return exact_json.dumps([[left.route, left.key, left.ended, left.inherited] for left in former]) if former else None


def _former(cells: Cells) -> tuple[FormerTarget, ...]:
    return tuple(FormerTarget(*entry) for entry in cells.entries("former", (str, str, bool, bool), "former targets"))


def read_elsewhere(cells: Cells) -> Elsewhere | None:
    """What a record has elsewhere, from its columns; None if it has nothing. Raises StateUnreadable."""
    there = cells.behind(ELSEWHERE)
    if there is None:
        return None
    return Elsewhere(**read_target(there), content=read_content(there))


def target_cells(of: InTarget) -> dict[str, Cell | None]:
    """The columns that say what a record has in a target."""
    return {
        "route": of.route,
        "target_key": of.target_key,
        "target_id": of.target_id,
        "held_key": of.held_key,
        "intent_key": of.intent.key if of.intent else None,
        "intent_sent": exact_json.dumps(list(of.intent.sent)) if of.intent else None,
        "former": _former_text(of.former),
    }


def read_target(cells: Cells) -> dict[str, Any]:
    """What a record has in a target, by the names of InTarget, from its columns. Raises StateUnreadable."""
    return {
        "route": cells.maybe_text("route"),
        "target_key": cells.maybe_text("target_key"),
        "target_id": cells.maybe_text("target_id"),
        "held_key": cells.maybe_text("held_key"),
        "intent": _intent(cells),
        "former": _former(cells),
    }


def _intent(cells: Cells) -> Intent | None:
    key = cells.maybe_text("intent_key")
    return None if key is None else Intent(key, cells.objects("intent_sent"))
