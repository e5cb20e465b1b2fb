"""Midnights of the world's time zones, including clock changes."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

_A_DAY = timedelta(days=1)
_JUST_BEFORE = timedelta(microseconds=1)
_KEPT = 4096


@lru_cache(maxsize=_KEPT)
def is_midnight_somewhere(instant: datetime) -> bool:
    """Whether it is midnight in any IANA zone, or the start of a day there whose midnight the clocks skip."""
    return any(_is_midnight(instant, zone) for zone in _zones())


def nearest_day(instant: datetime, zone: ZoneInfo) -> date:
    """The day whose start in the zone is nearest; half-way between two, the later one."""
    day = instant.astimezone(zone).date()
    begin, end = beginning_of(day, zone), beginning_of(day + _A_DAY, zone)
    # If a zone has skipped a day, the next one is not the day after.
    return day if instant - begin < end - instant else end.astimezone(zone).date()


def beginning_of(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day. If midnight is skipped, it is the moment of the change: Python uses the offset from
    before."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def _is_midnight(instant: datetime, zone: ZoneInfo) -> bool:
    local = instant.astimezone(zone)
    return local.time() == time(0) or (instant - _JUST_BEFORE).astimezone(zone).date() < local.date()


@cache
def _zones() -> tuple[ZoneInfo, ...]:
    """All IANA zones from the package's list: the computer's own list has one more, the local zone."""
    names = (resources.files("tzdata") / "zones").read_text(encoding="utf-8").split()
    return tuple(map(ZoneInfo, names))
