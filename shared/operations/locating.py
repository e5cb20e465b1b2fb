"""Records found by what an operator has at hand: an id, or a number."""

from shared.clients.quoting import is_guid
from shared.sync.flow import Flow


class NotFound(Exception):
    """No record, or more than one, has what was given; the message says so."""


def locate(flow: Flow, text: str) -> str:
    """The id of the record with an id or a number. A record that is gone is found by its id only. Raises NotFound, and
    SystemTrouble."""
    given = text.strip()
    if flow.numbered is None:
        return given
    if is_guid(given):
        return given.lower()
    ids = flow.numbered([given]).get(given, ())
    if not ids:
        raise NotFound(f"no record of {flow.name} has the number {given!r}; give another number, or the id")
    if len(ids) > 1:
        raise NotFound(f"{len(ids)} records of {flow.name} have the number {given!r}: {', '.join(ids)}; give an id")
    return ids[0]
