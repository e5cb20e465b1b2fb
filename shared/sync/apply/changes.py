"""From mapped content to a write (protocol A7): what differs from what was applied, or from the target row itself."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared import exact_json
from shared.mapping.verdicts import Mapped, MappedLine, Rejected
from shared.records import Json, LineAction, LineWrite, TargetRow, Values, Write
from shared.state.links import Link
from shared.sync.apply.record import Judged
from shared.sync.flow import DocumentRules, OnConflict, Route

_DIGEST_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class NumbersTaken:
    """Lines of other users have these numbers, so ours need others."""

    numbers: frozenset[int]


class Changes:
    """What is to be written of records on one route. Nothing is sent here."""

    def __init__(self, route: Route) -> None:
        self._route = route

    def is_finished(self, judged: Judged) -> bool:
        """Whether the target row is complete, and belongs to the users of the target from now on."""
        link = judged.record.link
        return self._route.once and link.linked and link.intent is None

    def difference(self, judged: Judged) -> dict[str, Json]:
        """The owned fields whose mapped value is not the applied one, and those in which an operator has decided for
        the source."""
        if self.is_finished(judged):
            return {}
        owned, known = judged.content.owned, judged.record.link.content
        changed = {
            name: value for name, value in owned.items() if value != known.applied.get(name) or name in known.overruled
        }
        return {name: self._route.rules.empty(name) if value is None else value for name, value in changed.items()}

    def changed_lines(self, judged: Judged) -> set[int]:
        """The numbers of lines that were added, changed or removed since they were applied."""
        if self.is_finished(judged):
            return set()
        now, applied = digests(judged.content), judged.record.link.content.lines
        return {number for number in {*now, *applied} if now.get(number) != applied.get(number)}

    def update(self, judged: Judged) -> Write:
        """The difference to what was applied, to a row that is trusted to hold it."""
        link, former = judged.record.link, self.former_places(judged)
        return Write(
            judged.id,
            link.target_key or "",
            self.difference(judged),
            create=False,
            target_id=link.target_id,
            former=former,
        )

    def create(self, judged: Judged, *, alone: bool = False) -> Write:
        """The complete record."""
        content = judged.content
        return Write(
            judged.id, content.key, complete(content), create=True, alone=alone, lines=tuple(_all_new(content))
        )

    def overwrite(self, judged: Judged, row: TargetRow, *, alone: bool) -> Write | Rejected:
        """Every field that we own, for a row as it was read. If the creation of the row is not finished, the fields
        that are sent at creation are included. If the row is taken over, what it needs besides is included. Returns the
        reason if the row must not be taken over."""
        link, content = judged.record.link, judged.content
        added: Mapping[str, Json] = {}
        if row.ours and (link.intent is not None or not link.linked):
            added = filled(content.on_create)
        elif self._route.adoption is not None and not (link.linked and link.content.applied):
            adopted = self._route.adoption.adopt(row)
            if isinstance(adopted, Rejected):
                return adopted
            added = adopted
        values = {**added, **self._everything_owned(judged, row)}
        key = link.key_on(self._route.name) or content.key
        former = self.former_places(judged, row)
        return Write(judged.id, key, values, create=False, target_id=row.id, before=row, alone=alone, former=former)

    def conflicts(self, judged: Judged, row: TargetRow) -> list[str]:
        """The owned fields that would be written, and whose value in the target is neither ours nor what would be
        written: others have changed them. Ours is what was written last, and what a write without a clear answer has
        sent. Where an operator has decided, it is a conflict again once the target's value is another one; if the
        decision was for the target's, also once the source's is. While a write is in doubt that the source was to win,
        and that was not noted, no value is known to be theirs: the source wins once more."""
        if judged.record.link.claim.overwrites:
            return []
        wanted = self.difference(judged) if judged.record.trusted else judged.content.owned
        return [
            name
            for name in wanted
            if name not in judged.content.fills and name in row.values and self._is_of_others(judged, row, name)
        ]

    def _is_of_others(self, judged: Judged, row: TargetRow, name: str) -> bool:
        known, there, agree = judged.record.link.content, row.values[name], self._route.rules.agree
        if agree(name, judged.content.owned[name], there) or self._is_unmade(judged, row, name):
            return False
        # Each of several creates without a clear answer may be the one that has made the row.
        intent = judged.record.link.intent
        unclear = [sent[name] for sent in known.sent if name in sent]
        # What a create does not send is blank in the new row.
        unclear += [sent.get(name) for sent in (intent.sent if intent else ())]
        if name in known.overruled:
            return there != known.overruled[name] and not any(agree(name, value, there) for value in unclear)
        if self._is_kept(judged, row, name):
            return False
        if name not in known.applied:
            # Nothing was written there, unless the source was emptied while the target's value stayed.
            return name in known.kept
        return not any(agree(name, value, there) for value in (known.applied[name], *unclear))

    def _is_unmade(self, judged: Judged, row: TargetRow, name: str) -> bool:
        """Whether it is a field that a new row gets later, or a dependent row, to which a write of ours without a clear
        answer may not have come."""
        detail, link = self._route.detail, judged.record.link
        if link.intent is not None and name in self._route.begins and row.values[name] == self._route.begins[name]:
            return True
        if detail is None or not (link.intent is not None or link.content.sent):
            return False
        place = detail.place({name: judged.content.owned[name]})
        return place is not None and detail.left_at((place,), row) is None

    def _is_kept(self, judged: Judged, row: TargetRow, name: str) -> bool:
        """Whether both values are those for which it was decided that the target's stays."""
        known = judged.record.link.content
        if name not in known.kept or name in known.overruled:
            return False
        return judged.content.owned[name] == known.applied.get(name) and row.values.get(name) == known.kept[name]

    def stays(self, judged: Judged, row: TargetRow, conflicts: Collection[str]) -> dict[str, Json]:
        """The owned fields in which the target's own values stay, with these: those of others, and those for which it
        was decided before, unless the source has changed since or the values are equal by now."""
        known, owned, agree = judged.record.link.content, judged.content.owned, self._route.rules.agree
        wanted = self.difference(judged)
        before = {
            name: row.values[name] if self._route.on_conflict is OnConflict.TARGET_WINS else value
            for name, value in known.kept.items()
            if name in owned
            and name in row.values
            and name not in wanted
            and not agree(name, owned[name], row.values[name])
        }
        if not judged.record.trusted:
            before = {name: value for name, value in before.items() if self._is_kept(judged, row, name)}
        return before | {name: row.values[name] for name in conflicts}

    def noted_places(self, judged: Judged) -> tuple[dict[str, Json], ...]:
        """The places where dependent rows may be that we have written, whatever becomes of this write."""
        known = judged.record.link.content.places
        return (*known, *(dict(place) for place in self.places_now(judged) if place not in known))

    def places_now(self, judged: Judged) -> tuple[Values, ...]:
        """Their places once this write is applied."""
        now = self._route.detail.place(judged.content.owned) if self._route.detail is not None else None
        return () if now is None else (now,)

    def former_places(self, judged: Judged, row: TargetRow | None = None) -> tuple[Values, ...]:
        """The places of dependent rows that we have written and that must be removed."""
        detail = self._route.detail
        if detail is None:
            return ()
        there = () if row is None else detail.places_of_ours(row)
        known: tuple[Values, ...] = judged.record.link.content.places
        ours = (*known, *(place for place in there if place not in known))
        return tuple(place for place in ours if place not in self.places_now(judged))

    def document(
        self, judged: Judged, row: TargetRow, rules: DocumentRules, *, alone: bool
    ) -> Write | Rejected | NumbersTaken | None:
        """The write that makes a document, as it was read, equal to the source. None if it is equal already; the reason
        if it must not be changed.

        If the link is trusted, only what has changed since the last write is compared. Lines under numbers that we have
        not given belong to other users and stay as they are. A document that is taken over, by the settings or by an
        operator, has none of our lines, so all its lines must be those of the source. If the route writes documents
        once, such a document stays as it is, so it must have all lines of the source as well.
        """
        content, link = judged.content, judged.record.link
        is_taken_over = takes_over(link)
        if is_taken_over:
            differs = self.lines_differ(judged, row, rules)
            if differs is not None:
                return differs
            if self._route.adoption is not None and not row.ours:
                adopted = self._route.adoption.adopt(row)
                if isinstance(adopted, Rejected):
                    return adopted
        if self._route.once and not row.ours:
            return Write(judged.id, content.key, {}, create=False, target_id=row.id, before=row, alone=alone)
        ours = set(row.lines) if is_taken_over else {*link.content.lines, *link.content.noted}
        trusted = judged.record.trusted and link.linked
        numbers = self.changed_lines(judged) if trusted else {*content.lines, *ours}
        taken = [number for number in numbers if number in content.lines and number in row.lines.keys() - ours]
        if taken:
            return NumbersTaken(frozenset(taken))
        wanted = self.difference(judged) if trusted else self._everything_owned(judged, row)
        agree = self._route.rules.agree
        stays = judged.stays or {}
        values = {
            name: value
            for name, value in wanted.items()
            if name not in stays and not agree(name, value, row.values.get(name))
        }
        lines = tuple(each for number in sorted(numbers) for each in self._line(judged, row, number, rules))
        if not values and not lines and link.linked:
            return None
        # A document of ours that is not complete yet is no other document's change.
        is_begun = row.ours and link.intent is not None
        refusal = rules.refusal(row, _named(values, lines)) if (values or lines) and not is_begun else None
        if refusal is not None:
            return refusal
        key = link.key_on(self._route.name) or content.key
        return Write(judged.id, key, values, create=False, target_id=row.id, before=row, alone=alone, lines=lines)

    def lines_differ(self, judged: Judged, row: TargetRow, rules: DocumentRules) -> Rejected | None:
        """Why a document cannot be taken over as one with these lines; None if it can."""
        content = judged.content
        strange = [number for number in row.lines if not _is_adoptable(content, row, number, rules)]
        missing = content.lines.keys() - row.lines.keys() if self._route.once else ()
        return _lines_differ(content.key, strange, missing) if strange or missing else None

    def _line(self, judged: Judged, row: TargetRow, number: int, rules: DocumentRules) -> Iterator[LineWrite]:
        line, there = judged.content.lines.get(number), row.lines.get(number)
        if line is None:
            if there is not None:
                yield LineWrite(number, LineAction.DELETE)
        elif there is None:
            yield _new(number, line)
        else:
            ours = _line_values(judged, line, rules)
            values = {name: value for name, value in ours if not rules.agree_on_line(name, value, there.get(name))}
            if values:
                yield LineWrite(number, LineAction.UPDATE, values)

    def _everything_owned(self, judged: Judged, row: TargetRow) -> dict[str, Json]:
        """Every owned field; a blank one only if something was written there before (rules.md, Ownership). In a row
        that we have created for an earlier record with this key, or have left before, that may be any field."""
        owned, link = judged.content.owned, judged.record.link
        has_left = link.was_at(self._route.name, judged.content.key)
        ours = (
            set(owned) if has_left or (row.ours and not link.linked) else {*link.content.applied, *link.content.touched}
        )
        emptied = {name: self._route.rules.empty(name) for name in owned if owned[name] is None and name in ours}
        return filled(owned) | emptied


def takes_over(link: Link) -> bool:
    """Whether the link does not yet say that this document of the target is the record's own."""
    return not link.linked or not link.content.numbers


def _is_adoptable(content: Mapped, row: TargetRow, number: int, rules: DocumentRules) -> bool:
    line = content.lines.get(number)
    return line is not None and rules.same_line({**line.on_create, **line.owned}, row.lines[number])


def _named(values: Values, lines: Sequence[LineWrite]) -> list[str]:
    """The fields that a write changes, those of a line with its number."""
    of_lines = (f"line {line.number} {name}".rstrip() for line in lines for name in line.values or ("",))
    return [*values, *of_lines]


def _lines_differ(key: str, strange: Collection[int], missing: Collection[int]) -> Rejected:
    told = {"its lines {} are not those of the source": strange, "it lacks the lines {} of the source": missing}
    said = [text.format(", ".join(map(str, sorted(numbers)))) for text, numbers in told.items() if numbers]
    return Rejected(
        "lines_differ",
        f"{key} exists already, and {' and '.join(said)}",
        "make the lines equal in both systems by number and product, or create the record again with another number; "
        "then retry",
    )


def digests(content: Mapped) -> dict[int, str]:
    """A digest of the owned fields of each line."""
    return {number: _digest(filled(line.owned)) for number, line in content.lines.items()}


def line_fields(content: Mapped) -> set[str]:
    """The owned fields that any line fills."""
    return {name for line in content.lines.values() for name in filled(line.owned)}


def filled(values: Values) -> dict[str, Json]:
    """The values that are not blank."""
    return {name: value for name, value in values.items() if value is not None}


def complete(content: Mapped) -> dict[str, Json]:
    """A record as it is created, without its lines."""
    return filled(content.on_create) | filled(content.owned)


def _all_new(content: Mapped) -> Iterator[LineWrite]:
    return (_new(number, content.lines[number]) for number in sorted(content.lines))


def _new(number: int, line: MappedLine) -> LineWrite:
    return LineWrite(number, LineAction.CREATE, filled(line.on_create) | filled(line.owned))


def _line_values(judged: Judged, line: MappedLine, rules: DocumentRules) -> Iterator[tuple[str, Json]]:
    """The owned fields of a line for an update; a blank one only if some line was filled there before."""
    for name, value in line.owned.items():
        if value is not None:
            yield name, value
        elif name in judged.record.link.content.line_fields:
            yield name, rules.empty_line(name)


def _digest(values: Mapping[str, Json]) -> str:
    text = exact_json.dumps({name: values[name] for name in sorted(values)})
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS]
