"""Values that the sync has written, put back."""

from typing import Annotated

import typer

from p2c.app import Flow, Ids, Yes, app, confirm, connected, located
from p2c.helping import for_example
from p2c.mistakes import Mistake
from p2c.output import say, table, words
from p2c.texts import short
from shared.counting import counted
from shared.operations.audit_log import Refused
from shared.operations.undo import UndoPlan

_EXAMPLE = "p2c undo accounts ACC-1001"


@app.command(rich_help_panel="Change", example=_EXAMPLE)
def undo(
    flow: Flow,
    ids: Ids = None,
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="what this run has written, as `history` names it")
    ] = None,
    yes: Yes = False,
) -> None:
    """Write the values back that the target held before, of the last write of records or of a run, where the history
    keeps values. It shows them and asks first. What others have changed since stays."""
    with connected() as to:
        (name,) = to.flows(flow)
        if not ids and run is None:
            raise Mistake(for_example("name records, or pass --run RUN", _EXAMPLE))
        undoing = to.service.undoing(name)
        chosen = located(to, name, ids) if ids else undoing.records_of(run or "")
        if not chosen:
            raise Mistake(
                f"the history of {name} knows no run {run!r}; `p2c history {name} RECORD` and `p2c runs` name them"
            )
        plans: list[UndoPlan] = []
        for id in chosen:
            try:
                plans.append(undoing.plan(id, run))
            except Refused as refused:
                if ids:
                    raise
                say(f"left as it is: {id}: {refused}")
        for plan in plans:
            show_undo(plan)
        count = sum(len(plan.undone) for plan in plans)
        if not count:
            say(
                "No former value is known that could be put back."
                if any(plan.same for plan in plans)
                else "There is nothing to put back."
            )
            return
        target = to.service.flows[name].target_system.label
        confirm(f"Write {counted(count, 'value')} back to {target}?", yes)
        done = sum(undoing.undo(plan, to.audit_log) for plan in plans)
        say(
            f"{name}: put back: {done}. The sync writes a field again when it changes in the source, "
            "unless a policy keeps what others have changed."
        )


def show_undo(plan: UndoPlan) -> None:
    """What would be put back of a record."""
    say(f"{plan.key} ({plan.id}), written {words(plan.entry.time)} UTC by run {plan.entry.run}", style="bold")
    if plan.undone:
        table(["field", "now", "before"], ((each.field, short(each.there), short(each.before)) for each in plan.undone))
    if plan.already:
        say(f"  as before already: {', '.join(plan.already)}")
    if plan.same:
        say(f"  written the same again, so the former value is not known: {', '.join(plan.same)}")
    if plan.left:
        say(f"  changed by others since, and left: {', '.join(plan.left)}")
