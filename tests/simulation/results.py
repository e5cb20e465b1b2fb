"""Judges the results that a deployment has written into the rows of its records: what people see of a record in Sales
must be what the product says of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulation.judgement import Books, Entry, Facts, Problem
from tests.simulation.settings import RESULT_COLUMNS, RESULT_FLOWS
from tests.simulation.targets import Record

_OUT_OF_SCOPE = "out_of_scope"
# As long as the column is, where the map document does not say otherwise.
_REASON_LENGTH = 500
# Listed without a look at the record: its row still shows what was decided last.
_NOT_LOOKED_AT = ("poison", "crashed", "state_unreadable")


def shown_results(facts: Facts, books: Books) -> Iterator[Problem]:
    """What the rows of accounts and contacts show otherwise than the product says it."""
    for flow in RESULT_FLOWS:
        for id, row in facts.sources[flow].items():
            entry, failure = books.entries.get((flow, id)), books.failures.get((flow, id))
            if entry is None or entry.reason == _OUT_OF_SCOPE or failure in _NOT_LOOKED_AT:
                continue
            yield from _of_record((flow, id), row.values, entry, failure)


def _of_record(record: Record, row: Mapping[str, Any], entry: Entry, failure: str | None) -> Iterator[Problem]:
    state, reason, since = (row.get(RESULT_COLUMNS[part]) for part in ("state", "reason", "since"))
    if state != entry.state:
        yield Problem("A13", record, f"its row shows {state}, and it is {entry.state}")
    match entry.state:
        case "written":
            is_right = reason is None
        case "waiting":
            is_right = str(reason).startswith("waits for a record of")
        case _:
            # A reason that quotes long texts is cut to the column.
            is_cut = len(str(reason)) == _REASON_LENGTH and str(reason).endswith("\u2026")
            is_right = is_cut or str(reason).endswith(f"({failure or entry.reason})")
    if not is_right:
        yield Problem("A13", record, f"its row shows the reason {reason}, and it is {entry.state} {entry.reason}")
    if bool(since) != bool(entry.key):
        yield Problem("A13", record, f"its row shows that it is in F&O since {since}, where it is {entry.key or None}")
