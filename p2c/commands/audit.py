"""What operators have done."""

from collections.abc import Mapping

from p2c.app import Json, Limit, app, connected
from p2c.named import NAMED, keys_of_audit
from p2c.output import as_json, table
from p2c.texts import short
from shared.state.audit import AuditEntry


@app.command(rich_help_panel="Inspect")
def audit(limit: Limit = 100, json: Json = False) -> None:
    """Show what operators have done."""
    with connected() as to:
        entries = to.service.state.audit.latest(limit or 100)
        if json:
            as_json(entries)
            return
        keys = keys_of_audit(to.service, entries)
        rows = (
            (entry.time, entry.who, entry.what, entry.flow, short(_on(entry, keys)), entry.reason) for entry in entries
        )
        table(["when (UTC)", "who", "what", "flow", "on", "why"], rows)


def _on(entry: AuditEntry, keys: Mapping[tuple[str, str], str]) -> str:
    """The records of an entry, each with its key where it has another one than its id."""
    first, rest = entry.subject.split(" ")[:NAMED], entry.subject.split(" ")[NAMED:]
    named = [f"{key} ({id})" if (key := keys.get((entry.flow, id), "")) not in ("", id) else id for id in first]
    return " ".join([*named, *rest])
