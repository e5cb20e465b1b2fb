"""Business dates (rules.md, Dates): a date-only column of Dataverse holds midnight of the user who saved it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_HALF_A_DAY = timedelta(hours=12)
EMPTY_DATE = "1900-01-01T12:00:00Z"


def business_day(instant: datetime, zone: ZoneInfo) -> date:
    """The calendar day whose midnight in `zone` is nearest: 2026-07-13T22:00:00Z in Europe/Zurich is 14 July."""
    return (instant.astimezone(zone) + _HALF_A_DAY).date()


def noon_utc(day: date) -> str:
    """A day as F&O stores it: noon UTC, so that no zone can move it."""
    return f"{day.isoformat()}T12:00:00Z"
