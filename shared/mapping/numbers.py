"""The number of a source record that becomes its key in the target."""

from dataclasses import dataclass

from shared.mapping.field_table import NEVER_IN_NUMBERS, refuse_characters
from shared.mapping.text_lengths import counted, length_of
from shared.mapping.value_maps import ValueMaps
from shared.mapping.words import Column, Line, Ownership, TargetField, Unmappable, value_of
from shared.records import Json, Values, trimmed

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Numbering:
    """Which column holds the number, and what it is used for. `needed_as` is the target's key field, `length` its
    maximum number of characters; the two remedies say what to do about a record without a number, or with a number that
    is too long."""

    column: str
    needed_as: str
    length: int
    when_missing: str
    when_too_long: str

    def of(self, values: Values) -> str:
        """The number of a record. Raises Unmappable if it has none, or one that cannot be a key."""
        number = value_of(values, self.column)
        if number is None:
            what = f"{self.column} is blank, and it is needed as {self.needed_as}"
            raise Unmappable("number_missing", what, remedy=self.when_missing)
        key = normal_number(number, f"{self.column} (for {self.needed_as})")
        if length_of(key) > self.length:
            what = f"{self.column} {key[:_SHOWN]!r} has {counted(length_of(key))}"
            raise Unmappable(
                "number_too_long",
                f"{what}; {self.needed_as} takes {self.length}",
                remedy=self.when_too_long,
                value=key[:_SHOWN],
            )
        return key


def normal_number(value: Json, name: str) -> str:
    """A number as both systems get it: without outer blanks of any kind. Raises Unmappable, naming the column by
    `name`, if it contains an invisible character."""
    number = trimmed(str(value))
    refuse_characters(name, number, categories=NEVER_IN_NUMBERS)
    return number


def record_number(source: str, target: str, *, ownership: Ownership = Ownership.OWNED) -> Line:
    """A number that refers to a record, in the form of that record's key."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        value = value_of(row, source)
        return None if value is None else normal_number(value, f"{source} (for {target})")

    return Line((Column(source),), TargetField(target, ownership), "as it is, without outer blanks", read)
