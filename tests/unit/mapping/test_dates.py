"""docs/rules.md, Days: the day that Sales shows, sent as noon UTC."""

import ast
import time as system_time
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.mapping.dates import Behavior, business_day, day_of, local_day, noon_utc, today
from shared.mapping.midnights import is_midnight_somewhere, nearest_day
from tests.support.thinned import share_of_steps

ROOT = Path(__file__).parents[3]
LOCAL, DATE_ONLY, INDEPENDENT = Behavior.USER_LOCAL, Behavior.DATE_ONLY, Behavior.TIME_ZONE_INDEPENDENT
NAMES = (resources.files("tzdata") / "zones").read_text(encoding="utf-8").split()
ZONES = st.sampled_from(NAMES).map(ZoneInfo)
DAYS = st.dates(date(1970, 1, 2), date(2060, 12, 31))
TIMES = st.times().map(lambda each: each.replace(microsecond=0))
# Two years with every rule for summer time that is in force.
FIRST, LAST = date(2026, 1, 1), date(2027, 12, 31)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """What is saved when a user of the zone enters a day."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def exists(day: date, zone: ZoneInfo) -> bool:
    """Not so where islands have moved over the date line."""
    return midnight(day, zone).astimezone(zone).date() == day


def shown(instant: datetime) -> str:
    """An instant as Sales writes it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def clock_changes(name: str) -> tuple[date, ...]:
    """The days of the two years on which the clocks of a zone change."""
    zone = ZoneInfo(name)
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days)]
    offsets = [datetime.combine(day, time(0), zone).utcoffset() for day in days]
    return tuple(days[at] for at in range(len(days) - 1) if offsets[at] != offsets[at + 1])


def around_every_change(every: int) -> Iterator[tuple[date, ZoneInfo]]:
    """The days before, at and behind every clock change of every so many-th zone."""
    for name in NAMES[::every]:
        for day in clock_changes(name):
            yield from ((day + timedelta(days=beside), ZoneInfo(name)) for beside in (-1, 0, 1))


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        # Midnight of the zone, in summer and in winter.
        ("2026-07-13T22:00:00Z", "Europe/Zurich", "2026-07-14"),
        ("2026-01-13T23:00:00Z", "Europe/Zurich", "2026-01-14"),
        ("2026-07-14T04:00:00Z", "America/New_York", "2026-07-14"),
        ("2026-07-13T10:00:00Z", "Pacific/Kiritimati", "2026-07-14"),
        # Midnight UTC, also where the day has half gone by then, or not begun.
        ("2026-07-14T00:00:00Z", "UTC", "2026-07-14"),
        ("2026-07-14T00:00:00Z", "Pacific/Auckland", "2026-07-14"),
        ("2026-12-14T00:00:00Z", "Pacific/Auckland", "2026-12-14"),
        ("2026-07-14T00:00:00Z", "Pacific/Kiritimati", "2026-07-14"),
        ("2026-07-14T00:00:00Z", "Pacific/Honolulu", "2026-07-14"),
        # Midnight of somebody else: India for Zurich and Zurich for New York; Auckland for UTC.
        ("2026-07-13T18:30:00Z", "Europe/Zurich", "2026-07-14"),
        ("2026-07-13T22:00:00Z", "America/New_York", "2026-07-14"),
        ("2026-07-13T12:00:00Z", "UTC", "2026-07-14"),
        # A time of day.
        ("2026-07-14T14:23:11Z", "Europe/Zurich", "2026-07-14"),
        ("2026-07-14T21:59:59Z", "Europe/Zurich", "2026-07-14"),
        ("2026-07-14T22:00:01Z", "Europe/Zurich", "2026-07-15"),
        ("2026-07-15T06:30:00Z", "America/Los_Angeles", "2026-07-14"),
        ("2026-07-14T00:00:01Z", "Pacific/Honolulu", "2026-07-13"),
        # The ends of the calendar.
        ("9999-12-31T23:59:59Z", "Pacific/Auckland", "9999-12-31"),
        ("0001-01-01T00:00:01Z", "America/Los_Angeles", "0001-01-01"),
    ],
)
def test_the_day_of_a_user_local_column(instant: str, zone: str, day: str) -> None:
    assert day_of(instant, LOCAL, ZoneInfo(zone)) == date.fromisoformat(day)


@share_of_steps(4)
def test_midnight_of_every_zone_is_its_own_day_on_both_sides_of_every_clock_change(every: int) -> None:
    tried = [(day, zone) for day, zone in around_every_change(every) if exists(day, zone)]
    assert len(tried) > 1000 / every
    assert [each for each in tried if business_day(midnight(*each), each[1]) != each[0]] == []


@settings(deadline=None)
@given(DAYS, ZONES)
@example(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo"))
@example(date(2026, 3, 29), ZoneInfo("Asia/Beirut"))
@example(date(2006, 10, 29), ZoneInfo("America/St_Johns"))
@example(date(2011, 12, 31), ZoneInfo("Pacific/Apia"))
def test_midnight_of_a_zone_is_its_own_day(day: date, zone: ZoneInfo) -> None:
    if exists(day, zone):
        assert day_of(shown(midnight(day, zone)), LOCAL, zone) == day


@settings(deadline=None)
@given(DAYS, ZONES, ZONES)
def test_a_user_of_another_zone_less_than_eleven_hours_away_means_the_same_day(
    day: date, business: ZoneInfo, theirs: ZoneInfo
) -> None:
    saved = midnight(day, theirs)
    apart = (saved.astimezone(business).utcoffset() or timedelta()) - (
        saved.astimezone(theirs).utcoffset() or timedelta()
    )
    if abs(apart) < timedelta(hours=11) and exists(day, business) and exists(day, theirs):
        assert business_day(saved, business) == day


@settings(deadline=None)
@given(DAYS, ZONES)
def test_midnight_utc_is_that_day_in_every_zone(day: date, zone: ZoneInfo) -> None:
    assert day_of(f"{day}T00:00:00Z", LOCAL, zone) == day


@settings(deadline=None)
@given(DAYS, TIMES, ZONES)
def test_a_time_of_day_is_its_local_day_in_every_zone(day: date, at: time, zone: ZoneInfo) -> None:
    instant = datetime.combine(day, at, UTC)
    if not is_midnight_somewhere(instant):
        assert day_of(shown(instant), LOCAL, zone) == instant.astimezone(zone).date()


@settings(deadline=None)
@given(DAYS, TIMES, ZONES)
def test_no_day_begins_nearer_than_the_nearest(day: date, at: time, zone: ZoneInfo) -> None:
    instant = datetime.combine(day, at, UTC)
    nearest = nearest_day(instant, zone)
    others = [nearest + timedelta(days=beside) for beside in (-1, 1)]
    distance = abs(midnight(nearest, zone) - instant)
    assert all(distance <= abs(midnight(other, zone) - instant) for other in others if exists(other, zone))


@given(DAYS, TIMES, ZONES, st.sampled_from([DATE_ONLY, INDEPENDENT]))
def test_a_day_that_no_zone_moves_stands_as_it_is(day: date, at: time, zone: ZoneInfo, behavior: Behavior) -> None:
    assert day_of(f"{day}T{at.isoformat()}Z", behavior, zone) == day


@given(DAYS, ZONES, st.sampled_from(Behavior))
def test_a_plain_day_stands_as_it_is_however_its_column_behaves(day: date, zone: ZoneInfo, behavior: Behavior) -> None:
    assert day_of(day.isoformat(), behavior, zone) == day


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "2026-02-30T00:00:00Z", "2026-07-14T10:00:00"])
def test_what_is_neither_a_day_nor_an_instant_is_refused(text: str) -> None:
    for behavior in Behavior:
        with pytest.raises(ValueError, match=r".+"):
            day_of(text, behavior, ZoneInfo("Europe/Zurich"))


@pytest.mark.parametrize("computer", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kolkata"])
def test_the_zone_of_the_computer_moves_no_day(monkeypatch: pytest.MonkeyPatch, computer: str) -> None:
    zone = ZoneInfo("Europe/Zurich")
    with monkeypatch.context() as there:
        there.setenv("TZ", computer)
        system_time.tzset()
        days = [day_of(text, LOCAL, zone) for text in ("2026-07-13T22:00:00Z", "2026-07-14T20:11:12Z", "2026-07-14")]
        days += [day_of("2026-07-14T23:30:00Z", INDEPENDENT, zone), local_day("2026-07-14T20:00:00Z", zone)]
        days.append(today(datetime(2026, 7, 13, 22, 30, tzinfo=UTC), zone))
    system_time.tzset()
    assert set(days) == {date(2026, 7, 14)}


def test_no_code_asks_for_the_zone_of_the_computer() -> None:
    """The linter sees the constructors that do (DTZ); this sees the rest."""
    files = [path for part in ("shared", "p2c") for path in (ROOT / part).rglob("*.py")]
    assert len(files) > 100
    assert [f"{path}:{line}" for path in files for line in _local_times(path)] == []


_LOCAL = ("localtime", "mktime", "tzlocal", "tzname")


def _local_times(path: Path) -> Iterator[int]:
    text = path.read_text(encoding="utf-8")
    # To parse every module takes a second.
    for node in ast.walk(ast.parse(text)) if any(name in text for name in (*_LOCAL, "astimezone")) else ():
        if isinstance(node, ast.Attribute) and node.attr in _LOCAL:
            yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "astimezone":
            yield from () if node.args else (node.lineno,)


def test_finops_gets_noon_utc_of_the_day() -> None:
    assert noon_utc(date(2026, 7, 14)) == "2026-07-14T12:00:00Z"


@settings(deadline=None)
@given(st.dates(date(1753, 1, 1)), st.integers(-11, 11))
def test_no_zone_within_eleven_hours_moves_noon_to_another_day(day: date, hours: int) -> None:
    if day in (date.min, date.max):
        return
    assert (datetime.fromisoformat(noon_utc(day)) + timedelta(hours=hours)).date() == day
