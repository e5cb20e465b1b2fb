"""The personal data of one record, taken out of our own storage. Both systems keep what they have."""

from shared.operations.deeds import Deeds, Refused
from shared.state.keys import Owner
from shared.state.rows import Delete, Row, escape, split_into_transactions
from shared.sync.claiming import claim_ends_in
from shared.sync.flow import Flow
from shared.sync.parts import Parts

_PAGE = 1000
_KINDS = ("L", "F", "H")


def forget(parts: Parts, flow: Flow, id: str, deeds: Deeds) -> int:
    """Remove link, failure, history and owned key of a record that is gone in its source; how many rows. Raises Refused
    for one that is still there, which the sync would write anew, and SystemTrouble."""
    if flow.source.existing([id]):
        raise Refused(f"{id} is still in {flow.source_system}: delete or anonymise it there first")
    link = parts.state.links.load(flow.name, [id])[id]
    held = claim_ends_in(link, parts.limits)
    if held > 0:
        raise Refused(f"a worker has {id} in its hands; try again in {held:.0f} s")
    rows = [*_rows(parts, flow, id), *(Row(escape(flow.name), key, {}) for key in link.waits)]
    if not rows:
        raise Refused(f"nothing is remembered of {id} of {flow.name}")
    deeds.note("forget", flow.name, id)
    if link.held_key is not None and link.route is not None:
        keys = parts.state.keys_of(flow, flow.route(link.route))
        owned = keys.owners([link.held_key]).get(link.held_key)
        if owned is not None and owned.owner == Owner(flow.name, link.route, id):
            keys.release(owned)
    for transaction in split_into_transactions([[Delete(row)] for row in rows]):
        parts.state.links.table.transact([delete for group in transaction for delete in group])
    return len(rows)


def _rows(parts: Parts, flow: Flow, id: str) -> list[Row]:
    table, found = parts.state.links.table, list[Row]()
    for kind in _KINDS:
        prefix = escape(f"{kind}|{id}")
        single = table.read(escape(flow.name), [prefix])
        found += [stored.row for stored in single.values()]
        start = f"{prefix}|"
        while page := table.scan(escape(flow.name), start=start, end=f"{prefix}}}", limit=_PAGE):
            found += [stored.row for stored in page]
            start = page[-1].row.key + " "
    return found
