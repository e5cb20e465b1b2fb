"""Which records belong to the first run (docs/setup.md, section 8.1)."""

from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from shared.mapping.dates import local_day
from shared.records import SourceRow


@dataclass(frozen=True, slots=True)
class Scope:
    """Which records of Sales without a link belong to the first run: all, those changed since a day of the business, or
    none."""

    linked_only: bool = False
    since: date | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def holds(self, row: SourceRow) -> bool:
        """Whether a record that has no link yet is in scope."""
        if self.linked_only:
            return False
        if self.since is None:
            return True
        changed = row.values.get("modifiedon") or row.values.get("createdon")
        return changed is not None and local_day(str(changed), self.zone) >= self.since
