"""Texts of the map document that become values as they stand: one that is longer than its field would reject every
record that gets it, so it is found when the document is read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shared.discretion import named
from shared.map_mistakes import TakesLess, TooLong
from shared.mapping.field_specs import ByValueMap, Constant, Option, Rules, WordSpec
from shared.mapping.map_document import MapDocument
from shared.mapping.text_lengths import counted
from shared.mapping.words import Word


def texts_of(spec: WordSpec, place: str, document: MapDocument) -> tuple[tuple[str, str], ...]:
    """The texts of an entry of `fields` at a place that become its value, each with its own place."""
    given: dict[str, object] = {}
    match spec:
        case Constant(value=value):
            given = {f"{place}.value": value}
        case Rules(rules=rules, otherwise=otherwise):
            given = {f"{place}.rules.{at}.value": rule.value for at, rule in enumerate(rules)}
            given[f"{place}.otherwise"] = otherwise
        case Option(to=to):
            given = {f"{place}.to.{named(option)}": code for option, code in to.items()}
        case ByValueMap(map=name, otherwise=otherwise):
            codes = document.value_maps.get(name, {})
            given = {f"value_maps.{named(name)}.{named(text)}": code for text, code in codes.items()}
            given[f"{place}.otherwise"] = otherwise
    return tuple((at, text) for at, text in given.items() if isinstance(text, str))


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How long the texts of a mapping may be. `part` and `lengths_part` are its names in `fields` and `text_lengths`,
    `of` has the limit of every field that is sent, and `given` those that entries of `fields` have."""

    part: str
    lengths_part: str
    target_set: str
    document: MapDocument
    of: Mapping[str, int | None]
    given: Mapping[str, int]

    def mistakes(self, words: Iterable[Word]) -> Iterator[TooLong]:
        """Every text that is too long for a field of the mapping."""
        for word in words:
            for field, texts in word.literals(self.document):
                limit = self.of.get(field)
                longer = () if limit is None else texts.longer_than(limit)
                yield from (self._mistake(field, place, length) for place, length in longer)

    def _mistake(self, field: str, place: str, length: int) -> TooLong:
        limit = self.of[field] or 0
        by = TakesLess(f"{field} of {self.target_set}", limit, self._place_of(field, limit))
        return TooLong(place, counted(length), (by,))

    def _place_of(self, field: str, limit: int) -> str:
        """Where the document says how long a field is; empty for a verified length."""
        own = self.document.own_columns.get(self.target_set, {}).get(field)
        if own is not None and own.length == limit:
            return f"own_columns.{self.target_set}.{field}.length"
        known = self.document.names.find(self.target_set, field)
        if known is not None and known.length == limit:
            return ""
        if self.given.get(field) == limit:
            return f"fields.{self.part}.{field}.length"
        usual = self.document.lengths_of(self.lengths_part).get(field)
        return f"text_lengths.{self.lengths_part}.{field}" if usual == limit else ""
