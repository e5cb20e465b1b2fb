"""Values that the sync has written, put back."""

from collections.abc import Sequence
from typing import Annotated

import typer

from p2c.app import Flow, Ids, Yes, app, confirm, connected, located
from p2c.helping import for_example
from p2c.mistakes import Mistake
from p2c.output import say, table, tell, words
from p2c.texts import short
from p2c.troubles import MISTAKE
from shared.counting import counted
from shared.operations.audit_log import AuditLog, Refused
from shared.operations.undo import Undoing, UndoPlan

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
        if not _put_back(undoing, [plan for plan in plans if plan.undone], to.audit_log):
            raise typer.Exit(MISTAKE)


def _put_back(undoing: Undoing, plans: Sequence[UndoPlan], audit_log: AuditLog) -> bool:
    """Put the values of several records back, and tell how many, whatever ends it; False if the target refuses those of
    a record, which is told. Raises SystemTrouble and StorageTrouble."""
    done, refused, left = 0, False, len(plans)
    try:
        for plan in plans:
            try:
                done += undoing.undo(plan, audit_log)
            except Refused as reason:
                refused = True
                tell(f"{plan.key} ({plan.id}): {reason}")
            left -= 1
    finally:
        # How it went with the record at which something else ends it is said by that.
        if done or not left:
            rest = f" Repeat the command for the other {counted(left, 'record')}." if left else ""
            say(
                f"{undoing.flow.name}: put back: {done}.{rest} The sync writes a field again when it changes in the "
                "source, unless a policy keeps what others have changed."
            )
    return not refused


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
