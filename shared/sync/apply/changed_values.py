"""What a write changes, value by value, for the history of a deployment that keeps values."""

from collections.abc import Iterator

from shared.records import Json, LineAction, LineWrite, Values, Write
from shared.state.history import ADDED, REMOVED, Change, line_of


def changed_values(write: Write, applied: Values) -> dict[str, Change]:
    """The fields of a write with their old and new values, those of a line with its number. What was there before is
    what was read, or else the `applied` content; of a line that was not read it is unknown, and stands as None. A line
    that is added or removed is told as a whole, too."""
    there: Values = {} if write.create else applied if write.before is None else write.before.values
    changes: dict[str, Change] = {name: (there.get(name), value) for name, value in write.values.items()}
    for line in write.lines:
        before: Values = {} if write.before is None else write.before.lines.get(line.number, {})
        changes |= dict(_of_line(line, before))
    return changes


def _of_line(line: LineWrite, before: Values) -> Iterator[tuple[str, Change]]:
    of_line = line_of(line.number)
    if line.action is LineAction.DELETE:
        gone: dict[str, Json] = dict(before)
        yield from ((f"{of_line} {name}", (value, None)) for name, value in gone.items())
        # Behind them: a line that is told as removed is told with all its values.
        yield of_line, (None, REMOVED)
        return
    if line.action is LineAction.CREATE:
        yield of_line, (None, ADDED)
    yield from ((f"{of_line} {name}", (before.get(name), value)) for name, value in line.values.items())
