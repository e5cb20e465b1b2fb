"""Midnights of the world's time zones, clock changes included."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

_A_DAY = timedelta(days=1)
_JUST_BEFORE = timedelta(microseconds=1)
_KEPT = 4096


@lru_cache(maxsize=_KEPT)
def is_midnight_somewhere(instant: datetime) -> bool:
    """Whether it is midnight in one of all IANA zones, or the day begins there without one since the clocks skip it."""
    return any(_is_midnight(instant, zone) for zone in _zones())


def nearest_day(instant: datetime, zone: ZoneInfo) -> date:
    """The day whose beginning in the zone is nearest; half-way between two it is the later one."""
    day = instant.astimezone(zone).date()
    begin, end = _beginning_of(day, zone), _beginning_of(day + _A_DAY, zone)
    # Where a zone has left out a day, the next one is not the day after.
    return day if instant - begin < end - instant else end.astimezone(zone).date()


def _is_midnight(instant: datetime, zone: ZoneInfo) -> bool:
    local = instant.astimezone(zone)
    return local.time() == time(0) or (instant - _JUST_BEFORE).astimezone(zone).date() < local.date()


def _beginning_of(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day. Of a midnight that is skipped it is the moment of the change: Python takes the offset
    of before."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


@cache
def _zones() -> tuple[ZoneInfo, ...]:
    """All IANA zones by the list of the package: the computer's own list has one more, which is the computer's."""
    names = (resources.files("tzdata") / "zones").read_text(encoding="utf-8").split()
    return tuple(map(ZoneInfo, names))
