"""What could not be written: list it, try it again, dismiss it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.progress import Progress

from p2c.app import Flow, Ids, Json, Limit, MaybeFlow, Yes, app, confirm, connected, located, standstill
from p2c.connection import Connection
from p2c.helping import for_example
from p2c.mistakes import Mistake
from p2c.output import as_json, console, say, words
from p2c.texts import counted_values
from shared.counting import counted
from shared.operations.acts import acts_of
from shared.operations.failures import Cause, Failing
from shared.operations.results import retry_results
from shared.state.failures import Failure

_RETRY = "p2c retry accounts ACC-1001"
_DISMISS = 'p2c dismiss accounts ACC-1001 --reason "no customer"'
_ASSIGN = "p2c assign accounts ACC-1001 --to Ana"


@app.command(rich_help_panel="Inspect")
def failures(
    flow: MaybeFlow = None,
    cause: Annotated[str | None, typer.Option(help="show each record of one cause")] = None,
    dismissed: Annotated[bool, typer.Option("--dismissed", help="show the dismissed ones instead")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List what could not be written, by cause; with --cause, record by record."""
    with connected() as to:
        failing, flows = to.service.failing(), to.flows(flow)
        if cause is None:
            causes = failing.causes(flows, dismissed=dismissed)
            as_json(causes) if json else show_causes(causes)
            return
        found = [each for name in flows for each in failing.walk(name, cause=cause, dismissed=dismissed)]
        if not found:
            _require_known_cause(failing, flows, cause, dismissed=dismissed)
        records = [_failed(to, each) for each in found[:limit]]
        if json:
            as_json(records)
            return
        show_failures(records)
        if len(found) > len(records):
            say(f"{len(found) - len(records)} more; --limit N shows N.")


@app.command(rich_help_panel="Change", example=_RETRY)
def retry(  # noqa: PLR0917 - the options of a command
    flow: Flow,
    ids: Ids = None,
    cause: Annotated[str | None, typer.Option(help="all failures of one cause")] = None,
    everything: Annotated[bool, typer.Option("--all", help="every failure of the flow")] = False,
    results: Annotated[bool, typer.Option("--results", help="results that Sales has refused (`p2c results`)")] = False,
    limit: Limit = None,
) -> None:
    """Retry failed records as they are now. You can interrupt and repeat it: records that are already queued are
    skipped."""
    with connected() as to:
        (name,) = to.flows(flow)
        failing = to.service.failing()
        if sum(map(bool, (ids, cause, everything, results))) != 1:
            raise Mistake(for_example("name records, or pass --cause X, --all or --results", _RETRY))
        if results:
            again = retry_results(to.service.flows[name], to.service.state, to.audit_log)
            say(f"{name}: the next sweep writes {counted(again, 'refused result')} again.{standstill(to, name)}")
            return
        chosen = _open_failures(to, name, ids) if ids else list(failing.walk(name, cause=cause))
        if not chosen:
            _require_known_cause(failing, [name], cause)
            say(f"{name} has no open failure.")
            return
        due = sorted((each for each in chosen if not each.is_asked), key=lambda each: each.asked_at or each.first_seen)[
            :limit
        ]
        # Where nobody looks, the library would leave a blank line.
        with Progress(console=console(), transient=True, disable=not console().is_interactive) as progress:
            task = progress.add_task(name, total=len(due))
            sent = failing.retry(name, due, to.audit_log, progress=lambda count: progress.update(task, completed=count))
        on_their_way = sum(each.is_asked for each in chosen)
        left = len(chosen) - on_their_way - sent
        say(f"{name}: sent again: {sent}, already queued: {on_their_way}, left: {left}.{standstill(to, name)}")


@app.command(rich_help_panel="Change", example=_DISMISS)
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
        failing = to.service.failing()
        if bool(ids) == bool(cause):
            raise Mistake(for_example("name records, or pass --cause X", _DISMISS))
        if not reason.strip():
            raise Mistake("--reason is blank; say why, for the audit log")
        chosen = _open_failures(to, name, ids) if ids else list(failing.walk(name, cause=cause))
        if not chosen:
            _require_known_cause(failing, [name], cause)
            say(f"{name} has no open failure.")
            return
        confirm(f"Dismiss {counted(len(chosen), 'failure')} of {name}?", yes)
        dismissed = failing.dismiss(name, chosen, reason, to.audit_log)
        say(f"{name}: dismissed: {dismissed} ({reason}).")
        if dismissed < len(chosen):
            raise Mistake(
                f"not dismissed: {counted(len(chosen) - dismissed, 'failure')}, changed meanwhile, being worked on, "
                "or in a row that could not be read; the sweep checks them, so try again in a minute"
            )


@app.command(rich_help_panel="Change", example=_ASSIGN)
def assign(
    flow: Flow,
    ids: Ids = None,
    to_whom: Annotated[str, typer.Option("--to", help="who looks after them; blank: nobody")] = "",
    note: Annotated[str, typer.Option(help="what others should know; blank: nothing")] = "",
    cause: Annotated[str | None, typer.Option(help="all failures of one cause")] = None,
) -> None:
    """Say who looks after failures, and note something about them. It stays until they are resolved."""
    with connected() as to:
        (name,) = to.flows(flow)
        failing = to.service.failing()
        if bool(ids) == bool(cause):
            raise Mistake(for_example("name records, or pass --cause X", _ASSIGN))
        chosen = _open_failures(to, name, ids) if ids else list(failing.walk(name, cause=cause))
        if not chosen:
            _require_known_cause(failing, [name], cause)
        say(f"{name}: assigned: {failing.assign(name, chosen, to.audit_log, to=to_whom, note=note)}.")


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A failure with the key of its record in the target, and the addresses of both; `rival` holds the addresses of the
    record that already has this key."""

    failure: Failure
    target_key: str | None
    where: Sequence[str]
    rival: Sequence[str] = ()


def _failed(to: Connection, failure: Failure) -> FailedRecord:
    link = to.service.state.links.load(failure.flow, [failure.id])[failure.id]
    key = link.target_key or link.held_key
    where = to.addresses(failure.flow, failure.id, key)
    return FailedRecord(failure, key, where, to.addresses_of_rival(failure))


def show_causes(found: Sequence[Cause]) -> None:
    """Failures by cause."""
    if not found:
        say("No failures.")
        return
    for each in found:
        say(f"{each.count} x {each.cause} ({each.flow})", style="bold")
        say(f"  since {words(each.first_seen)}, last {words(each.last_seen)} UTC")
        if each.values:
            say(f"  {counted_values(each.values)}")
        say(f"  for example {each.example.id}: {each.example.message}")
        say(f"  what helps: {each.example.remedy}")
        for act in acts_of(each.example, whole_cause=True).words:
            say(f"    {act}")


def show_failures(found: Sequence[FailedRecord]) -> None:
    """Failures record by record."""
    if not found:
        say("No failures.")
    for each in found:
        of = each.failure
        say(f"{of.flow} {of.number} ({of.id})", style="bold")
        say(f"  {of.message}")
        tried = f"tried {counted(of.tried, 'time')} since" if of.tried else "not tried again yet"
        told = f"since {words(of.first_seen)} UTC, {tried}"
        told += f", next at {words(of.next_try)}" if of.next_try else ""
        told += f", its key in the target: {each.target_key}" if each.target_key else ""
        say(f"  {told}")
        for act in acts_of(of).words:
            say(f"    {act}")
        if of.dismissed:
            say(f"  dismissed: {of.dismissed}")
        if of.assigned or of.note:
            say(f"  assigned to: {of.assigned or 'nobody'}{f'; {of.note}' if of.note else ''}")
        for address in each.where:
            say(f"  {address}")
        for address in each.rival:
            say(f"  the other record: {address}")


def _require_known_cause(failing: Failing, flows: Sequence[str], cause: str | None, *, dismissed: bool = False) -> None:
    """Raises Mistake if failures of these flows have causes, but none of them this one."""
    known = dict.fromkeys(each.cause for each in failing.causes(flows, dismissed=dismissed))
    if cause is not None and known and cause not in known:
        state = "dismissed" if dismissed else "open"
        raise Mistake(
            f"no {state} failure of {', '.join(flows)} has the cause {cause!r}; "
            f"the {state} causes are {', '.join(known)}"
        )


def _open_failures(to: Connection, flow: str, given: list[str]) -> list[Failure]:
    """The failures of these records. Raises Mistake if one has none."""
    ids = located(to, flow, given)
    found = {each.id: each for each in to.service.failing().load(flow, ids)}
    without = [text for text, id in zip(given, ids, strict=True) if id not in found]
    if without:
        raise Mistake(f"{', '.join(without)} of {flow} has no failure; see `p2c failures {flow}`. Nothing was changed")
    return list(found.values())
