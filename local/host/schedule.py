"""NCRONTAB schedules in UTC, as the timer trigger reads them."""

import re
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from local.host.documents import HIDDEN
from local.host.errors import SettingsInvalid

# cronsim knows more than NCRONTAB: last days, nearest weekdays, nth weekdays, 7 for Sunday.
BEYOND_NCRONTAB = re.compile(r"#|\bL|L\b|\d+W", re.IGNORECASE)
SUNDAY_AS_SEVEN = re.compile(r"(?<!/)\b7\b")


class Schedule:
    """One NCRONTAB expression: six fields from seconds to weekday, or five with the seconds left out."""

    def __init__(self, expression: str, *, where: str = "schedule") -> None:
        self.expression = expression.strip()
        self._where = where
        fields = self.expression.split()
        if BEYOND_NCRONTAB.search(self.expression) or (len(fields) == 6 and SUNDAY_AS_SEVEN.search(fields[5])):
            raise SettingsInvalid(f"{where} is {HIDDEN}: L, W, # and weekday 7 are not part of NCRONTAB")
        if not _is_readable(self.expression):
            remedy = "write {second} {minute} {hour} {day} {month} {weekday}"
            raise SettingsInvalid(f"{where} is {HIDDEN} and no NCRONTAB expression: {remedy}")

    def after(self, moment: datetime) -> datetime:
        """Return the first occurrence later than `moment` (UTC)."""
        occurrences = CronSim(self.expression, moment)
        # Unlike cron, NCRONTAB wants day of month and weekday to match both.
        occurrences.day_and = True
        try:
            return next(occurrences)
        except StopIteration:
            raise SettingsInvalid(f"{self._where} is {HIDDEN} and never occurs: correct it") from None

    def is_shorter_than_a_minute(self, moment: datetime) -> bool:
        """True if two of the next occurrences are less than a minute apart."""
        for _ in range(10):
            following = self.after(moment := self.after(moment))
            if following - moment < timedelta(minutes=1):
                return True
        return False


def _is_readable(expression: str) -> bool:
    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True
