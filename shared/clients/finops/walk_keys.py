"""Keys by which a collection of F&O is walked: one field, or several that together are one text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.clients import quoting
from shared.clients.quoting import Literal, Moment
from shared.records import KEY_SEPARATOR, Json

_ESCAPE = "%"


@dataclass(frozen=True, slots=True)
class WalkKey:
    """The key of a record besides its company. `fields` are its parts in the order of the id, `order` those in the
    order of a walk, and `moments` those that are dates. The first part is the number by which records are read."""

    fields: tuple[str, ...]
    order: tuple[str, ...]
    moments: frozenset[str] = frozenset()

    @classmethod
    def of(cls, field: str) -> "WalkKey":
        """A key of one field."""
        return cls((field,), (field,))

    @property
    def number(self) -> str:
        """The field by which records are read."""
        return self.fields[0]

    def id_of(self, row: Mapping[str, Json]) -> str | None:
        """The id of a row: its key as F&O writes it. None if a part is missing; a part that is neither the number nor a
        date may be blank."""
        texts = [
            part for name in self.fields if isinstance(part := row.get(name), str) and (part or self._is_free(name))
        ]
        if len(texts) < len(self.fields):
            return None
        return texts[0] if len(texts) == 1 else KEY_SEPARATOR.join(map(_escaped, texts))

    def _is_free(self, field: str) -> bool:
        return field != self.number and field not in self.moments

    def number_of(self, id: str) -> str:
        """The number in an id."""
        return self.parts(id)[self.number]

    def after(self, id: str) -> str:
        """The condition for the records that a walk reads after one."""
        return self._beside(id, quoting.greater, quoting.greater)

    def until(self, id: str) -> str:
        """The condition for the records that a walk reads up to one, with that."""
        return self._beside(id, quoting.less, quoting.at_most)

    def _beside(self, id: str, differs: Callable[[str, Literal], str], ends: Callable[[str, Literal], str]) -> str:
        """Records are compared by the first part in which they differ."""
        parts, last = self.parts(id), self.order[-1]
        ways = []
        for at, name in enumerate(self.order):
            same = [self._is(other, parts[other]) for other in self.order[:at]]
            compare = ends if name == last else differs
            ways.append(quoting.all_of(*same, compare(name, self._literal(name, parts[name]))))
        return ways[0] if len(ways) == 1 else quoting.any_condition(*ways)

    def _is(self, name: str, value: str) -> str:
        return quoting.equals(name, Moment(value)) if name in self.moments else quoting.any_key(name, [value])

    def _literal(self, name: str, value: str) -> Literal:
        return Moment(value) if name in self.moments else value

    def parts(self, id: str) -> dict[str, str]:
        """The parts of an id by field. A text that is no id of this key has blank parts, which no record has."""
        texts = [id] if len(self.fields) == 1 else [_plain(text) for text in id.split(KEY_SEPARATOR)]
        return dict(zip(self.fields, [*texts, *[""] * len(self.fields)], strict=False))


def _escaped(part: str) -> str:
    """A part as it stands in an id: a number may hold the separator."""
    return part.replace(_ESCAPE, "%25").replace(KEY_SEPARATOR, "%2F")


def _plain(part: str) -> str:
    return part.replace("%2F", KEY_SEPARATOR).replace("%25", _ESCAPE)
