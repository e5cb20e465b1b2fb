"""The log of the local functions host, and what of it Application Insights would hold."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_LINE = re.compile(
    r"(?P<moment>\d{4}-\d\d-\d\dT\S+) (?P<level>[A-Z]{3}) (?P<category>\S+?)(?: (?P<id>\S+))?: (?P<message>.*)"
)
_EXECUTED = re.compile(r"Executed 'Functions\.(\w+)' \((Succeeded|Failed), Id=(\S+), Duration=(\d+)ms\)")
_SEVERITY = {"DBG": 0, "INF": 1, "WRN": 2, "ERR": 3, "CRT": 4}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One log record; `more` is the traceback below it."""

    moment: datetime
    level: str
    category: str
    message: str
    more: str = ""

    @property
    def event(self) -> dict[str, Any]:
        """The event that the app has logged; empty for any other line."""
        content = json.loads(self.message) if self.message.startswith('{"event":') else {}
        return dict(content)


def read_lines(text: str) -> list[Line]:
    """The records of a log."""
    lines: list[Line] = []
    for raw in text.splitlines():
        found = _LINE.fullmatch(raw)
        if found is not None:
            moment = datetime.fromisoformat(found["moment"])
            lines.append(Line(moment, found["level"], found["category"], found["message"]))
        elif lines:
            last = lines.pop()
            lines.append(Line(last.moment, last.level, last.category, last.message, f"{last.more}{raw}\n"))
    return lines


def telemetry(lines: Sequence[Line]) -> dict[str, list[Row]]:
    """The rows of the Log Analytics tables that the host's log becomes, by table."""
    return {"AppTraces": list(_traces(lines)), "AppRequests": list(_requests(lines))}


def _traces(lines: Sequence[Line]) -> Iterator[Row]:
    for line in lines:
        yield {
            "TimeGenerated": line.moment,
            "Message": line.message,
            "SeverityLevel": _SEVERITY[line.level],
            "Properties": {"Category": line.category},
            "ItemCount": 1,
        }


def _requests(lines: Sequence[Line]) -> Iterator[Row]:
    for line in lines:
        found = _EXECUTED.match(line.message)
        if found is not None:
            yield {
                "TimeGenerated": line.moment,
                "Name": found[1],
                "OperationName": found[1],
                "Success": found[2] == "Succeeded",
                "OperationId": found[3],
                "DurationMs": float(found[4]),
                "ItemCount": 1,
            }
