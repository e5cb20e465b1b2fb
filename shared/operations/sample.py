"""A sample of a user's own records, as the flows read them, for histories that play with them (docs/simulation.md)."""

from collections.abc import Iterator, Mapping
from itertools import islice

from shared.operations.dry_run import source_ids
from shared.records import Json
from shared.sync.flow import Flow

_AT_A_TIME = 100


def sample_of(flows: Mapping[str, Flow], rows: int) -> dict[str, Json]:
    """At most `rows` records of each flow, and the small tables that the mappings look up, as one JSON document:
    `{FLOW: [{"id": ..., "values": {...}}, ...], "references": {TABLE: [{...}, ...]}}`. It reads, and writes nothing.
    Raises SystemTrouble."""
    document: dict[str, Json] = {name: list(_records(flow, rows)) for name, flow in flows.items()}
    return {**document, "references": _references(flows)}


def _records(flow: Flow, rows: int) -> Iterator[Json]:
    ids = islice(source_ids(flow), rows)
    while batch := list(islice(ids, _AT_A_TIME)):
        for record in flow.source.read(batch).values():
            yield {"id": record.id, "values": dict(record.values)}


def _references(flows: Mapping[str, Flow]) -> dict[str, Json]:
    lookups = (flow.lookup for flow in flows.values() if flow.lookup is not None)
    return {
        name: [dict(row) for row in rows] for lookup in lookups for name, rows in lookup.rows(max_age_s=0.0).items()
    }
