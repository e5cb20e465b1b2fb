"""How many requests to tables the app makes, as the storage emulator logs them."""

import re

# The measurement itself reads the runs and the control rows.
_COUNTED = re.compile(
    r"""
    "GET\ /\w+/(?:links|keys|checkpoints)\(
    | "(?:POST|PUT|MERGE|PATCH|DELETE)\ /\w+/(?:links|keys|checkpoints|control|runs|\$batch)\b
    """,
    re.VERBOSE,
)


class StorageRequests:
    """Counts lines of the log. One thread writes, others read."""

    def __init__(self) -> None:
        self.total = 0

    def note(self, line: str) -> None:
        """One request."""
        if _COUNTED.search(line):
            self.total += 1
