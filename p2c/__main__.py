"""p2c: an operator sees what is not in step, why, and repairs it."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from p2c import reports
from p2c.connecting import Connection, Mistake, connect
from p2c.showing import as_json, console, say, table
from shared.errors import OperatorNeeded, StorageTrouble, SystemTrouble
from shared.operations.checks import Verdict
from shared.operations.deeds import Refused
from shared.operations.dryrun import DryRun, summary_of
from shared.operations.enforcing import Enforcing
from shared.operations.examining import Examined
from shared.operations.explaining import Explaining
from shared.operations.failing import Failing
from shared.operations.forgetting import forget as forget_record
from shared.operations.linking import Linking
from shared.operations.locating import NotFound, locate
from shared.operations.preflight import Preflight
from shared.operations.reconciling import Reconciling
from shared.operations.status import status_of
from shared.operations.steering import Steering
from shared.operations.syncing import Syncing
from shared.state.failures import Failure
from shared.state.history import Histories
from shared.telemetry import QUIET


class LinkDeed(StrEnum):
    """What is done with a link."""

    SHOW = "show"
    UNLINK = "unlink"
    LINK = "link"


WELL, ATTENTION, MISTAKE, TROUBLE = 0, 1, 2, 3

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

Flow = Annotated[str, typer.Argument(help="accounts, contacts, products or quotations")]
MaybeFlow = Annotated[str | None, typer.Argument(help="one flow; all without it")]
Ids = Annotated[list[str] | None, typer.Argument(help="ids or numbers of records")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document instead of a table")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]
All = Annotated[bool, typer.Option("--all", help="everything")]
Reason = Annotated[str, typer.Option("--reason", help="kept in the audit")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="at most so many")]

_given: dict[str, Path | None] = {"settings": None}


@app.callback()
def main(
    settings: Annotated[
        Path | None, typer.Option(help="a file in the form of local.settings.json; without it the environment")
    ] = None,
) -> None:
    """Which deployment."""
    # What goes wrong is told in a sentence of ours.
    for library in QUIET:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    _given["settings"] = settings


@app.command()
def status(
    flow: MaybeFlow = None,
    lag: Annotated[
        int | None,
        typer.Option(min=1, help="minutes that a flow may be behind; without it 15, and 60 for products"),
    ] = None,
    json: Json = False,
) -> None:
    """How every flow stands. Exit code 1 when somebody should look."""
    with _connected() as to:
        told = status_of(to.parts, to.flows(flow), lag_minutes=lag)
        as_json(told) if json else reports.status(told)
    raise typer.Exit(ATTENTION if told.needs_attention else WELL)


@app.command()
def failures(
    flow: MaybeFlow = None,
    cause: Annotated[str | None, typer.Option(help="record by record, of one cause")] = None,
    dismissed: Annotated[bool, typer.Option(help="those that were dismissed")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """What cannot be written, by cause; with --cause record by record."""
    with _connected() as to:
        failing, flows = Failing(to.parts), to.flows(flow)
        if cause is None:
            causes = failing.causes(flows, dismissed=dismissed)
            as_json(causes) if json else reports.causes(causes)
            return
        found = [of for name in flows for of in failing.walk(name, cause=cause, dismissed=dismissed)][:limit]
        records = [_failed(to, of) for of in found]
        as_json(records) if json else reports.failures(records)


@app.command()
def retry(
    flow: Flow,
    ids: Ids = None,
    cause: Annotated[str | None, typer.Option(help="all of one cause")] = None,
    everything: All = False,
    limit: Limit = None,
) -> None:
    """Try failed records again, as they are now. What is on its way already is left out, so it can be interrupted."""
    with _connected() as to:
        (name,) = to.flows(flow)
        failing = Failing(to.parts)
        if sum(map(bool, (ids, cause, everything))) != 1:
            raise Mistake("name ids, or --cause X, or --all")
        chosen = _failures(to, name, ids) if ids else list(failing.walk(name, cause=cause))
        if not chosen:
            raise Mistake(f"no open failure of {name} is meant; see `p2c failures {name}`")
        due = sorted((of for of in chosen if not of.is_asked), key=lambda of: of.asked_at or of.first_seen)[:limit]
        with Progress(console=console(), transient=True) as progress:
            task = progress.add_task(name, total=len(due))
            sent = failing.retry(name, due, to.deeds, progress=lambda count: progress.update(task, completed=count))
        on_their_way = sum(of.is_asked for of in chosen)
        left = len(chosen) - on_their_way - sent
        say(f"{name}: sent again: {sent}, on their way already: {on_their_way}, left: {left}.")


@app.command()
def dismiss(
    flow: Flow,
    reason: Annotated[str, typer.Option(help="why it need not be open; stays on record")],
    ids: Ids = None,
    cause: Annotated[str | None, typer.Option(help="all of one cause")] = None,
    yes: Yes = False,
) -> None:
    """Take failures off the list of open ones. One that says something else later is open again."""
    with _connected() as to:
        (name,) = to.flows(flow)
        failing = Failing(to.parts)
        if bool(ids) == bool(cause):
            raise Mistake("name ids, or --cause X")
        chosen = _failures(to, name, ids) if ids else list(failing.walk(name, cause=cause))
        if not chosen:
            raise Mistake(f"no open failure of {name} is meant; see `p2c failures {name}`")
        _confirm(f"Dismiss {len(chosen)} failures of {name}?", yes)
        dismissed = failing.dismiss(name, chosen, reason, to.deeds)
        say(f"{name}: dismissed: {dismissed} ({reason}).")
        if dismissed < len(chosen):
            raise Mistake(
                f"{len(chosen) - dismissed} have changed meanwhile, or are being worked on; call it once more"
            )


@app.command()
def explain(flow: Flow, record: Annotated[str, typer.Argument(help="id or number")], json: Json = False) -> None:
    """Why a record is, or is not, in step, and the one thing that helps."""
    with _connected(looks_only=True) as to:
        (name,) = to.flows(flow)
        _warn_of_other_mapping(to, name)
        (id,) = _located(to, name, [record])
        told = Explaining(to.parts, to.parts.flows[name]).explain(id)
        as_json(told) if json else reports.explanation(told, to.addresses(name, id, told.examined.key))


@app.command()
def plan(  # noqa: PLR0917 - the options of a command
    flow: Flow,
    ids: Ids = None,
    limit: Limit = None,
    markdown: Annotated[Path | None, typer.Option(help="write it to this file, for a review")] = None,
    without_state: Annotated[
        bool, typer.Option(help="as if nothing was synced yet: needs both systems and no deployment")
    ] = False,
    json: Json = False,
) -> None:
    """A dry run: what would be created, changed, taken over or rejected. It writes nothing."""
    with _connected(looks_only=True, without_state=without_state) as to:
        (name,) = to.flows(flow)
        _warn_of_other_mapping(to, name)
        if markdown is not None:
            _write(markdown, "")
        run = DryRun(to.parts, to.parts.flows[name])
        chosen: Iterator[Examined] = run.of(_located(to, name, ids)) if ids else run.of_all(limit)
        examined = list(chosen)
        summary = summary_of(examined)
        estimate = reports.estimate(to.parts.limits, summary, to.parts.state.runs.latest(name, 500))
        if markdown is not None:
            _write(markdown, reports.plan_markdown(name, summary, examined, estimate))
        if json:
            as_json({"summary": summary, "estimate": estimate, "records": examined})
        elif markdown is None:
            reports.plan(name, summary, examined, estimate)
        else:
            say(f"The plan is in {markdown}.")


@app.command()
def preflight(
    without_state: Annotated[bool, typer.Option(help="before anything is deployed: needs both systems only")] = False,
    json: Json = False,
) -> None:
    """Is everything there that the flows need? Exit code 1 when something is wrong. Flows whose columns are not as the
    mapping knows them are blocked, and released once they are well again."""
    with _connected(without_state=without_state) as to:
        checks = list(Preflight(to.parts, to.settings).checks())
        blocked: dict[str, str] = {}
        released: list[str] = []
        try:
            if not without_state:
                enforcing = Enforcing(to.parts, to.deeds)
                blocked, released = enforcing.blocked, enforcing.released
                enforcing.enforce(checks)
        finally:
            # What was found is told also where nothing may be noted.
            if json:
                as_json({"checks": checks, "blocked": list(blocked), "released": released})
            else:
                reports.checks(checks, blocked, released)
    wrong = any(check.verdict is Verdict.WRONG for check in checks)
    raise typer.Exit(ATTENTION if wrong else WELL)


@app.command()
def reconcile(
    flow: Flow,
    repair: Annotated[bool, typer.Option("--repair", help="queue just what has drifted")] = False,
    json: Json = False,
) -> None:
    """Compare both systems, whatever the sync believes: missing, extra, different. Exit code 1 for any drift."""
    with _connected(looks_only=not repair) as to:
        (name,) = to.flows(flow)
        _warn_of_other_mapping(to, name)
        reconciling = Reconciling(to.parts, to.parts.flows[name])
        tally = reports.Drift(name, keeps_all=json)
        found = tally.of(reconciling.drifted())
        queued = reconciling.repair(found, to.deeds) if repair else sum(0 for _ in found)
        if json:
            as_json({"compared": reconciling.compared, "drifted": tally.kept, "queued": queued})
        else:
            tally.show(reconciling.compared)
            if queued:
                say(f"{name}: queued: {queued}.")
    raise typer.Exit(ATTENTION if tally.count else WELL)


@app.command()
def pause(flow: MaybeFlow = None, everything: All = False, reason: Reason = "") -> None:
    """Let flows rest."""
    _steer(flow, everything, lambda steering, name: steering.pause(name, reason), "is paused", "was paused already")


@app.command()
def resume(flow: MaybeFlow = None, everything: All = False, reason: Reason = "") -> None:
    """Let flows run."""
    _steer(flow, everything, lambda steering, name: steering.resume(name, reason), "runs", "ran already")


@app.command()
def accept(flow: Flow, yes: Yes = False) -> None:
    """Accept what has blocked a flow, after it was shown."""
    _lift(flow, yes, "Is that meant?", Steering.accept)


@app.command()
def unblock(flow: Flow, yes: Yes = False) -> None:
    """Lift a block without accepting what it is about: it was corrected, and is measured anew."""
    _lift(flow, yes, "Is that corrected?", Steering.unblock)


def _lift(flow: str, yes: bool, question: str, lift: Callable[[Steering, str, str], bool]) -> None:
    with _connected() as to:
        (name,) = to.flows(flow)
        blocked = to.parts.state.control.flow(name).blocked
        if not blocked:
            raise Mistake(f"{name} is not blocked")
        say(f"{name} is blocked: {blocked}")
        _confirm(question, yes)
        if not lift(Steering(to.parts, to.deeds), name, blocked):
            raise Mistake(f"what blocks {name} has changed meanwhile; look again")
        say(f"{name} goes on.")


@app.command()
def sync(
    flow: Flow,
    ids: Ids = None,
    full: Annotated[
        bool, typer.Option("--full", help="read everything again; unchanged records cost no write")
    ] = False,
) -> None:
    """Have records looked at now, or everything."""
    with _connected() as to:
        (name,) = to.flows(flow)
        if bool(ids) == full:
            raise Mistake("name ids, or --full")
        syncing = Syncing(to.parts, to.deeds)
        if ids:
            say(f"{name}: queued: {syncing.some(name, _located(to, name, ids))}.")
        elif syncing.everything(name):
            say(f"The next pull of {name} reads everything.")
        else:
            raise Mistake(f"{name} is being read just now; ask again when that is over")


@app.command()
def links(
    flow: Flow,
    deed: Annotated[LinkDeed, typer.Argument(help="show, unlink or link")],
    record: Annotated[str, typer.Argument(help="id or number")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """The tie between a record and its row in the target: shown, taken off, or made to a row that is there."""
    with _connected() as to:
        (name,) = to.flows(flow)
        (id,) = _located(to, name, [record])
        linking = Linking(to.parts, to.parts.flows[name], to.deeds)
        link = linking.show(id)
        if deed is LinkDeed.SHOW:
            as_json(link) if json else reports.link(link)
            return
        if deed is LinkDeed.UNLINK:
            linking.require_linked(link)
            _confirm(f"Unlink {id} from {link.target_key}? The sync takes it for a new record then.", yes)
            say(f"{name}: {id} is unlinked from {linking.unlink(id).target_key}.")
            return
        _confirm(f"Link {id} to the row of its number, and write its fields there?", yes)
        say(f"{name}: {id} is linked to {linking.link(id).target_key}, and queued.")


@app.command()
def forget(
    flow: Flow, id: Annotated[str, typer.Argument(help="id of a record that is gone")], yes: Yes = False
) -> None:
    """Take the personal data of a record that is gone in its source out of the sync's own storage."""
    with _connected() as to:
        (name,) = to.flows(flow)
        (found,) = _located(to, name, [id])
        _confirm(f"Forget what is remembered of {found}?", yes)
        say(f"{name}: removed: {forget_record(to.parts, to.parts.flows[name], found, to.deeds)} rows.")


@app.command()
def history(flow: Flow, record: Annotated[str, typer.Argument(help="id or number")], json: Json = False) -> None:
    """What was done with a record, when and by which run."""
    with _connected() as to:
        (name,) = to.flows(flow)
        (id,) = _located(to, name, [record])
        entries = Histories(to.parts.state.links.table).latest(name, id, 200)
        if not entries:
            raise NotFound(f"nothing was done with a record {record!r} of {name}")
        if json:
            as_json(entries)
        else:
            rows = ((entry.time, entry.outcome, ", ".join(entry.fields), entry.run) for entry in entries)
            table(["when (UTC)", "what", "fields", "run"], rows)


@app.command()
def audit(limit: Limit = 100, json: Json = False) -> None:
    """What operators have done."""
    with _connected() as to:
        deeds = to.parts.state.audit.latest(limit or 100)
        if json:
            as_json(deeds)
        else:
            rows = ((of.time, of.who, of.what, of.flow, of.subject[:60], of.reason) for of in deeds)
            table(["when (UTC)", "who", "what", "flow", "on", "why"], rows)


def _steer(flow: str | None, everything: bool, steer: Callable[[Steering, str], bool], done: str, idle: str) -> None:
    with _connected() as to:
        if (flow is None) != everything:
            raise Mistake("name a flow, or --all")
        steering = Steering(to.parts, to.deeds)
        for name in to.flows(flow):
            say(f"{name} {done if steer(steering, name) else idle}.")


def _warn_of_other_mapping(to: Connection, flow: str) -> None:
    """What is foretold here follows from the settings given here."""
    checkpoint = to.parts.state.checkpoints.load(flow)
    if checkpoint is not None and checkpoint.fingerprint not in (None, to.parts.flows[flow].mapper.fingerprint):
        sys.stderr.write(
            f"careful: the app reads {flow} with another mapping than this one: its value maps, its settings or its "
            "version are not those given here\n"
        )


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise Mistake(f"--markdown {file} cannot be written ({wrong.strerror}); name another file") from wrong


def _located(to: Connection, flow: str, given: list[str]) -> list[str]:
    return [locate(to.parts, to.parts.flows[flow], text) for text in given]


def _failed(to: Connection, failure: Failure) -> reports.FailedRecord:
    link = to.parts.state.links.load(failure.flow, [failure.id])[failure.id]
    key = link.target_key or link.held_key
    return reports.FailedRecord(failure, key, to.addresses(failure.flow, failure.id, key))


def _failures(to: Connection, flow: str, given: list[str]) -> list[Failure]:
    """The failures of these records. Raises Mistake for one that has none."""
    ids = _located(to, flow, given)
    found = {of.id: of for of in Failing(to.parts).load(flow, ids)}
    without = [text for text, id in zip(given, ids, strict=True) if id not in found]
    if without:
        raise Mistake(f"{', '.join(without)} of {flow} has no failure; see `p2c failures {flow}`. Nothing is changed")
    return list(found.values())


def _confirm(question: str, yes: bool) -> None:
    try:
        agreed = yes or typer.confirm(question)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise Mistake("nothing is changed; answer y, or give --yes")


@contextmanager
def _connected(*, looks_only: bool = False, without_state: bool = False) -> Iterator[Connection]:
    """The deployment; whatever goes wrong becomes one sentence and an exit code."""
    try:
        yield connect(_given["settings"], looks_only=looks_only, without_state=without_state)
    except (Mistake, NotFound, Refused) as mistake:
        _end(str(mistake), MISTAKE)
    except OperatorNeeded as needed:
        _end(_with_words(needed), TROUBLE)
    except SystemTrouble as trouble:
        _end(f"{_with_words(trouble)}; try again later", TROUBLE)
    except StorageTrouble as trouble:
        role = "; you need the roles Storage Table and Queue Data Contributor" if trouble.refused else ""
        _end(f"the storage account: {trouble}{role}", TROUBLE)


def _with_words(trouble: SystemTrouble) -> str:
    return f"{trouble} ({trouble.said})" if trouble.said else str(trouble)


def _end(message: str, code: int) -> None:
    sys.stderr.write(f"{message}\n")
    raise typer.Exit(code)


if __name__ == "__main__":
    app(prog_name="p2c")
