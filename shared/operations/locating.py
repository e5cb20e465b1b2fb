"""Records found by what an operator has at hand: an id, or a number."""

from shared.clients.quoting import is_guid
from shared.state.failures import failure_key
from shared.state.history import Histories
from shared.state.links import link_key
from shared.state.rows import escape
from shared.sync.flow import Flow
from shared.sync.parts import Parts


class NotFound(Exception):
    """No record, or more than one, has what was given; the message says so."""


def locate(parts: Parts, flow: Flow, text: str) -> str:
    """The id of the record with an id or a number, as the sync writes it. A record that is gone in its source is found
    by its id only. Raises NotFound, and SystemTrouble."""
    given = text.strip().strip("{}")
    id = given.lower() if is_guid(given) else given
    if _is_remembered(parts, flow, id):
        return id
    ids = list(flow.numbered([given]).get(given, ())) or list(flow.source.existing([id]))
    if not ids:
        raise NotFound(
            f"no record of {flow.name} has the number or id {given!r}; give it as {flow.source_system.label} has it"
        )
    if len(ids) > 1:
        raise NotFound(f"{len(ids)} records of {flow.name} have the number {given!r}: {', '.join(ids)}; give an id")
    return ids[0]


def _is_remembered(parts: Parts, flow: Flow, id: str) -> bool:
    """Whether there is anything of it. A history may be left of a record that is forgotten otherwise."""
    table, partition = parts.state.links.table, escape(flow.name)
    if table.read(partition, [link_key(id), failure_key(id)]):
        return True
    return bool(Histories(table).latest(flow.name, id, 1))
