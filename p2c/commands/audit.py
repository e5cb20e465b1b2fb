"""What operators have done."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from p2c.app import Json, Limit, app, connected
from p2c.connection import Connection
from p2c.output import as_json, table
from p2c.texts import short
from shared.state.audit import AuditEntry

# Of an entry about many records only the first are shown.
_NAMED = 3


@app.command(rich_help_panel="Inspect")
def audit(limit: Limit = 100, json: Json = False) -> None:
    """Show what operators have done."""
    with connected() as to:
        entries = to.service.state.audit.latest(limit or 100)
        if json:
            as_json(entries)
            return
        keys = _keys(to, entries)
        rows = (
            (entry.time, entry.who, entry.what, entry.flow, short(_on(entry, keys)), entry.reason) for entry in entries
        )
        table(["when (UTC)", "who", "what", "flow", "on", "why"], rows)


def _keys(to: Connection, entries: Sequence[AuditEntry]) -> Mapping[tuple[str, str], str]:
    """The keys in the target of the records that are shown, by flow and id: one read for each flow."""
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.flow in to.service.flows:
            ids[entry.flow].update(entry.subject.split(" ")[:_NAMED])
    found = {flow: to.service.state.links.load(flow, sorted(of_flow - {""})) for flow, of_flow in ids.items()}
    return {
        (flow, id): link.target_key or link.held_key or ""
        for flow, links in found.items()
        for id, link in links.items()
    }


def _on(entry: AuditEntry, keys: Mapping[tuple[str, str], str]) -> str:
    """The records of an entry, each with its key where it has another one than its id."""
    first, rest = entry.subject.split(" ")[:_NAMED], entry.subject.split(" ")[_NAMED:]
    named = [f"{key} ({id})" if (key := keys.get((entry.flow, id), "")) not in ("", id) else id for id in first]
    return " ".join([*named, *rest])
