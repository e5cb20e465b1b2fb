"""Which records belong to the first run (rules.md, First start)."""

from dataclasses import dataclass
from datetime import date

from shared.records import SourceRow


@dataclass(frozen=True, slots=True)
class Scope:
    """Which records of Sales without a link belong to the first run: all, those changed since a day, or none."""

    linked_only: bool = False
    since: date | None = None

    def holds(self, row: SourceRow) -> bool:
        """Whether a record that has no link yet is in scope."""
        if self.linked_only:
            return False
        changed = str(row.values.get("modifiedon") or row.values.get("createdon") or "")[:10]
        return self.since is None or changed >= self.since.isoformat()
