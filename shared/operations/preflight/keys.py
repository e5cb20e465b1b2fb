"""Preflight's check of the alternate keys by which the map document sets lookups (dataverse-web-api, section 5.4)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.environment import API, DataverseSystem
from shared.flows.checks import SALES, Check, CheckResult, part
from shared.flows.spec import Deployment
from shared.operations.live_types import LiveTypes

_REMEDY = (
    "add a key on this column to the table in Power Apps and wait until it is active, or name the column of another "
    "key in the map document"
)


def key_checks(dataverse: DataverseSystem, deployment: Deployment, types: LiveTypes) -> Iterator[Check]:
    """Whether each table has an active key of just that column; nothing if no lookup is set by key."""
    flows: dict[tuple[str, str], set[str]] = defaultdict(set)
    for flow in deployment.flows:
        for table in flow.tables(deployment) if flow.required_columns(deployment).sales else ():
            for reference in table.references.values():
                flows[reference.entity_set, reference.key].add(flow.name)
    if flows:
        yield from part(SALES, "alternate keys (Keys)", partial(_checks, dataverse, flows, types))


def _checks(dataverse: DataverseSystem, flows: Mapping[tuple[str, str], set[str]], types: LiveTypes) -> Iterator[Check]:
    tables = types.tables()
    for (entity_set, column), names in flows.items():
        what = f"{entity_set} has an active key of {column}"
        status = _status(dataverse, tables[entity_set], column) if entity_set in tables else "there is no such table"
        if status == "Active":
            yield Check(SALES, what, CheckResult.WELL, flows=tuple(sorted(names)))
        else:
            found = status and f"it is {status}" if entity_set in tables else status
            yield Check(SALES, what, CheckResult.WRONG, found or "it has none", _REMEDY, tuple(sorted(names)))


def _status(dataverse: DataverseSystem, table: str, column: str) -> str:
    """The state of the index of a key; empty without such a key."""
    query = quoting.query({"$select": "KeyAttributes,EntityKeyIndexStatus"})
    place = f"EntityDefinitions(LogicalName={quoting.literal(table)})/Keys"
    rows = dataverse.rows("Keys", dataverse.channel.origin.url(f"{API}/{place}?{query}"))
    return next((str(row.get("EntityKeyIndexStatus")) for row in rows if row.get("KeyAttributes") == [column]), "")
