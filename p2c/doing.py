"""The commands that change something: each is written to the audit log, and those that lose data ask first."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer
from rich.progress import Progress

from p2c import reports
from p2c.commands import All, Flow, Ids, Json, Limit, MaybeFlow, Reason, Yes, app, confirm, connected, located
from p2c.connecting import Connection
from p2c.mistakes import Mistake
from p2c.showing import as_json, console, say
from shared.counting import counted
from shared.operations.control import Steering
from shared.operations.failures import Failing
from shared.operations.forget import forget as forget_record
from shared.operations.link import Linking
from shared.operations.resync import Syncing
from shared.operations.retarget import NewTarget
from shared.state.failures import Failure


class LinkAction(StrEnum):
    """What to do with a link."""

    SHOW = "show"
    UNLINK = "unlink"
    LINK = "link"


@app.command(rich_help_panel="Change")
def retry(
    flow: Flow,
    ids: Ids = None,
    cause: Annotated[str | None, typer.Option(help="all failures of one cause")] = None,
    everything: All = False,
    limit: Limit = None,
) -> None:
    """Retry failed records as they are now. You can interrupt and repeat it: records that are already queued are
    skipped."""
    with connected() as to:
        (name,) = to.flows(flow)
        failing = Failing(to.parts)
        if sum(map(bool, (ids, cause, everything))) != 1:
            raise Mistake("name records, or pass --cause X or --all")
        chosen = _failures(to, name, ids) if ids else list(failing.walk(name, cause=cause))
        if not chosen:
            raise Mistake(f"no open failure of {name} is meant; see `p2c failures {name}`")
        due = sorted((of for of in chosen if not of.is_asked), key=lambda of: of.asked_at or of.first_seen)[:limit]
        with Progress(console=console(), transient=True) as progress:
            task = progress.add_task(name, total=len(due))
            sent = failing.retry(name, due, to.deeds, progress=lambda count: progress.update(task, completed=count))
        on_their_way = sum(of.is_asked for of in chosen)
        left = len(chosen) - on_their_way - sent
        say(f"{name}: sent again: {sent}, already queued: {on_their_way}, left: {left}.{_standstill(to, name)}")


@app.command(rich_help_panel="Change")
def dismiss(
    flow: Flow,
    reason: Annotated[str, typer.Option(help="why it needs no further try; kept in the audit log")],
    ids: Ids = None,
    cause: Annotated[str | None, typer.Option(help="all failures of one cause")] = None,
    yes: Yes = False,
) -> None:
    """Remove failures from the list of open ones. A failure whose reason changes later is open again."""
    with connected() as to:
        (name,) = to.flows(flow)
        failing = Failing(to.parts)
        if bool(ids) == bool(cause):
            raise Mistake("name records, or pass --cause X")
        if not reason.strip():
            raise Mistake("--reason is blank; say why, for the audit log")
        chosen = _failures(to, name, ids) if ids else list(failing.walk(name, cause=cause))
        if not chosen:
            raise Mistake(f"no open failure of {name} is meant; see `p2c failures {name}`")
        confirm(f"Dismiss {counted(len(chosen), 'failure')} of {name}?", yes)
        dismissed = failing.dismiss(name, chosen, reason, to.deeds)
        say(f"{name}: dismissed: {dismissed} ({reason}).")
        if dismissed < len(chosen):
            raise Mistake(
                f"not dismissed: {counted(len(chosen) - dismissed, 'failure')}, changed meanwhile, being worked on, "
                "or in a row that could not be read; the sweep checks them, so try again in a minute"
            )


@app.command(rich_help_panel="Change")
def pause(flow: MaybeFlow = None, everything: All = False, reason: Reason = "") -> None:
    """Pause flows: they read and write nothing until they are resumed."""
    _steer(flow, everything, lambda steering, name: steering.pause(name, reason), "is paused", "was paused already")


@app.command(rich_help_panel="Change")
def resume(flow: MaybeFlow = None, everything: All = False, reason: Reason = "") -> None:
    """Resume paused flows."""
    _steer(flow, everything, lambda steering, name: steering.resume(name, reason), "runs", "ran already")


@app.command(rich_help_panel="Change")
def accept(
    flow: Flow,
    target: Annotated[
        NewTarget | None,
        typer.Option(
            help="if the environment changed: the same one under another address, a copy, or one without our rows"
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Accept what has blocked a flow, and let it continue. It shows the reason and asks first."""
    _lift(flow, yes, "Is that intended?", lambda steering, name, seen: steering.accept(name, seen, target))


@app.command(rich_help_panel="Change")
def unblock(flow: Flow, yes: Yes = False) -> None:
    """Lift a block whose cause was corrected, without accepting it. The flow measures again, and may block again."""
    _lift(flow, yes, "Has it been corrected?", Steering.unblock)


def _lift(flow: str, yes: bool, question: str, lift: Callable[[Steering, str, str], bool]) -> None:
    with connected() as to:
        (name,) = to.flows(flow)
        blocked = to.parts.state.control.flow(name).blocked
        if not blocked:
            raise Mistake(_not_blocked(name, paused=to.parts.state.control.flow(name).paused))
        say(f"{name} is blocked: {blocked}")
        confirm(question, yes)
        if not lift(Steering(to.parts, to.deeds), name, blocked):
            raise Mistake(f"what blocks {name} has changed meanwhile; try again")
        say(f"{name} continues.")


def _not_blocked(flow: str, *, paused: bool) -> str:
    """What there is to do instead of lifting a block that is not there."""
    if paused:
        return f"{flow} is not blocked but paused, so there is nothing to lift: call `p2c resume {flow}` to let it run"
    return f"{flow} is not blocked and runs, so there is nothing to lift: `p2c status {flow}` tells how it stands"


@app.command(rich_help_panel="Change")
def sync(
    flow: Flow,
    ids: Ids = None,
    full: Annotated[
        bool, typer.Option("--full", help="read everything again; unchanged records cost no write")
    ] = False,
) -> None:
    """Queue records to be synced now; with --full, have everything read again."""
    with connected() as to:
        (name,) = to.flows(flow)
        if bool(ids) == full:
            raise Mistake("name records, or pass --full")
        syncing = Syncing(to.parts, to.deeds)
        if ids:
            say(f"{name}: queued: {syncing.some(name, located(to, name, ids))}.{_standstill(to, name)}")
        elif syncing.everything(name):
            say(f"The next pull of {name} reads everything.")
        else:
            raise Mistake(f"{name} is being read at the moment; try again when that is finished")


@app.command(rich_help_panel="Change")
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
        linking = Linking(to.parts, to.parts.flows[name], to.deeds)
        link = linking.show(id)
        if action is LinkAction.SHOW:
            as_json(link) if json else reports.link(link, linking.cells(id))
            return
        if action is LinkAction.UNLINK:
            linking.require_linked(link)
            confirm(f"Unlink {id} from {link.target_key}? The sync will then treat it as a new record.", yes)
            say(f"{name}: {id} is unlinked from {linking.unlink(id).target_key}.")
            return
        confirm(f"Link {id} to the row with its number, and write its fields there?", yes)
        say(f"{name}: {id} is linked to {linking.link(id).target_key}, and queued.")


@app.command(rich_help_panel="Change")
def forget(
    flow: Flow, id: Annotated[str, typer.Argument(help="id of a record that is gone in its source")], yes: Yes = False
) -> None:
    """Delete the personal data of a record that is gone in its source from the sync's own storage."""
    with connected() as to:
        (name,) = to.flows(flow)
        (found,) = located(to, name, [id])
        confirm(f"Delete everything that the sync stores about {found}?", yes)
        removed = forget_record(to.parts, to.parts.flows[name], found, to.deeds)
        say(f"{name}: removed: {counted(removed, 'row')}.")


def _steer(flow: str | None, everything: bool, steer: Callable[[Steering, str], bool], done: str, idle: str) -> None:
    with connected() as to:
        if (flow is None) != everything:
            raise Mistake("name a flow, or pass --all")
        steering = Steering(to.parts, to.deeds)
        for name in to.flows(flow):
            say(f"{name} {done if steer(steering, name) else idle}.")


def _standstill(to: Connection, flow: str) -> str:
    """When that will happen, if the flow does not run now."""
    control = to.parts.state.control.flow(flow)
    why = "paused" if control.paused else "blocked" if control.blocked else ""
    return f" {flow} is {why}: they are synced when it runs again." if why else ""


def _failures(to: Connection, flow: str, given: list[str]) -> list[Failure]:
    """The failures of these records. Raises Mistake if one has none."""
    ids = located(to, flow, given)
    found = {of.id: of for of in Failing(to.parts).load(flow, ids)}
    without = [text for text, id in zip(given, ids, strict=True) if id not in found]
    if without:
        raise Mistake(f"{', '.join(without)} of {flow} has no failure; see `p2c failures {flow}`. Nothing was changed")
    return list(found.values())
