"""The price lists of Sales: their currency, and their first and last day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from shared.errors import SchemaDrift
from shared.mapping.date_columns import DateColumns, behaviors_of
from shared.mapping.dates import Behavior, day_of
from shared.records import Json, References, Values
from shared.systems import System

_TABLE = "pricelevel"
_BEGIN, _END = "begindate", "enddate"
DATE_COLUMNS: DateColumns = {_TABLE: {_BEGIN: Behavior.USER_LOCAL, _END: Behavior.USER_LOCAL}}


@dataclass(frozen=True, slots=True)
class PriceList:
    """A price list with its first and its last day; None means that it has no such limit."""

    id: str
    name: str
    currency: str
    begins: date | None
    ends: date | None

    def is_valid(self, today: date) -> bool:
        """Whether it is between its days, both included."""
        return (self.begins is None or self.begins <= today) and (self.ends is None or today <= self.ends)


def price_lists(rows: Iterable[Values], references: References, zone: ZoneInfo) -> tuple[PriceList, ...]:
    """The price lists by name. Raises SchemaDrift if the behaviour of their date columns is unknown."""
    behaviors = behaviors_of(references, _TABLE, DATE_COLUMNS[_TABLE])
    found = (_price_list(row, behaviors, zone) for row in rows)
    return tuple(sorted(found, key=lambda each: folded_name(each.name)))


def folded_name(name: Json) -> str:
    """A name of Sales as users mean it: the kind of blanks and the case do not count."""
    return " ".join(str(name).split()).casefold()


def _price_list(row: Values, behaviors: Mapping[str, Behavior], zone: ZoneInfo) -> PriceList:
    begins, ends = (_day(row, column, behaviors[column], zone) for column in (_BEGIN, _END))
    currency = str(row["_transactioncurrencyid_value"]).lower()
    return PriceList(str(row["pricelevelid"]).lower(), str(row["name"]), currency, begins, ends)


def _day(row: Values, column: str, behavior: Behavior, zone: ZoneInfo) -> date | None:
    value = row.get(column)
    try:
        return None if value is None else day_of(str(value), behavior, zone)
    except (ValueError, OverflowError) as wrong:
        raise SchemaDrift(
            System.DATAVERSE,
            f"{column} of the price list {row['name']} is {value!r}, which is no date; compare the "
            "column's type with the mapping",
        ) from wrong
