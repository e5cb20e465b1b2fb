"""A field of the map document: the word by which it is mapped, with its arguments, its ownership and its length."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from shared.mapping.condition_specs import AnyCondition, ColumnName, ColumnPath
from shared.mapping.dates import Behavior
from shared.mapping.names import ColumnKind, Name
from shared.mapping.value_maps import Code, Decimals, Owned, Part

DefaultName = Literal[
    "customer_group", "site", "warehouse", "language", "country", "currency", "payment_terms", "sales_tax_group"
]


class Override(Part):
    """A standard field with another ownership, or another length."""

    ownership: Owned | None = None
    length: Annotated[int, Field(gt=0)] | None = None


class FromColumn(Override):
    """A word that reads one column."""

    source: ColumnPath = Field(alias="from")


class Copy(FromColumn):
    """The value as it is."""

    word: Literal["copy"]


class Constant(Override):
    """Always the same value."""

    word: Literal["constant"]
    value: str | bool | int | Decimal


class Default(Override):
    """A default of the document, with its rules."""

    word: Literal["default"]
    name: DefaultName


class FirstOf(Override):
    """The first of several columns that is filled."""

    word: Literal["first_of"]
    sources: Annotated[list[ColumnPath], Field(min_length=2, alias="from")]


class Joined(Override):
    """Several text columns, one after another; `separator` stands between those that are filled."""

    word: Literal["joined"]
    sources: Annotated[list[ColumnPath], Field(min_length=2, alias="from")]
    separator: Annotated[str, Field(max_length=10)] = "\n"


class Option(FromColumn):
    """An option, or a member of an enumeration, by a list of counterparts."""

    word: Literal["option"]
    to: Annotated[dict[Code, str | int], Field(min_length=1)]


class YesNo(FromColumn):
    """A two-options column of Sales and NoYes of F&O; `opposite` if one means what the other denies."""

    word: Literal["yes_no"]
    opposite: bool = False


class ByValueMap(FromColumn):
    """A text by one of `value_maps`; `otherwise` is the value of a text that is not listed, which else is refused."""

    word: Literal["value_map"]
    map: Code
    otherwise: str | int | None = None


class CurrencyCode(FromColumn):
    """An ISO code by the value map `currencies`."""

    word: Literal["currency"]


class Unit(FromColumn):
    """A unit by the value map `units`."""

    word: Literal["unit"]


class Day(FromColumn):
    """The day of a date column."""

    word: Literal["day"]


class DateTime(FromColumn):
    """A moment."""

    word: Literal["date_time"]


class LookupByKey(FromColumn):
    """A lookup of Sales, by the alternate key `by` of the row that it refers to."""

    word: Literal["lookup"]
    by: ColumnName


class RuleOf(Part):
    """One rule: if the condition holds, this is the value."""

    when: AnyCondition
    value: str | bool | int | Decimal


class Rules(Override):
    """The value of the first rule whose condition holds; `otherwise` if none does. Without it a standard field gets
    what its standard word gives, and a further one is blank."""

    word: Literal["rules"]
    rules: Annotated[list[RuleOf], Field(min_length=1)]
    otherwise: str | bool | int | Decimal | None = None


class DecimalNumber(FromColumn):
    """A number, rounded half up to some decimals."""

    word: Literal["decimal"]
    decimals: Decimals


ConvertingSpec = Option | YesNo | ByValueMap | CurrencyCode | Unit | Day | DateTime | DecimalNumber
# The words whose value follows from the record alone, and every word.
ValueSpec = (
    Copy | Constant | Default | FirstOf | Joined | Option | YesNo | ByValueMap | CurrencyCode | Unit | Day | DateTime
    | DecimalNumber | Rules
)  # fmt: skip
WordSpec = ValueSpec | LookupByKey
_OVERRIDE, _SHORT = "<override>", "<ownership>"


def _tag(value: Any) -> str:
    """Which form an entry has: an ownership alone, an override, or a word."""
    if isinstance(value, dict):
        return f"<{value['word']}>" if "word" in value else _OVERRIDE
    if isinstance(value, Override):
        return f"<{value.word}>" if isinstance(value, WordSpec) else _OVERRIDE
    return _SHORT


FieldSpec = Annotated[
    Annotated[Owned, Tag(_SHORT)]
    | Annotated[Override, Tag(_OVERRIDE)]
    | Annotated[Copy, Tag("<copy>")]
    | Annotated[Constant, Tag("<constant>")]
    | Annotated[Default, Tag("<default>")]
    | Annotated[FirstOf, Tag("<first_of>")]
    | Annotated[Joined, Tag("<joined>")]
    | Annotated[Option, Tag("<option>")]
    | Annotated[YesNo, Tag("<yes_no>")]
    | Annotated[ByValueMap, Tag("<value_map>")]
    | Annotated[CurrencyCode, Tag("<currency>")]
    | Annotated[Unit, Tag("<unit>")]
    | Annotated[Day, Tag("<day>")]
    | Annotated[DateTime, Tag("<date_time>")]
    | Annotated[DecimalNumber, Tag("<decimal>")]
    | Annotated[LookupByKey, Tag("<lookup>")]
    | Annotated[Rules, Tag("<rules>")],
    Discriminator(_tag),
]


class OwnColumn(Part):
    """A column of Sales, or a field of F&O, that only this organisation has. An enumeration of F&O lists its members,
    first the one that an emptied field holds; a date column of Sales says how it behaves, a
    field of F&O that it is TimeZoneIndependent if it holds a time as well, and a lookup to which table
    it leads. A lookup is named after its navigation, with capital letters."""

    type: Literal["text", "whole", "decimal", "yes_no", "option", "member", "date", "id", "lookup"]
    table: Code | None = None
    length: Annotated[int, Field(gt=0)] | None = None
    options: list[int] = Field(default_factory=list)
    members: list[Code] = Field(default_factory=list)
    behavior: Literal["UserLocal", "DateOnly", "TimeZoneIndependent"] | None = None

    @model_validator(mode="after")
    def _says_what_it_must(self) -> "OwnColumn":
        if self.type == "member" and not self.members:
            raise ValueError("an enumeration needs `members`, first the one that an emptied field holds")
        if self.type == "lookup" and not self.table:
            raise ValueError("a lookup needs `table`, the entity set to which it leads, such as contacts")
        facts = {"length": "text", "options": "option", "members": "member", "behavior": "date", "table": "lookup"}
        for name, of_type in facts.items():
            if getattr(self, name) and self.type != of_type:
                raise ValueError(f"`{name}` belongs to the type {of_type}, and the type here is {self.type}")
        return self

    def as_name(self) -> Name:
        """The column as the shipped names have it."""
        behavior = None if self.behavior is None else Behavior(self.behavior)
        return Name(
            ColumnKind(self.type),
            self.length,
            tuple(self.options),
            tuple(self.members),
            behavior,
            leads_to=self.table or "",
        )
