"""Rows of the sync's own tables that cannot be read."""

from typing import Annotated

import typer

from p2c.app import ATTENTION, SUCCESS, Flow, Json, MaybeFlow, Yes, app, confirm, connected, located
from p2c.output import as_json, say, table
from shared.operations.repair import drop as drop_row
from shared.operations.repair import droppable


@app.command(rich_help_panel="Inspect")
def damaged(flow: MaybeFlow = None, json: Json = False) -> None:
    """List the rows of the sync's own tables that cannot be read, and what helps. Exit code 1 if there are any."""
    with connected() as to:
        found = list(to.service.damages().found(to.flows(flow)))
        if json:
            as_json(found)
        elif found:
            rows = (
                (each.table, each.partition, each.key, f"{each.property} {each.problem}", each.remedy) for each in found
            )
            table(["table", "partition", "key", "what is wrong", "what helps"], rows)
        else:
            say("Every row can be read.")
    raise typer.Exit(ATTENTION if found else SUCCESS)


@app.command(rich_help_panel="Change", example="p2c repair accounts ACC-1001")
def repair(flow: Flow, record: Annotated[str, typer.Argument(help="id or number")], yes: Yes = False) -> None:
    """Rebuild a record whose row cannot be read. It keeps the target row that it owns."""
    with connected() as to:
        (name,) = to.flows(flow)
        (id,) = located(to, name, [record])
        confirm(
            f"Rebuild what is stored about {id} of {name} from its source? The target rows that it owns are kept.", yes
        )
        key = to.service.repairing(name, to.audit_log).repair(id)
        say(f"{name}: {id} is {f'at {key} in the target' if key else 'a new record'}, and queued.")


@app.command(rich_help_panel="Change", example="p2c drop checkpoints accounts pull")
def drop(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="as `p2c damaged` names it")],
    partition: Annotated[str, typer.Argument(help="as `p2c damaged` names it")],
    key: Annotated[str, typer.Argument(help="as `p2c damaged` names it")],
    yes: Yes = False,
) -> None:
    """Remove a row that cannot be read. What it held is lost."""
    with connected() as to:
        damages = to.service.damages()
        droppable(damages, name, partition, key)
        confirm(f"Remove row {key} of partition {partition} in table {name}? What it held is lost.", yes)
        damage = drop_row(damages, to.audit_log, name, partition, key)
        say(f"Removed: {damage}.")
