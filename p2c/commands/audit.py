"""What operators have done."""

from p2c.app import Json, Limit, app, connected
from p2c.output import as_json, table
from p2c.texts import short


@app.command(rich_help_panel="Inspect")
def audit(limit: Limit = 100, json: Json = False) -> None:
    """Show what operators have done."""
    with connected() as to:
        entries = to.service.state.audit.latest(limit or 100)
        if json:
            as_json(entries)
        else:
            rows = (
                (entry.time, entry.who, entry.what, entry.flow, short(entry.subject), entry.reason) for entry in entries
            )
            table(["when (UTC)", "who", "what", "flow", "on", "why"], rows)
