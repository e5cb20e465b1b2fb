"""History: what was done with a record, when and by which run. Row `H|id|inverted time|claim`: the newest first."""

from datetime import datetime

from shared.state.rows import Cell, Row, escape

_END_OF_TIME_MS = 253_402_300_799_999


def inverted(time: datetime) -> str:
    """A text that sorts later times first."""
    return f"{_END_OF_TIME_MS - int(time.timestamp() * 1000):015d}"


def history_row(flow: str, id: str, *, time: datetime, claim: str, run: str, outcome: str, fields: str) -> Row:
    """One entry: field names only, never values."""
    cells: dict[str, Cell] = {"record_id": id, "time": time, "run": run, "outcome": outcome, "fields": fields[:16000]}
    return Row(escape(flow), escape(f"H|{id}|{inverted(time)}|{claim}"), cells)
