"""Entries of value maps, set by hand above the map document: set, taken back, listed, and put into the document.

They count at once, without a deployment. The document stays what is reviewed and promoted: an entry belongs into it,
and is named as no longer needed once a deployed document has it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from shared.clock import Clock
from shared.counting import counted
from shared.discretion import shown
from shared.flows.hand_set import content_of, with_hand_set
from shared.flows.spec import Deployment
from shared.mapping.map_entries import UNITS, code_in, identity, with_entries
from shared.mapping.map_source import map_source, written
from shared.mapping.spelling import nearest
from shared.mapping.value_maps import ValueMaps
from shared.operations.audit_log import AuditLog, Refused
from shared.records import BOTH, Json, MapEntry
from shared.state.map_entries import MapEntries

MOST_ENTRIES = 200
"""How many entries may be set by hand: they are read with every message."""
_LONGEST_NAME, _LONGEST_REASON = 200, 500
DIRECTIONS = (BOTH, "to_finops", "to_sales")


class EntryState(StrEnum):
    """What an entry that is set by hand means beside the document."""

    ADDED = "added"
    INSTEAD = "instead of the document's"
    IN_DOCUMENT = "no longer needed: the document has it"
    UNFIT = "does not count: the document would be wrong with it"


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """An entry with what it means. `document` is what the document has in its place, None if nothing; `why` says why
    it does not count, if it does not."""

    entry: MapEntry
    state: EntryState
    document: Json
    why: str = ""

    @property
    def meaning(self) -> str:
        """Its state in words."""
        if self.state is EntryState.INSTEAD:
            return f"{self.state}: {self.document}"
        return f"{self.state}: {self.why}" if self.why else str(self.state)


def listed(deployment: Deployment, entries: Sequence[MapEntry]) -> list[ListedEntry]:
    """What entries mean beside the document of a deployment. Raises SettingsInvalid."""
    if not entries:
        return []
    content = content_of(deployment)
    _, unfit = with_hand_set(deployment, entries)

    def meant(entry: MapEntry) -> ListedEntry:
        there = code_in(content, entry)
        if there == entry.code:
            return ListedEntry(entry, EntryState.IN_DOCUMENT, there)
        if entry in unfit:
            return ListedEntry(entry, EntryState.UNFIT, there, unfit[entry])
        return ListedEntry(entry, EntryState.ADDED if there is None else EntryState.INSTEAD, there)

    return [meant(entry) for entry in entries]


def exported(deployment: Deployment, entries: Sequence[MapEntry], *, as_yaml: bool | None = None) -> str:
    """The complete document with the entries that count, ready to be deployed; in its own form, or as JSON or YAML. Of
    YAML that stays YAML, the other lines and their comments stay. Raises SettingsInvalid."""
    source = map_source(deployment.settings.MAP_DOCUMENT)
    before = source.content()
    assert isinstance(before, dict)
    unfit = with_hand_set(deployment, entries)[1]
    after = with_entries(before, [entry for entry in entries if entry not in unfit])
    if not source.is_yaml or as_yaml is False:
        return written(after, as_yaml=source.is_yaml if as_yaml is None else as_yaml)
    for name in (name for name in after if after[name] != before.get(name)):
        source = replace(source, text=source.with_part(name, after[name]))
    return source.text


class MapEditing:
    """Sets entries, and takes them back. Every action is written to the audit log."""

    def __init__(self, deployment: Deployment, audit_log: AuditLog, *, kept: MapEntries, clock: Clock) -> None:
        self._deployment = deployment
        self._audit_log = audit_log
        self._kept = kept
        self._clock = clock

    def set(self, flow: str, map: str, name: str, code: str, reason: str, *, direction: str = BOTH) -> MapEntry | None:
        """Set an entry; None if nothing changes by that. `map` may be the name of a value map of the document's own.
        Raises Refused in one sentence, StorageTrouble and StateUnreadable."""
        _require_reason(reason)
        place, codes = self._known(flow, map)
        self._require_direction(place, direction)
        made = MapEntry(
            place, name.strip(), code.strip(), direction, flow, self._audit_log.who, reason.strip(), self._clock.now()
        )
        if len(made.name) > _LONGEST_NAME:
            raise Refused(f"the name has {len(made.name)} characters: an entry has {_LONGEST_NAME} at most")
        before = self._kept.now()
        entry = self._checked(made, codes, before)
        there = code_in(content_of(self._deployment), entry)
        same = next((each for each in before if identity(each) == identity(entry)), None)
        if (same is None and there == entry.code) or (same is not None and same.code == entry.code):
            return None
        if same is None and len(before) >= MOST_ENTRIES:
            raise Refused(
                f"{counted(len(before), 'entry', 'entries')} are set by hand, which is the most: put them into the "
                "document (`p2c map export`), deploy it, and take back those that are no longer needed"
            )
        self._audit_log.note("map set", flow, entry.sentence, reason.strip())
        self._change(lambda now: [*_others(now, entry), entry])
        return entry

    def unset(self, flow: str, map: str, name: str, reason: str, *, direction: str = BOTH) -> MapEntry:
        """Take back an entry that is set by hand: the document counts again. Raises as set does."""
        _require_reason(reason)
        place = self._place(map)
        wanted = MapEntry(place, name.strip(), "", direction, flow, "", "", self._clock.now())
        entry = next((each for each in self._kept.now() if identity(each) == identity(wanted)), None)
        if entry is None:
            in_document = code_in(content_of(self._deployment), wanted) is not None
            helps = "change the document" if in_document else "`p2c map entries` lists what is"
            raise Refused(f"{shown(name)} of `{place}` is not set by hand: {helps}")
        self._audit_log.note("map unset", flow, entry.sentence, reason.strip())
        self._change(lambda now: _others(now, entry))
        return entry

    def _change(self, change: Callable[[Iterable[MapEntry]], Sequence[MapEntry]]) -> None:
        self._kept.change(change)

    def _checked(self, made: MapEntry, codes: Sequence[str], before: Iterable[MapEntry]) -> MapEntry:
        """The entry with its code as the document takes it: a text, or a number. Raises Refused."""
        why = ""
        for code in _codes(str(made.code), codes):
            entry = replace(made, code=code)
            unfit = with_hand_set(self._deployment, [*_others(before, entry), entry])[1]
            if entry not in unfit:
                return entry
            why = why or unfit[entry]
        raise Refused(why or f"{shown(made.code)} is no code of `{made.map}`: write a whole number")

    def _place(self, map: str) -> str:
        """The place of a map: those of the organisation's own value maps may be named without `value_maps`."""
        own = content_of(self._deployment).get("value_maps")
        return f"value_maps.{map}" if isinstance(own, dict) and map in own else map

    def _known(self, flow: str, map: str) -> tuple[str, Sequence[str]]:
        """The place of a map, and the types of its codes. Raises Refused if the document has none of this name."""
        place = self._place(map)
        part, _, within = place.partition(".")
        found = _maps(self._deployment.flows.value_maps)
        known = found.get(f"{part}.NAME" if within else part)
        if known is None:
            close = nearest(place, [*found, *self._own_maps()])
            hint = f"did you mean {close}?" if close else f"they are {', '.join(found)}"
            raise Refused(f"{shown(map)} is no value map of the document: {hint}")
        users = self._deployment.flows.knowing(part)
        if flow not in users:
            raise Refused(f"`{part}` is no value map of {flow}: it is one of {', '.join(users)}")
        if within and within not in self._within(part):
            raise Refused(
                f"the document has no list {shown(within)} in `{part}`: an entry alone would reject every other name; "
                "deploy a document with the whole list"
            )
        # Where a map may have both, a further code is as those that it has.
        of_own = self._within(part).get(within) if within else None
        if isinstance(of_own, dict) and of_own and all(isinstance(code, int) for code in of_own.values()):
            return place, [each for each in known if each == "integer"] or known
        return place, known

    def _within(self, part: str) -> Mapping[str, Any]:
        content = content_of(self._deployment).get(part)
        return content if isinstance(content, dict) else {}

    def _own_maps(self) -> list[str]:
        return [f"value_maps.{name}" for name in self._within("value_maps")]

    def _require_direction(self, place: str, direction: str) -> None:
        if direction not in DIRECTIONS:
            raise Refused(f"the direction is {shown(direction)}: write {', '.join(DIRECTIONS)}")
        if place != UNITS and direction != BOTH:
            raise Refused(f"`{place}` has no directions: only `{UNITS}` has; leave it out")


def _others(entries: Iterable[MapEntry], entry: MapEntry) -> list[MapEntry]:
    return [each for each in entries if identity(each) != identity(entry)]


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("the reason must not be blank: it is kept in the audit log")
    if len(reason) > _LONGEST_REASON:
        raise Refused(f"the reason has {len(reason)} characters: write {_LONGEST_REASON} at most")


def _codes(code: str, types: Sequence[str]) -> list[str | int]:
    """What a code of the command line may mean in a map with codes of these types."""
    is_number = code.isascii() and code.removeprefix("-").isdigit() and len(code) <= len(str(2**31))
    numbers = [int(code)] if "integer" in types and is_number else []
    return [*([code] if "string" in types else []), *numbers]


@lru_cache(maxsize=1)
def _maps(model: type[ValueMaps]) -> Mapping[str, Sequence[str]]:
    """The value maps of the document with the types of their codes: objects of codes by name, `PART.NAME` where a part
    holds several of them, and units."""
    found: dict[str, Sequence[str]] = {UNITS: ["string"]}
    for name, schema in model.model_json_schema()["properties"].items():
        values = _values(schema)
        if types := _types(values):
            found[name] = types
        elif types := _types(_values(values)):
            found[f"{name}.NAME"] = types
    return MappingProxyType(found)


def _values(schema: Any) -> Any:
    """The schema of the values of an object whose names are free; None for anything else."""
    of_names = schema.get("patternProperties") if isinstance(schema, dict) else None
    return next(iter(of_names.values())) if of_names else None


def _types(schema: Any) -> list[str]:
    """The types of values that are codes; none for anything else."""
    if not isinstance(schema, dict):
        return []
    types = [each.get("type") for each in schema.get("anyOf", [schema])]
    return [str(each) for each in types] if all(each in ("string", "integer") for each in types) else []
