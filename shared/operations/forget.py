"""Deletes the personal data of one record from our own storage. Both systems keep what they have."""

from shared.operations.audit_log import AuditLog, Refused
from shared.operations.owned_keys import owned_by
from shared.state.failures import failure_key
from shared.state.history import Histories
from shared.state.keys import Keys, OwnedKey
from shared.state.links import Link, LinkState
from shared.state.relinked import relinked_key
from shared.state.results import result_key
from shared.state.storage.tables import Row, Stored, Table, escape, remove, remove_as_read
from shared.sync.apply.claim import claim_ends_in
from shared.sync.damage import damage_of
from shared.sync.flow import Flow
from shared.sync.limits import Limits
from shared.sync.state import State


def forget(flow: Flow, id: str, audit_log: AuditLog, *, state: State, limits: Limits) -> int:
    """Remove link, failure, history, waits, result and keys of a record that is gone in its source; how many rows that
    were.

    The link is removed last, so an interrupted call can be repeated. The decided content
    (shared/state/decided_contents.py) stays until the pull has read it: the same number may come back before that.

    Raises Refused for a record that is still there, or that the sync itself has not seen gone: an operator may see less
    of the source than the sync does. Raises SystemTrouble.
    """
    if flow.source.existing([id]):
        raise Refused(f"{id} is still in {flow.source_system.label}: delete or anonymise it there first")
    link = state.links.load(flow.name, [id])[id]
    if (damage := damage_of(link, flow)) is not None:
        raise Refused(f"{damage}; {damage.remedy}, let the sync see that it is gone, then forget it")
    held = claim_ends_in(link, limits)
    if held > 0:
        raise Refused(f"a worker is processing {id}; try again in {held:.0f} s")
    if link.etag is not None and link.state is not LinkState.DELETED:
        raise Refused(
            f"{id} is {link.state}: the sync has not seen yet that it is gone; run `p2c sync "
            f"{flow.name} {id}`, check with `p2c explain`, then forget it"
        )
    rows, keys = _rows(state.links.table, flow, link), owned_by(state, flow, id)
    if not rows and not keys and link.etag is None:
        raise Refused(f"nothing is stored about {id} of {flow.name}; use the id that `p2c history` accepts")
    audit_log.note("forget", flow.name, id)
    released = sum(_release(keys_of, key, id) for keys_of, key in keys)
    remove(state.links.table, rows)
    return released + len(rows) + _remove_link(state.links.table, link)


def _release(keys: Keys, owned: OwnedKey, id: str) -> int:
    """Give a key up; 0 if another record has got it meanwhile. It may be gone by our own request, whose answer got
    lost. Raises Refused if it has changed and still is this record's."""
    if keys.release(owned):
        return 1
    now = keys.owners([owned.key]).get(owned.key)
    if now is not None and (now.owner.flow, now.owner.id) == (owned.owner.flow, owned.owner.id):
        raise Refused(f"the key {owned.key} of {id} has changed meanwhile; run forget again")
    return int(now is None)


def _rows(table: Table, flow: Flow, link: Link) -> list[Row]:
    """Everything that is stored about a record besides its link."""
    partition = escape(flow.name)
    single = table.read(partition, [failure_key(link.id), relinked_key(link.id), result_key(link.id), *link.waits])
    history = Histories(table).rows(flow.name, link.id)
    return [stored.row for stored in (*single.values(), *history)]


def _remove_link(table: Table, link: Link) -> int:
    if link.etag is None:
        return 0
    if not remove_as_read(table, Stored(link.to_row(), link.etag, link.age_s)):
        raise Refused(f"{link.id} has changed meanwhile; run forget again")
    return 1
