"""Days (docs/rules.md, Days): which day a date column of Sales shows, and how F&O holds it."""

from datetime import UTC, date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.mapping.midnights import beginning_of, is_midnight_somewhere, nearest_day

EMPTY_DATE = "1900-01-01T12:00:00Z"
# F&O's type begins with the day that means blank.
FIRST_DAY, LAST_DAY = date(1900, 1, 2), date(2154, 12, 31)

_DAY_LENGTH = len("2026-07-14")
# Between these years every zone's day is a date of Python, too.
_FIRST_YEAR, _LAST_YEAR = 2, 9998


class Behavior(StrEnum):
    """What a date column of Sales does with time zones; the names are those of its metadata."""

    USER_LOCAL = "UserLocal"
    DATE_ONLY = "DateOnly"
    TIME_ZONE_INDEPENDENT = "TimeZoneIndependent"


def day_of(text: str, behavior: Behavior, zone: ZoneInfo) -> date:
    """The day that Sales shows for a value; `zone` is the business's, and counts for UserLocal only. Raises ValueError
    for a text that is neither a day nor an instant."""
    if len(text) == _DAY_LENGTH:
        return date.fromisoformat(text)
    instant = _instant(text)
    return business_day(instant, zone) if behavior is Behavior.USER_LOCAL else instant.date()


def business_day(instant: datetime, zone: ZoneInfo) -> date:
    """The day that an instant in a UserLocal column means.

    Midnight UTC is what programs and users in UTC save: that day. Midnight in another zone was saved by a user there:
    the nearest midnight of the business. Any other time of day is meant as that time: its local day.
    """
    utc = instant.astimezone(UTC)
    if utc.time() == time(0) or not _FIRST_YEAR <= utc.year <= _LAST_YEAR:
        return utc.date()
    return nearest_day(utc, zone) if is_midnight_somewhere(utc) else utc.astimezone(zone).date()


def local_day(text: str, zone: ZoneInfo) -> date:
    """The day in a zone at an instant that the system has recorded. Raises ValueError if it is not an instant."""
    return today(_instant(text), zone)


def today(now: datetime, zone: ZoneInfo) -> date:
    """The day that it is in a zone."""
    return now.astimezone(zone).date()


def noon_utc(day: date) -> str:
    """A day as F&O stores it: noon UTC, which no zone can move to another day."""
    return f"{day.isoformat()}T12:00:00Z"


def in_sales(day: date, behavior: Behavior, zone: ZoneInfo) -> str:
    """A day as a column of Sales holds it; day_of gives the day back. `zone` is the business's, and counts for
    UserLocal only."""
    if behavior is Behavior.DATE_ONLY:
        return day.isoformat()
    begin = beginning_of(day, zone) if behavior is Behavior.USER_LOCAL else datetime.combine(day, time(0), UTC)
    return f"{begin:%Y-%m-%dT%H:%M:%S}Z"


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an instant has an offset; without one it would be the computer's time")
    return found
