"""The word for a day: of a date column of Sales, as F&O holds it (docs/rules.md, Days)."""

from datetime import date
from zoneinfo import ZoneInfo

from shared.mapping.date_columns import behavior_name
from shared.mapping.dates import EMPTY_DATE, FIRST_DAY, LAST_DAY, Behavior, day_of, noon_utc
from shared.mapping.value_maps import ValueMaps
from shared.mapping.words import Column, Line, Ownership, TargetField, Unmappable, value_of
from shared.records import Json, Values


def day(
    source: str,
    target: str,
    zone: ZoneInfo,
    *,
    ownership: Ownership = Ownership.OWNED,
    behavior: Behavior = Behavior.USER_LOCAL,
) -> Line:
    """The day that Sales shows, as noon UTC. The behaviour of the column is part of the row, otherwise `behavior`;
    `zone` is that of the business."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        text = value_of(row, source)
        behaves = Behavior(str(row.get(behavior_name(source), behavior)))
        return None if text is None else noon_utc(_day_for_finops(source, str(text), behaves, zone))

    into = TargetField(target, ownership, empty=EMPTY_DATE)
    meaning = f"the day that Sales shows (of a UserLocal column, in {zone.key}), sent as noon UTC"
    return Line((Column(source, is_date=True),), into, meaning, read)


def _day_for_finops(source: str, text: str, behavior: Behavior, zone: ZoneInfo) -> date:
    """The day of a value. Raises Unmappable if it is not a date, and for a day that F&O cannot hold."""
    try:
        found = day_of(text, behavior, zone)
    except (ValueError, OverflowError) as wrong:
        raise Unmappable(
            "date_invalid",
            f"{source} is {text!r}, which is not a date",
            remedy="correct the record's date",
            value=f"{source} {text}",
        ) from wrong
    if not FIRST_DAY <= found <= LAST_DAY:
        raise Unmappable(
            "date_out_of_range",
            f"{source} is {found}; F&O holds the days from {FIRST_DAY} to {LAST_DAY}",
            remedy="correct the record's date",
            value=f"{source} {found}",
        )
    return found
