"""Keys of F&O collections: the company, the parts of our own key, parts that never change (finops-odata, section 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.clients import quoting
from shared.clients.quoting import EnumMember, Literal
from shared.errors import RecordRejected
from shared.records import KEY_SEPARATOR, Json, Values, composite, fold

COMPANY = "dataAreaId"


@dataclass(frozen=True, slots=True)
class FinopsKey:
    """How records of a collection are addressed. `fields` are the parts of the key that the engine knows as one text,
    joined by KEY_SEPARATOR; `constants` are the others besides the company."""

    company: str
    fields: tuple[str, ...]
    constants: Mapping[str, EnumMember] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every key field."""
        return (COMPANY, *self.constants, *self.fields)

    def segment(self, key: str, further: Mapping[str, Literal] | None = None) -> str:
        """The key as written in an address; `further` are parts below the record, such as a line's number.

        Raises RecordRejected for a key that no address can hold.
        """
        return quoting.key_segment({COMPANY: self.company, **self.constants, **self._parts(key), **(further or {})})

    def values(self, key: str) -> dict[str, Json]:
        """The key fields of a new record. Raises RecordRejected as segment does."""
        for part in self._parts(key).values():
            quoting.require_addressable(part)
        constants = {name: member.member for name, member in self.constants.items()}
        return {COMPANY: self.company, **constants, **self._parts(key)}

    def changes(self, values: Values) -> dict[str, Json]:
        """The fields of an update, which never changes a key."""
        return {name: value for name, value in values.items() if name not in self.names}

    def can_be_found(self, key: str) -> bool:
        """Whether a filter finds the record of this key and no other."""
        parts = self._split(key)
        return len(parts) == len(self.fields) and all(
            part.strip(" ") and quoting.can_be_compared(part) for part in parts
        )

    def filter(self, keys: Sequence[str]) -> str:
        """A condition for the records of these keys; of keys with several parts only the first part is compared."""
        first = dict.fromkeys(self._split(key)[0] for key in keys)
        return quoting.all_of(self.everything(), quoting.any_of(self.fields[0], first))

    def everything(self) -> str:
        """A condition that holds for every record of the company."""
        constants = [quoting.equals(name, member) for name, member in self.constants.items()]
        return quoting.all_of(quoting.equals(COMPANY, self.company), *constants)

    def text(self, row: Values) -> str:
        """The key of a row as one text, as F&O writes it."""
        return composite(*(str(row.get(name)) for name in self.fields))

    def of(self, row: Values) -> str:
        """The key of a row as F&O compares it."""
        return fold(self.text(row))

    def folded(self, key: str) -> str:
        """A key as F&O compares it."""
        return fold(composite(*self._split(key)))

    def _split(self, key: str) -> list[str]:
        return key.split(KEY_SEPARATOR) if len(self.fields) > 1 else [key]

    def _parts(self, key: str) -> dict[str, str]:
        parts = self._split(key)
        if len(parts) != len(self.fields):
            raise RecordRejected(
                "key_not_addressable",
                f"{key[:100]!a} has {len(parts)} parts and the key of a record in F&O has {len(self.fields)}",
                remedy=f"give the record, and the one that it belongs to, numbers without {KEY_SEPARATOR}",
                sent=False,
            )
        return dict(zip(self.fields, parts, strict=True))
