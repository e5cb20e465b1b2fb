"""People, who are contacts of a parent or customers, and documents with lines, which wait for customers: the doubles of
two flows in which the engine's routes, moving keys, parents by route and documents meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.errors import RecordRejected, SyncError
from shared.mapping.verdicts import Filtered, Known, Mapped, MappedLine, Parent, Rejected, Verdict
from shared.records import Change, ChangePage, Json, LineAction, SourceRow, TargetRow, Values, Write
from tests.support.doubles import FakeMapper, FakeSource, FakeTarget

CONTACT, CUSTOMER, DOCUMENT = "contact", "customer", "document"


@dataclass(frozen=True)
class PeopleRules:
    """Names are owned; a contact that ends, or moves away, is held."""

    end: Mapping[str, Json] = field(default_factory=dict)

    def ended(self) -> Mapping[str, Json]:
        return self.end

    def empty(self, field: str) -> Json:
        return ""

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        return (ours or "") == (theirs or "")


CONTACT_RULES, CUSTOMER_RULES = PeopleRules({"hold": "All"}), PeopleRules()


@dataclass(frozen=True)
class PeopleMapper(FakeMapper):
    """A person with the column `customer` is a customer, and stays one; one with a `parent` is its contact."""

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        parent = row.values.get("parent")
        return (Parent("parents", CUSTOMER, str(parent)),) if parent else ()

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        values = row.values
        if values.get("state") == "inactive":
            return Filtered("inactive", ends=True)
        if values.get("customer") or known.route == CUSTOMER:
            return Mapped(str(values["number"]), {"name": values.get("name")}, {"group": "10"}, route=CUSTOMER)
        parents = self.parents(row)
        if not parents:
            return Filtered("nobody", ends=True)
        key = f"{values['number']}/{known.keys.get(parents[0], '')}"
        return Mapped(key, {"name": values.get("name"), "hold": "No"}, {}, parents, CONTACT)


@dataclass(frozen=True)
class DocumentMapper(FakeMapper):
    """A document waits for the person `customer` as a customer; its lines stand in `lines`, by number."""

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        return (Parent("people", CUSTOMER, str(row.values["customer"])),)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        values = row.values
        if values.get("state") == "draft":
            return Filtered("draft", ends=True)
        parents = self.parents(row)
        owned = {"name": values.get("name"), "customer": known.keys.get(parents[0])}
        ever, given = dict(known.numbers), {each: number for number, each in known.numbers.items() if each}
        for own in lines_of(row):
            if f"id{own}" not in given:
                given[f"id{own}"] = own if own not in ever else max(ever) + 1
                ever[given[f"id{own}"]] = f"id{own}"
        lines = {
            given[f"id{own}"]: MappedLine({"quantity": value, "note": None}) for own, value in lines_of(row).items()
        }
        numbers = {number: value if number in lines else "" for number, value in ever.items()}
        return Mapped(row.id, owned, {"group": "10"}, parents, lines=lines, numbers=numbers)

    def refusal(self, row: TargetRow, changed: Sequence[str]) -> Rejected | None:
        if row.values.get("status") == "confirmed":
            return Rejected("confirmed", "the document is confirmed", "set it back")
        return None

    def same_line(self, ours: Values, theirs: Values) -> bool:
        return "product" not in theirs

    def empty_line(self, field: str) -> Json:
        return ""

    def writes_on_line(self, field: str) -> bool:
        return True

    def agree_on_line(self, field: str, ours: Json, theirs: Json) -> bool:
        return (ours or "") == (theirs or "")


def lines_of(row: SourceRow) -> dict[int, Json]:
    """The quantities of a document's lines."""
    lines = row.values.get("lines")
    return {int(number): line for number, line in lines.items()} if isinstance(lines, dict) else {}


@dataclass
class LineFeed(FakeSource):
    """The changes of lines; each names its document. Of a deleted line it is known only if the feed has told of it
    before."""

    known: set[str] = field(default_factory=set)

    def _page(self, since: int, after: tuple[int, int], token: int | None) -> ChangePage:
        page = super()._page(since, after, token)
        gone = tuple(change.id for change in page.changes if change.gone)
        self.known |= {change.id for change in page.changes if not change.gone}
        named = dict.fromkeys(change.id.partition("#")[0] for change in page.changes if change.id in self.known)
        changes = tuple(Change(id, None) for id in named)
        return ChangePage(changes, page.next_link, page.delta_link, gone, not self.known.issuperset(gone))

    def forget(self, parts: Sequence[str]) -> None:
        """The documents of these lines are queued."""
        self._io("forget")
        self.known.difference_update(parts)


@dataclass
class DocumentSource(FakeSource):
    """Documents with their lines; a line changes without its header."""

    def __post_init__(self) -> None:
        """A table of its own for the lines."""
        self.lines = LineFeed(self.steps)

    def save_line(self, id: str, number: int, quantity: Json) -> None:
        """Add or change a line."""
        self._put(id, {**self._lines(id), str(number): quantity})
        self.lines.save(f"{id}#{number}", quantity=quantity)

    def remove_line(self, id: str, number: int) -> None:
        """Delete a line."""
        self._put(id, {name: line for name, line in self._lines(id).items() if name != str(number)})
        self.lines.remove(f"{id}#{number}")

    def _lines(self, id: str) -> dict[str, Json]:
        return {str(number): value for number, value in lines_of(self.rows[id]).items()}

    def _put(self, id: str, lines: dict[str, Json]) -> None:
        row = self.rows[id]
        self.rows[id] = SourceRow(id, row.version, {**row.values, "lines": lines})


@dataclass
class DocumentTarget(FakeTarget):
    """Takes header and lines as a whole, or nothing."""

    lines: dict[str, dict[int, dict[str, Json]]] = field(default_factory=dict)

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        found = super().find(keys)
        return {key: TargetRow(row.values, lines=self._copy(key)) for key, row in found.items()}

    def _copy(self, key: str) -> dict[int, dict[str, Json]]:
        return {number: dict(line) for number, line in self.lines.get(key.casefold(), {}).items()}

    def _land(self, write: Write) -> SyncError | None:
        refused = super()._land(write)
        if refused is None:
            there = self.lines.setdefault(write.key.casefold(), {})
            for line in write.lines:
                if line.action is LineAction.DELETE:
                    del there[line.number]
                else:
                    there.setdefault(line.number, {}).update(line.values)
        return refused

    def _refusal(self, write: Write) -> SyncError | None:
        refused = super()._refusal(write)
        there = self.lines.get(write.key.casefold(), {})
        moved = [line for line in write.lines if (line.action is LineAction.CREATE) == (line.number in there)]
        if refused is None and moved:
            return RecordRejected("lines_changed", f"lines {moved}", remedy="", repeatable=True)
        return refused
