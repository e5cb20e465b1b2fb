"""How often the functions host has started its worker anew: it says so in its ready file."""

import json
from pathlib import Path


class Restarts:
    """Those of one host, from its start on."""

    def __init__(self, ready: Path) -> None:
        self._ready = ready
        self._told = 0

    def news(self) -> str:
        """Why the worker was started anew since the last look; empty when it was not."""
        written = json.loads(self._ready.read_text(encoding="utf-8"))
        if written["restarts"] <= self._told:
            return ""
        self._told = int(written["restarts"])
        return str(written["restart_reason"])
