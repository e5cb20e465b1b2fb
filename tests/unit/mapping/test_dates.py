"""rules.md, Dates: the calendar day of the nearest local midnight, sent as noon UTC."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.mapping.dates import business_day, noon_utc

# With and without daylight saving, half and quarter hours, both ends of the day, midnights that daylight saving skips.
ZONES = [
    "UTC",
    "Europe/Zurich",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
]
DAYS = st.dates(date(1970, 1, 2), date(2060, 12, 31))


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2026-07-13T22:00:00+00:00", "Europe/Zurich", "2026-07-14"),
        ("2026-01-13T23:00:00+00:00", "Europe/Zurich", "2026-01-14"),
        ("2026-07-13T22:00:00+00:00", "UTC", "2026-07-14"),
        ("2026-07-14T00:00:00+00:00", "UTC", "2026-07-14"),
        ("2026-07-14T11:59:59+00:00", "UTC", "2026-07-14"),
        ("2026-07-14T12:00:00+00:00", "UTC", "2026-07-15"),
        ("2026-07-14T04:00:00+00:00", "America/New_York", "2026-07-14"),
        ("2026-07-13T10:00:00+00:00", "Pacific/Kiritimati", "2026-07-14"),
    ],
)
def test_the_day_is_that_of_the_nearest_local_midnight(instant: str, zone: str, day: str) -> None:
    assert business_day(datetime.fromisoformat(instant), ZoneInfo(zone)) == date.fromisoformat(day)


@settings(deadline=None)
@given(DAYS, st.sampled_from(ZONES))
@example(date(2018, 11, 4), "America/Sao_Paulo")
@example(date(2026, 3, 29), "Europe/Zurich")
@example(date(2026, 10, 25), "Europe/Zurich")
@example(date(2026, 3, 29), "Asia/Beirut")
def test_midnight_of_a_zone_is_its_own_day(day: date, zone: str) -> None:
    if (zone, day) == ("Pacific/Kiritimati", date(1994, 12, 31)) or (zone, day) == (
        "Pacific/Kiritimati",
        date(1995, 1, 1),
    ):
        return  # the islands changed sides of the date line: that day never was
    midnight = datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC)
    assert business_day(midnight, ZoneInfo(zone)) == day


@settings(deadline=None)
@given(DAYS, st.sampled_from(ZONES), st.integers(-6 * 3600, 6 * 3600))
def test_a_user_some_hours_away_from_the_zone_means_the_same_day(day: date, zone: str, seconds: int) -> None:
    if zone == "Pacific/Kiritimati" and day.year in (1994, 1995):
        return
    midnight = datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC)
    assert business_day(midnight + timedelta(seconds=seconds), ZoneInfo(zone)) == day


def test_finops_gets_noon_utc_of_the_day() -> None:
    assert noon_utc(date(2026, 7, 14)) == "2026-07-14T12:00:00Z"


@settings(deadline=None)
@given(st.dates(date(1753, 1, 1)), st.integers(-11, 11))
def test_no_zone_within_eleven_hours_moves_noon_to_another_day(day: date, hours: int) -> None:
    if day in (date.min, date.max):
        return
    assert (datetime.fromisoformat(noon_utc(day)) + timedelta(hours=hours)).date() == day
