"""The lines of a document, ours beside theirs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.mapping.verdicts import MappedLine
from shared.operations.examine import Examined
from shared.records import Json, Values
from shared.sync.flow import DocumentRules, Flow


@dataclass(frozen=True, slots=True)
class LineCell:
    """A field of a line: `ours` as the mapping makes it, `theirs` as the target holds it now. `differs` says that the
    sync would write it, or that the line is on one side only."""

    ours: Json
    theirs: Json
    differs: bool


@dataclass(frozen=True, slots=True)
class LineBeside:
    """A line by its number, with its fields."""

    number: int
    cells: Mapping[str, LineCell]

    def cell(self, field: str) -> LineCell:
        """One of its fields; blank if neither side has it."""
        return self.cells.get(field, LineCell(None, None, False))


def lines_beside(flow: Flow, examined: Examined, *, remembered: bool = False) -> tuple[LineBeside, ...]:
    """The lines of a record by number, none if its target has no lines. Its row in the target is read if there is one,
    unless `remembered`: then only ours are known. Raises SystemTrouble."""
    route = flow.route(examined.route) if examined.lines else None
    if route is None or route.document is None:
        return ()
    theirs: Mapping[int, Values] | None = None
    if examined.key is not None and examined.link.linked and not remembered:
        row = route.target.find([examined.key]).get(examined.key)
        theirs = None if row is None else row.lines
    numbers = sorted({*examined.lines, *(theirs or {})})
    return tuple(
        LineBeside(number, dict(_cells(route.document, examined.lines.get(number), theirs, number)))
        for number in numbers
    )


def fields_of_lines(lines: Sequence[LineBeside]) -> list[str]:
    """The fields that a line has on either side, in the order of the mapping."""
    names = dict.fromkeys(name for line in lines for name in line.cells)
    return [name for name in names if any(_has_value(line.cell(name)) for line in lines)]


def _has_value(cell: LineCell) -> bool:
    return cell.ours is not None or cell.theirs is not None


def _cells(
    rules: DocumentRules, ours: MappedLine | None, theirs: Mapping[int, Values] | None, number: int
) -> Iterator[tuple[str, LineCell]]:
    there = None if theirs is None else theirs.get(number)
    if ours is None:
        yield from ((name, LineCell(None, value, True)) for name, value in (there or {}).items())
        return
    for name, value in {**ours.owned, **ours.on_create}.items():
        if there is None:
            yield name, LineCell(value, None, theirs is not None)
        else:
            yield name, LineCell(value, there.get(name), name in ours.owned and _differs(rules, name, value, there))


def _differs(rules: DocumentRules, field: str, ours: Json, there: Values) -> bool:
    """What is blank in the source is left out, so the target keeps what it has."""
    return ours is not None and not rules.agree_on_line(field, ours, there.get(field))
