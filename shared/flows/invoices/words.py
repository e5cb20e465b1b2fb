"""The words that only the mapping of invoices has: amounts of a currency, the day, the billing address."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field

from shared.mapping.amounts import DECIMALS, rounded_half_up
from shared.mapping.value_maps import Code, Iso2, ValueMaps, as_known_to
from shared.mapping.verdicts import Remark
from shared.mapping.words import Column, Line, Ownership, TargetField, value_of
from shared.records import Json, Values

# How many decimals amounts of the invoice's currency have in Sales, as one of the row's columns.
CURRENCY_DECIMALS = "=currency decimals"
_BLOCK = "InvoiceAddress"
_STREET_LINES = 3
_ISO_DAY = 10


class InvoiceMaps(ValueMaps):
    """The flow's part of the value-map document: how Sales names a country, by ISO code."""

    country_names: dict[Iso2, Code] = Field(default_factory=dict)


def amount(source: str, target: str) -> Line:
    """An amount, rounded half up to the decimals of its currency."""
    return _rounded(source, target, CURRENCY_DECIMALS, "rounded half up to the decimals of the currency in Sales")


def unit_price(source: str, target: str) -> Line:
    """A price, rounded half up to the organisation's pricing precision."""
    return _rounded(source, target, DECIMALS, "rounded half up to the organisation's pricing precision")


def _rounded(source: str, target: str, decimals: str, meaning: str) -> Line:
    def read(row: Values, _maps: ValueMaps) -> Json:
        value, places = value_of(row, source), row.get(decimals)
        return rounded_half_up(value or 0, places) if isinstance(places, int) else None

    return Line((Column(source, Decimal),), TargetField(target, type=Decimal, empty=None), meaning, read)


def invoice_day(target: str, *, ownership: Ownership = Ownership.OWNED) -> Line:
    """The day of the invoice: F&O writes it as a moment of that day."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        value = value_of(row, "InvoiceDate")
        return None if value is None else str(value)[:_ISO_DAY]

    column = Column("InvoiceDate", is_date=True)
    return Line((column,), TargetField(target, ownership, empty=None), "its day", read)


def option(target: str, value: int) -> Line:
    """Always the same option, sent at creation."""
    into = TargetField(target, Ownership.ON_CREATE, int, empty=None)
    return Line((), into, f"always `{value}`", lambda _row, _maps: value)


def whether(source: str, target: str, meaning: str, *, when_blank: bool) -> Line:
    """Whether a column is blank, or is filled; sent at creation."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        return (value_of(row, source) is None) is when_blank

    into = TargetField(target, Ownership.ON_CREATE, bool, empty=False)
    return Line((Column(source),), into, meaning, read)


def text_without(other: str, source: str, target: str, meaning: str) -> Line:
    """A text that stands for what another column leaves blank."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        return value_of(row, source) if value_of(row, other) is None else None

    columns = (Column(other), Column(source))
    return Line(columns, TargetField(target, empty=None, max_length=500), meaning, read)


@dataclass(frozen=True, slots=True)
class BillingAddress:
    """A word for the billing address: `InvoiceAddressCity` ... becomes `billto_city` ... With `street_number` the
    second line is F&O's street number; otherwise the lines of the street are lines one to three."""

    street_number: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it reads."""
        number = ("StreetNumber",) if self.street_number else ()
        names = ("Street", *number, "City", "State", "ZipCode", "CountryRegionISOCode")
        return tuple(Column(f"{_BLOCK}{name}") for name in names)

    @property
    def fields(self) -> tuple[TargetField, ...]:
        """What it writes. Users may correct an address in Sales."""
        lengths = {"line1": 250, "line2": 250, "line3": 250, "city": 80, "stateorprovince": 50, "postalcode": 20}
        texts = {**lengths, "country": 80}
        return tuple(
            TargetField(f"billto_{name}", Ownership.ON_CREATE, empty=None, max_length=length)
            for name, length in texts.items()
        )

    @property
    def meaning(self) -> str:
        """How."""
        return f"`{_BLOCK}*`; the lines of the street apart; the country by value map `country_names`, else its code"

    def values(self, row: Values, maps: ValueMaps) -> Mapping[str, Json]:
        """The values of the block."""
        given = {column.name.removeprefix(_BLOCK): value_of(row, column.name) for column in self.columns}
        code = given["CountryRegionISOCode"]
        names = as_known_to(InvoiceMaps, maps).country_names
        lines = self._lines(str(given["Street"] or ""), given.get("StreetNumber"))
        values: dict[str, Json] = {
            **{f"line{place}": line or None for place, line in enumerate(lines, 1)},
            "city": given["City"],
            "stateorprovince": given["State"],
            "postalcode": given["ZipCode"],
            "country": None if code is None else names.get(str(code).upper(), str(code)),
        }
        return {f"billto_{name}": value for name, value in values.items()}

    def sources(self, field: str) -> tuple[str, ...]:
        """The columns from which one of its fields is made."""
        of = {"city": "City", "stateorprovince": "State", "postalcode": "ZipCode", "country": "CountryRegionISOCode"}
        name = field.removeprefix("billto_")
        if name == "line2" and self.street_number:
            return (f"{_BLOCK}StreetNumber",)
        return (f"{_BLOCK}{of.get(name, 'Street')}",)

    def remarks(self, row: Values, maps: ValueMaps) -> tuple[Remark, ...]:  # noqa: ARG002 - it has none
        """None: nothing is left out."""
        return ()

    def _lines(self, street: str, number: Json) -> list[str]:
        places = _STREET_LINES - 1 if self.street_number else _STREET_LINES
        lines = [line.strip() for line in street.splitlines() if line.strip()]
        kept = [*lines[: places - 1], " ".join(lines[places - 1 :])]
        kept += [""] * (places - len(kept))
        return [kept[0], str(number or ""), kept[1]] if self.street_number else kept
