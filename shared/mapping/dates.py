"""Business dates (rules.md, Dates): a date-only column of Dataverse holds midnight of the user who saved it."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_HALF_A_DAY = timedelta(hours=12)
_NOON_S = 12 * 3600


def business_day(instant: datetime, zone: ZoneInfo) -> date:
    """The calendar day whose midnight in `zone` is nearest: 2026-07-13T22:00:00Z in Europe/Zurich is 14 July."""
    return (instant.astimezone(zone) + _HALF_A_DAY).date()


def noon_utc(day: date) -> str:
    """A day as F&O stores it: noon UTC, so that no zone can move it."""
    moment = datetime.combine(day, time(0), UTC) + timedelta(seconds=_NOON_S)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
