"""The words of documents that go from F&O to Sales: amounts of a currency, prices, days, addresses, marks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from pydantic import Field

from shared.discretion import named
from shared.mapping.amounts import rounded_half_up
from shared.mapping.date_columns import behavior_name
from shared.mapping.dates import FIRST_DAY, Behavior, in_sales
from shared.mapping.plain_word import PlainWord
from shared.mapping.ranges import Range, Ranges
from shared.mapping.text_lengths import PlacedTexts, longest_of
from shared.mapping.value_maps import Code, Iso2, ValueMaps, as_known_to
from shared.mapping.words import Column, Line, Ownership, TargetField, value_of
from shared.records import Json, Values

# How many decimals amounts of the document's currency have in Sales, as one of the row's columns.
CURRENCY_DECIMALS = "=currency decimals"
# Whether a line carries the tax of no line, as one of its columns.
IS_TAX = "=is tax"
_STREET_LINES = 3
_ISO_DAY = len("2026-07-14")


_MONEY, _POSITIVE = Range(-922337203685477, 922337203685477), Range(0, 10**12)
# The numbers that the columns of orders and invoices take; a contract test compares them with the schemas.
HEADER_RANGES: Ranges = {"freightamount": _POSITIVE, "discountamount": _POSITIVE, "msdynce_misctax": _MONEY}
LINE_RANGES: Ranges = {
    "quantity": Range(-(10**11), 10**11),
    "priceperunit": _MONEY,
    "manualdiscountamount": _POSITIVE,
    "tax": Range(-(10**12), 10**12),
    "lineitemnumber": Range(0, 10**9),
}


class CountryNames(ValueMaps):
    """A part of the map document: how Sales names a country, by ISO code."""

    country_names: dict[Iso2, Code] = Field(default_factory=dict)

    @cached_property
    def placed_names(self) -> PlacedTexts:
        """The names, each with its place."""
        return PlacedTexts(longest_of(self.country_names.values()), self._placed_names)

    def _placed_names(self) -> Iterator[tuple[str, str]]:
        for code, name in self.country_names.items():
            yield f"country_names.{named(code)}", name


def amount(source: str, target: str) -> Line:
    """An amount, rounded half up to the decimals of its currency."""
    return _rounded(source, target, CURRENCY_DECIMALS, "rounded half up to the decimals of the currency in Sales")


def amount_from_zero(source: str, target: str) -> Line:
    """The same, but 0 for one below zero: Sales has no such amount, and a line of its own stands for it."""
    exact = amount(source, target)

    def read(row: Values, maps: ValueMaps) -> Json:
        value = exact.read(row, maps)
        return max(value, Decimal(0)) if isinstance(value, Decimal) else value

    return replace(exact, meaning=f"{exact.meaning}; below zero it is a line of its own", read=read)


def _rounded(source: str, target: str, decimals: str, meaning: str) -> Line:
    def read(row: Values, _maps: ValueMaps) -> Json:
        value, places = value_of(row, source), row.get(decimals)
        return rounded_half_up(value or 0, places) if isinstance(places, int) else None

    return Line((Column(source, Decimal),), TargetField(target, type=Decimal, empty=None), meaning, read)


def sales_day(source: str, target: str, zone: ZoneInfo) -> Line:
    """The day that F&O has, as Sales holds it. The behaviour of the column is part of the row; in a UserLocal one the
    day begins in the `zone` of the business."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        text = value_of(row, source)
        day = None if text is None else date.fromisoformat(str(text)[:_ISO_DAY])
        if day is None or day < FIRST_DAY:
            return None
        behavior = Behavior(str(row.get(behavior_name(target), Behavior.USER_LOCAL)))
        return in_sales(day, behavior, zone)

    meaning = f"its day; in a UserLocal column, midnight of that day in {zone.key}"
    return Line((Column(source, is_date=True),), TargetField(target, empty=None), meaning, read)


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
class FinopsAddress(PlainWord):
    """A word for an address of F&O: `InvoiceAddressCity` ... becomes `billto_city` ... `state` is the end of the name
    of its state. With `street_number` the second line is F&O's street number; otherwise the lines of the street are
    lines one to three."""

    source: str
    target: str
    state: str
    street_number: bool = False
    ownership: Ownership = Ownership.OWNED

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it reads."""
        number = ("StreetNumber",) if self.street_number else ()
        names = ("Street", *number, "City", self.state, "ZipCode", "CountryRegionISOCode")
        return tuple(Column(f"{self.source}{name}") for name in names)

    @property
    def fields(self) -> tuple[TargetField, ...]:
        """What it writes."""
        lengths = {"line1": 250, "line2": 250, "line3": 250, "city": 80, "stateorprovince": 50, "postalcode": 20}
        texts = {**lengths, "country": 80}
        return tuple(
            TargetField(f"{self.target}_{name}", self.ownership, empty=None, max_length=length)
            for name, length in texts.items()
        )

    @property
    def meaning(self) -> str:
        """How."""
        block = f"`{self.source}*`"
        return f"{block}; the lines of the street apart; the country by value map `country_names`, else its code"

    def values(self, row: Values, maps: ValueMaps) -> Mapping[str, Json]:
        """The values of the block."""
        given = {column.name.removeprefix(self.source): value_of(row, column.name) for column in self.columns}
        code = given["CountryRegionISOCode"]
        names = as_known_to(CountryNames, maps).country_names
        lines = self._lines(str(given["Street"] or ""), given.get("StreetNumber"))
        values: dict[str, Json] = {
            **{f"line{place}": line or None for place, line in enumerate(lines, 1)},
            "city": given["City"],
            "stateorprovince": given[self.state],
            "postalcode": given["ZipCode"],
            "country": None if code is None else names.get(str(code).upper(), str(code)),
        }
        return {f"{self.target}_{name}": value for name, value in values.items()}

    def sources(self, field: str) -> tuple[str, ...]:
        """The columns from which one of its fields is made."""
        of = {"city": "City", "stateorprovince": self.state, "postalcode": "ZipCode", "country": "CountryRegionISOCode"}
        name = field.removeprefix(f"{self.target}_")
        if name == "line2" and self.street_number:
            return (f"{self.source}StreetNumber",)
        return (f"{self.source}{of.get(name, 'Street')}",)

    def literals(self, maps: ValueMaps) -> tuple[tuple[str, PlacedTexts], ...]:
        """The names of countries."""
        return ((f"{self.target}_country", as_known_to(CountryNames, maps).placed_names),)

    def _lines(self, street: str, number: Json) -> list[str]:
        places = _STREET_LINES - 1 if self.street_number else _STREET_LINES
        lines = [line.strip() for line in street.splitlines() if line.strip()]
        kept = [*lines[: places - 1], " ".join(lines[places - 1 :])]
        kept += [""] * (places - len(kept))
        return [kept[0], str(number or ""), kept[1]] if self.street_number else kept
