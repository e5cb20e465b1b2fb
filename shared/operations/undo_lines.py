"""The lines of a document, put back to what they were before a write of the sync."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from shared.records import Json, LineAction, LineWrite, Values
from shared.state.history import ADDED, OF_LINE, REMOVED, Change, line_of
from shared.sync.flow import DocumentRules


@dataclass(slots=True)
class LineChange:
    """What a write has done to one line: the fields with their old and new values, and whether the line as a whole was
    `ADDED` or `REMOVED` (empty: it was changed)."""

    number: int
    fields: dict[str, Change] = field(default_factory=dict)
    as_a_whole: str = ""


@dataclass(frozen=True, slots=True)
class LineUndo:
    """What puts a line back: the write, the fields with what is there now and what was before, those that stay, and
    those that are `already` as they were before. A line that is named as a whole has no field."""

    write: LineWrite | None = None
    undone: Mapping[str, Change] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    already: tuple[str, ...] = ()


def line_changes(values: Mapping[str, Change]) -> list[LineChange]:
    """The lines among the values of an entry, by number; the values of the header are not among them."""
    found: dict[int, LineChange] = {}
    for name, change in values.items():
        match = OF_LINE.fullmatch(name)
        if match is None:
            continue
        number = int(match[1])
        of_line = found.setdefault(number, LineChange(number))
        if match[2] is None:
            of_line.as_a_whole = str(change[1])
        else:
            of_line.fields[match[2]] = change
    return [found[number] for number in sorted(found)]


def is_of_line(name: str) -> bool:
    """Whether a field among the values of an entry belongs to a line."""
    return OF_LINE.fullmatch(name) is not None


def undo_line(change: LineChange, there: Values | None, rules: DocumentRules) -> LineUndo:
    """What puts a line back, as it is `there` now (None: it is not). A line that was added is removed if nobody has
    changed it since, and one that was removed is added again under its number."""
    line = line_of(change.number)
    if change.as_a_whole == REMOVED:
        return _add_again(change, line, there, rules)
    if there is None:
        is_removed = change.as_a_whole == ADDED
        return LineUndo(already=(line,)) if is_removed else LineUndo(left=tuple(_named(line, change.fields or [""])))
    agrees = {name: rules.agree_on_line(name, new, there.get(name)) for name, (_, new) in change.fields.items()}
    if change.as_a_whole == ADDED:
        still = [name for name in agrees if agrees[name]]
        if len(still) < len(change.fields):
            return LineUndo(left=(line,))
        undone: dict[str, Change] = {f"{line} {name}": (there.get(name), None) for name in still}
        return LineUndo(LineWrite(change.number, LineAction.DELETE), undone)
    before: dict[str, Json] = {
        name: rules.empty_line(name) if old is None else old for name, (old, _) in change.fields.items()
    }
    already = [name for name in before if rules.agree_on_line(name, before[name], there.get(name))]
    differs = [name for name in before if name not in already]
    still = [name for name in differs if agrees[name]]
    values = {name: before[name] for name in still}
    put_back = {f"{line} {name}": (there.get(name), change.fields[name][0]) for name in still}
    left = [name for name in differs if not agrees[name]]
    write = LineWrite(change.number, LineAction.UPDATE, values) if values else None
    return LineUndo(write, put_back, tuple(_named(line, left)), tuple(_named(line, already)))


def _add_again(change: LineChange, line: str, there: Values | None, rules: DocumentRules) -> LineUndo:
    values = {name: old for name, (old, _) in change.fields.items() if old is not None and rules.writes_on_line(name)}
    if there is not None:
        is_back = bool(values) and all(rules.agree_on_line(name, old, there.get(name)) for name, old in values.items())
        return LineUndo(already=(line,)) if is_back else LineUndo(left=(line,))
    undone: dict[str, Change] = {f"{line} {name}": (None, old) for name, old in values.items()}
    return LineUndo(LineWrite(change.number, LineAction.CREATE, values), undone)


def _named(line: str, fields: Iterable[str]) -> Iterator[str]:
    return (f"{line} {name}".rstrip() for name in fields)
