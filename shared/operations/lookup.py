"""Records found by what an operator has: an id, a number, a key in the target, an address."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from shared.clients.http.origin import Origin, is_at
from shared.clients.quoting import is_guid
from shared.records import KEY_SEPARATOR
from shared.state.failures import failure_key
from shared.state.history import Histories
from shared.state.links import link_key
from shared.state.storage.tables import escape
from shared.sync.flow import Flow
from shared.sync.state import State

# Chats and documents add these to copied text; no id and no number contains them.
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
_AROUND = "{}()[]\"'`<>"


class NotFound(Exception):
    """No record, or more than one, matches what was given; the message says so."""


def locate(state: State, flow: Flow, text: str) -> str:
    """The id of the record with an id or a number, as the sync writes it. A record that is gone in its source is found
    by its id only. Raises NotFound, and SystemTrouble."""
    given = meant(text)
    if not given:
        raise NotFound(f"the name of the record is blank; give the id or number of one of {flow.name}")
    if _is_remembered(state, flow, given):
        return given
    # No system is needed for a record of which only a history remains.
    ids = _of_history(state, flow, given) or _found(state, flow, given)
    if not ids:
        raise NotFound(
            f"no record of {flow.name} has the number or id {given!r}; give it as {flow.source_system.label} has it"
        )
    if len(ids) > 1:
        raise NotFound(f"{len(ids)} records of {flow.name} have the number {given!r}: {', '.join(ids)}; give an id")
    return ids[0]


def locate_everywhere(state: State, flows: Iterable[Flow], text: str) -> list[tuple[str, str]]:
    """The records of any of these flows with an id or a number, each as the name of its flow and its id. A record that
    is gone, and of which only a history remains, is found by `locate` alone. Raises SystemTrouble."""
    given, among = meant(text), list(flows)
    if not given:
        return []
    remembered = [flow.name for flow in among if _is_remembered(state, flow, given)]
    if remembered and is_guid(given):
        # No other record has it, and each flow would ask its source.
        return [(name, given) for name in remembered]
    found = ((flow.name, [given] if flow.name in remembered else _found(state, flow, given)) for flow in among)
    return [(name, id) for name, ids in found for id in ids]


def _found(state: State, flow: Flow, given: str) -> Sequence[str]:
    """The records with a number, or with an id or key that the source or the sync knows."""
    return (
        list(flow.numbered([given]).get(given, ()))
        or list(flow.source.existing([given]))
        or _of_target_key(state, flow, given)
        or _of_owned_key(state, flow, given)
    )


def meant(text: str) -> str:
    """The id or number in what a user pastes: an id in capitals, in braces, quotes or percent-encoding, or the address
    of a record in a browser or an OData client, is the id in small letters; blanks around it are ignored."""
    given = pasted(text)
    id = _id_of_address(given) or unquote(given).strip(_AROUND).strip()
    return id.lower() if is_guid(id) else given


def pasted(text: str) -> str:
    """What a user pastes without what chats and documents put around it."""
    return text.strip().strip(_INVISIBLE).strip()


def _id_of_address(text: str) -> str:
    """The id in an address such as .../main.aspx?etn=account&id=ID or .../accounts(ID); empty if it has none."""
    parts = _address(text)
    if parts is None:
        return ""
    ids = [value.strip(_AROUND) for name, value in parse_qsl(parts.query) if name.casefold() == "id"]
    ids += re.findall(r"\(([^()]*)\)", unquote(parts.path))[-1:]
    return next(filter(is_guid, ids), "")


def table_of_address(text: str, sales: Origin) -> str:
    """The table of Sales that such an address names, by its logical name or as entity set, in small letters; empty if
    it names none, or leads elsewhere than to `sales`."""
    given = pasted(text)
    return _table_in(given) if is_at(given, sales) else ""


def is_elsewhere(text: str, sales: Origin) -> bool:
    """Whether a text is the address of a row of another environment of Sales: a page, or of the Web API, with a table
    and an id. The host of the Web API may have `.api` in it, and a browser may be told http."""
    given = pasted(text)
    parts = _address(given)
    if parts is None or not re.search(r"/main\.aspx$|/api/data/", parts.path, re.IGNORECASE):
        return False
    usual = re.sub(r"^(https?://[^./]+)\.api\.", r"\1.", given, flags=re.IGNORECASE)
    ways = (given, usual, re.sub("^http:", "https:", usual, flags=re.IGNORECASE))
    return bool(_table_in(given) and _id_of_address(given)) and not any(is_at(each, sales) for each in ways)


def _table_in(given: str) -> str:
    parts = _address(given)
    if parts is None:
        return ""
    tables = [value.strip() for name, value in parse_qsl(parts.query) if name.casefold() == "etn"]
    tables += re.findall(r"/(\w+)\([^()]*\)$", unquote(parts.path))
    return next(filter(None, tables), "").casefold()


def _address(text: str) -> SplitResult | None:
    """The parts of an address, None if the text is none."""
    if not re.match(r"https?://", text, re.IGNORECASE):
        return None
    try:
        return urlsplit(text)
    except ValueError:
        return None


def _of_target_key(state: State, flow: Flow, given: str) -> Sequence[str]:
    """The records with the given key in the target, which begins with their number."""
    number, separator, _ = given.rpartition(KEY_SEPARATOR)
    if not separator:
        return ()
    links = state.links.load(flow.name, list(flow.numbered([number]).get(number, ())))
    return [id for id, link in links.items() if given in (link.target_key, link.held_key)]


def _of_owned_key(state: State, flow: Flow, given: str) -> Sequence[str]:
    """The records that own the given key: in their source the number may have blanks before it."""
    owned = [state.keys_of(flow, route).owners([given]) for route in flow.routes.values()]
    owners = (key.owner for found in owned for key in found.values())
    return list(dict.fromkeys(owner.id for owner in owners if owner.flow == flow.name))


def _is_remembered(state: State, flow: Flow, id: str) -> bool:
    """Whether there is a link or a failure of it."""
    table, partition = state.links.table, escape(flow.name)
    # Nearly every record has a link: then one row is read.
    return any(table.read(partition, [key]) for key in (link_key(id), failure_key(id)))


def _of_history(state: State, flow: Flow, id: str) -> Sequence[str]:
    """A history may remain of a record that is otherwise forgotten."""
    return [id] if Histories(state.links.table).latest(flow.name, id, 1) else []
