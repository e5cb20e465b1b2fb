"""When a timer last ran and when it is due: how the host finds out that it missed a firing."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from local.host.schedule import Schedule


@dataclass(frozen=True)
class TimerStatus:
    """`last` is None for a timer that never ran; all times are UTC."""

    last: datetime | None
    next: datetime
    updated: datetime


class TimerStatusStore(Protocol):
    """Keeps one timer's status. Both methods raise `StorageUnavailable` when storage does not answer."""

    def load(self) -> TimerStatus | None:
        """Return the stored status; None if there is none."""

    def save(self, status: TimerStatus) -> None:
        """Store the status."""


def expected_status(stored: TimerStatus | None, schedule: Schedule, now: datetime) -> TimerStatus:
    """Return the status at start: a changed schedule is never past due because of the former one."""
    if stored is None:
        return TimerStatus(None, schedule.after(now), now)
    basis = stored.last or stored.updated
    due = schedule.after(basis)
    if due == stored.next:
        return stored
    return TimerStatus(None, due if due >= now else schedule.after(now), now)


def status_after_run(ran_at: datetime, schedule: Schedule) -> TimerStatus:
    """Return the status to store after a run that began at `ran_at`."""
    return TimerStatus(ran_at, schedule.after(ran_at), ran_at)


def status_as_dict(status: TimerStatus) -> dict[str, str]:
    """Return the status under the names that functions see."""
    last = status.last.isoformat() if status.last else "0001-01-01T00:00:00"
    return {"Last": last, "Next": status.next.isoformat(), "LastUpdated": status.updated.isoformat()}


def status_as_json(status: TimerStatus) -> bytes:
    """Return the blob's content."""
    return json.dumps(status_as_dict(status)).encode()


def parse_status(content: bytes) -> TimerStatus | None:
    """Read a status blob; None if it cannot be read, as if the timer never ran."""
    try:
        document = json.loads(content)
        last, following, updated = (_moment(document[name]) for name in ("Last", "Next", "LastUpdated"))
    except (ValueError, KeyError, TypeError):
        return None
    return None if following is None else TimerStatus(last, following, updated or following)


def _moment(text: str) -> datetime | None:
    # .NET writes the first moment of its calendar for "never".
    moment = datetime.fromisoformat(text)
    return None if moment.year == 1 else moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
