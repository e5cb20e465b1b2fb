"""Pieces of text that several commands show."""

from collections.abc import Iterator, Mapping, Sequence

from p2c.output import table, words
from shared.counting import counted
from shared.operations.examine import FieldChange
from shared.operations.side_by_side import FieldValues
from shared.records import BOTH, MapEntry, Values
from shared.state.history import Entry

SHOWN = 20
"""As many entries are shown; the others are counted."""
_LONGEST = 60
_PLURALS = frozenset({"pages", "hints"})
# So many things with many fields are shown beside each other.
_BESIDE = 4


def short(value: object) -> str:
    """A value for people, shortened if it is long."""
    text = words(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def counted_values(values: Mapping[str, int]) -> str:
    """The most frequent values, each with its count, in one text."""
    told = [f"{short(value)} {count}" for value, count in list(values.items())[:SHOWN]]
    more = len(values) - len(told)
    return ", ".join(told) + (f", and {more} more; --json has them" if more else "")


def show_values(values: Sequence[FieldValues], target: str) -> None:
    """A table of fields with their values in the target now, as last written, and as they would be written."""
    if not any(each.there is not None or each.written is not None for each in values):
        table(["field", "would be written"], ((field_of(each), short(each.new)) for each in values))
        return
    rows = (
        (
            field_of(each),
            short(each.there),
            short(each.written),
            short(each.new) if each.writes else "",
            "changed there since" if each.changed_there else "the same" if each.same else "",
        )
        for each in values
    )
    table(["field", f"in {target} now", "last written", "would be written", ""], rows)


def show_changes(changes: Sequence[FieldChange], target: str) -> None:
    """A table of fields with their values in the target now, and as they would be written."""
    rows = ((field_of(change), short(change.old), short(change.new)) for change in changes)
    table(["field", f"in {target} now", "would be written"], rows)


def show_columns(title: str, columns: Sequence[tuple[str, Mapping[str, object]]]) -> None:
    """Things with the same fields, one beside the other: a line for each field that one of them has. Only a few fit
    beside each other, so there may be several tables."""
    for at in range(0, len(columns), _BESIDE):
        shown = columns[at : at + _BESIDE]
        fields = dict.fromkeys(
            field for _, values in shown for field, value in values.items() if value not in (None, "")
        )
        rows = ((field, *(short(values.get(field)) for _, values in shown)) for field in fields)
        table([title, *(name for name, _ in shown)], rows)


def written_of(entry: Entry) -> str:
    """The fields of an entry of a history, with old and new values where these are kept, an empty one as `blank`,
    and those that were written as they were; then those in which the target's value has stayed, with that and the
    source's."""
    same = [name for name, (old, new) in entry.values.items() if words(old) == words(new)]
    changed = {name: values for name, values in entry.values.items() if name not in same}
    written = [f"{name}: {_or_blank(old)} -> {_or_blank(new)}" for name, (old, new) in changed.items()]
    written += [f"the same again: {', '.join(same)}"] if same else [] if changed else entry.fields
    stayed = [f"{name} stays {_or_blank(there)}, not {_or_blank(ours)}" for name, (there, ours) in entry.kept.items()]
    separator = "; " if entry.values or stayed else ", "
    return separator.join([*written, *stayed])


def _or_blank(value: object) -> str:
    return short(value) or "blank"


def run_counts(counts: Mapping[str, int]) -> str:
    """What a run counted: outcomes of records, or pages and hints."""
    return ", ".join(
        counted(count, name.removesuffix("s")) if name in _PLURALS else f"{count} {name}"
        for name, count in counts.items()
    )


def code_of(entry: MapEntry) -> str:
    """The code of an entry of a value map, with its direction where it counts in one only."""
    return f"{entry.code}" if entry.direction == BOTH else f"{entry.code} ({entry.direction})"


def field_of(change: FieldChange | FieldValues) -> str:
    """The name of a field, with the number of its line if it belongs to one."""
    return change.field if change.line is None else f"line {change.line}: {change.field}"


def flat(values: Values, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Values by name, without `@odata.` annotations; those of a row that a lookup leads to by the name of the lookup,
    too. Lists of rows are left to nested_rows."""
    for name, value in values.items():
        if "@odata." in name:
            continue
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name} ")
        elif value is not None and not _rows_in(value):
            yield f"{prefix}{name}", short(value)


def nested_rows(values: Values, prefix: str = "") -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The lists of rows by their names, each row without the lists in it, which follow."""
    for name, value in values.items():
        rows = _rows_in(value)
        if rows:
            yield f"{prefix}{name}", [dict(flat(row)) for row in rows]
        for place, row in enumerate(rows, 1):
            yield from nested_rows(row, f"{prefix}{name} {place} " if len(rows) > 1 else f"{prefix}{name} ")


def _rows_in(value: object) -> list[Values]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
