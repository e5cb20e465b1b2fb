"""Conflicts decided: whose value counts, field by field."""

from typing import Annotated

import typer

from p2c.app import Flow, Yes, app, confirm, connected, located, standstill
from p2c.mistakes import Mistake
from p2c.output import say, table
from p2c.texts import short
from shared.operations.resolve import SIDES, Conflict
from shared.sync.flow import Flow as SyncedFlow
from shared.systems import System


@app.command(rich_help_panel="Change", example="p2c resolve accounts ACC-1001")
def resolve(
    flow: Flow,
    record: Annotated[str, typer.Argument(help="id or number")],
    take: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SYSTEM", help="sales or finops for all fields, or FIELD=sales or FIELD=finops; repeatable"
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="why; kept in the audit log")] = "",
    yes: Yes = False,
) -> None:
    """Decide a conflict: whether the value of Sales or that of F&O counts. Without --take it shows both."""
    with connected() as to:
        (name,) = to.flows(flow)
        (id,) = located(to, name, [record])
        resolving = to.service.resolving(name)
        conflict = resolving.look(id)
        show_conflict(conflict, to.service.flows[name])
        if not take:
            say("Decide by --take sales, --take finops, or --take FIELD=sales for single fields, with a --reason.")
            return
        takes = _takes(take, conflict)
        if not reason.strip():
            raise Mistake("--reason is blank; say why, for the audit log")
        told = ", ".join(f"{field} as {system.label} has it" for field, system in takes.items())
        confirm(f"Decide for {conflict.key}: {told}?", yes)
        resolving.resolve(conflict, takes, reason, to.audit_log)
        say(f"{name}: {conflict.key} is decided, and queued.{standstill(to, name)}")


def show_conflict(of: Conflict, flow: SyncedFlow) -> None:
    """The values of each field."""
    say(f"{of.key} ({of.id}) of {flow.name}", style="bold")
    is_from_sales = flow.source_system is System.DATAVERSE
    rows = [
        (each.field, short(each.written), *(short(value) for value in _in_order(each.ours, each.there, is_from_sales)))
        for each in of.fields
    ]
    table(["field", "last written", "Sales now", "F&O now"], rows)


def _in_order(ours: object, there: object, is_from_sales: bool) -> tuple[object, object]:
    return (ours, there) if is_from_sales else (there, ours)


def _takes(given: list[str], conflict: Conflict) -> dict[str, System]:
    """The system whose value counts, by field. Raises Mistake."""
    fields = [each.field for each in conflict.fields]
    default: System | None = None
    named: dict[str, System] = {}
    for text in given:
        field, equals, system = text.rpartition("=")
        if system not in SIDES:
            raise Mistake(f"--take {text}: write sales or finops, or FIELD=sales or FIELD=finops")
        if equals and field not in fields:
            raise Mistake(f"--take {text}: {field} is not in conflict; these are: {', '.join(fields)}")
        if equals:
            named[field] = SIDES[system]
        else:
            default = SIDES[system]
    takes = {field: whose for field in fields if (whose := named.get(field, default)) is not None}
    open_ones = [field for field in fields if field not in takes]
    if open_ones:
        raise Mistake(f"not decided: {', '.join(open_ones)}; add --take {open_ones[0]}=sales or {open_ones[0]}=finops")
    return takes
