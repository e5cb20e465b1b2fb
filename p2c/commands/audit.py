"""What operators have done."""

from p2c.app import Json, Limit, app, connected
from p2c.output import as_json, table
from p2c.texts import short


@app.command(rich_help_panel="Inspect")
def audit(limit: Limit = 100, json: Json = False) -> None:
    """Show what operators have done."""
    with connected() as to:
        deeds = to.parts.state.audit.latest(limit or 100)
        if json:
            as_json(deeds)
        else:
            rows = ((deed.time, deed.who, deed.what, deed.flow, short(deed.subject), deed.reason) for deed in deeds)
            table(["when (UTC)", "who", "what", "flow", "on", "why"], rows)
