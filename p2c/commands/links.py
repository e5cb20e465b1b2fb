"""The link of a record to its target row, and what is stored about a record that is gone."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import typer

from p2c.app import Flow, Json, Yes, app, confirm, connected, located
from p2c.output import as_json, say, table
from p2c.texts import short
from shared.counting import counted
from shared.state.links import Link


class LinkAction(StrEnum):
    """What to do with a link."""

    SHOW = "show"
    UNLINK = "unlink"
    LINK = "link"


@app.command(rich_help_panel="Change", example="p2c links accounts show ACC-1001")
def links(
    flow: Flow,
    action: Annotated[LinkAction, typer.Argument(help="show, unlink or link")],
    record: Annotated[str, typer.Argument(help="id or number")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Show, remove or create the link between a record and its target row."""
    with connected() as to:
        (name,) = to.flows(flow)
        (id,) = located(to, name, [record])
        linking = to.service.linking(name, to.audit_log)
        link = linking.show(id)
        if action is LinkAction.SHOW:
            as_json(link) if json else show_link(link, linking.cells(id))
            return
        if action is LinkAction.UNLINK:
            linking.require_linked(link)
            confirm(f"Unlink {id} from {link.last_target_key}? The sync will then treat it as a new record.", yes)
            say(f"{name}: {id} is unlinked from {linking.unlink(id).last_target_key}.")
            return
        confirm(f"Link {id} to the row with its number, and write its fields there?", yes)
        say(f"{name}: {id} is linked to {linking.link(id).target_key}, and queued.")


@app.command(rich_help_panel="Change", example="p2c forget accounts ACC-1001")
def forget(
    flow: Flow, id: Annotated[str, typer.Argument(help="id of a record that is gone in its source")], yes: Yes = False
) -> None:
    """Delete the personal data of a record that is gone in its source from the sync's own storage."""
    with connected() as to:
        (name,) = to.flows(flow)
        (found,) = located(to, name, [id])
        confirm(f"Delete everything that the sync stores about {found}?", yes)
        removed = to.service.forget(name, found, to.audit_log)
        say(f"{name}: removed: {counted(removed, 'row')}.")


def show_link(of: Link, cells: Mapping[str, object] | None = None) -> None:
    """What is stored about a record's link; if its row cannot be read, the raw content of that row."""
    if of.damage is not None:
        say(f"{of.damage}", style="red")
        say(f"  what helps: {of.damage.remedy}")
        table(
            [f"the content of the row of {of.id}", "value"],
            ((name, short(cell)) for name, cell in (cells or {}).items()),
        )
        return
    rows: list[tuple[str, object]] = [
        ("state", of.state), ("rule", of.rule), ("route", of.route), ("key in the target", of.target_key),
        ("id in the target", of.target_id), ("key that it owns", of.held_key), ("dirty", of.dirty),
        ("claimed", of.claim.kind), ("waits for", ", ".join(of.waits)),
        ("has left", ", ".join(f"{left.route} {left.key}" for left in of.former)),
    ]  # fmt: skip
    key = of.target_key or of.held_key
    named = f"{key} ({of.id})" if key not in (None, of.id) else of.id
    table(["", named], [*rows, *((f"applied {name}", value) for name, value in of.content.applied.items())])
