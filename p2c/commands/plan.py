"""The dry run, on the terminal and as a document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from p2c.app import Flow, Ids, Json, Limit, Remembered, app, check_settings, connected, located
from p2c.arguments import file_named
from p2c.estimate import Estimate, estimate_of
from p2c.mistakes import Mistake
from p2c.output import as_json, say, words
from p2c.texts import SHOWN, counted_values, field_of, show_values
from shared.counting import counted
from shared.operations.dry_run import Summary, summary_of
from shared.operations.examine import Examined
from shared.operations.side_by_side import SideBySide
from shared.systems import System
from shared.visible import in_markdown

_REMARKS = {
    "state_left_out": "states that are left out because they have no code in the value map `states`",
    "state_as_text": "states that are sent as written because their country has no list in `states`",
}


@app.command(rich_help_panel="Inspect")
def plan(  # noqa: PLR0917 - the options of a command
    flow: Flow,
    ids: Ids = None,
    limit: Limit = None,
    markdown: Annotated[
        Path | None, typer.Option(parser=file_named, metavar="FILE", help="write the plan to this file, for a review")
    ] = None,
    without_state: Annotated[
        bool,
        typer.Option("--without-state", help="as if nothing was synced yet; needs both systems, but no deployment"),
    ] = False,
    remembered: Remembered = False,
    json: Json = False,
) -> None:
    """Show in a dry run what would be created, changed, adopted or rejected. It writes nothing."""
    with connected(looks_only=True, without_state=without_state) as to:
        (name,) = to.flows(flow)
        check_settings(to, name)
        if markdown is not None:
            _write(markdown, "")
        run = to.service.dry_run(name)
        chosen: Iterator[Examined] = run.of(located(to, name, ids)) if ids else run.of_all(limit)
        examined = list(chosen)
        found = Found(examined, to.service.side_by_side(name, examined, remembered=remembered))
        summary = summary_of(examined)
        estimate = estimate_of(to.service.limits, summary, to.service.state.runs.latest(name, 500))
        if markdown is not None:
            _write(markdown, as_markdown(name, summary, found, estimate))
        if json:
            as_json({"summary": summary, "estimate": estimate, "records": examined, "side_by_side": found.beside})
        elif markdown is None:
            show_plan(name, summary, found, estimate, to.service.flows[name].target_system)
        else:
            say(f"The plan is in {markdown}.")


@dataclass(frozen=True, slots=True)
class Found:
    """The records of a dry run, and what the target holds of them."""

    examined: Sequence[Examined]
    beside: Sequence[SideBySide]

    @property
    def told(self) -> list[tuple[Examined, SideBySide]]:
        """Those of which something would be written, or that would be rejected."""
        both = zip(self.examined, self.beside, strict=True)
        return [(each, beside) for each, beside in both if each.writes or each.failure]

    @property
    def changed_there(self) -> int:
        """In how many rows of the target others have changed something since it was written."""
        return sum(each.changed_there > 0 or each.is_gone_there for each in self.beside)


def show_plan(flow: str, summary: Summary, found: Found, estimate: Estimate, system: System) -> None:
    """A dry run."""
    target = system.label
    said = f"{counted(summary.records, 'record')}: {words(summary.outcomes)}; {summary.adopted} of them adopted"
    say(f"{flow}: {said}")
    say(f"  {estimate.sentence}")
    if found.changed_there:
        say(
            f"  rows of {target} that others have changed since they were written: {found.changed_there}; "
            f"`p2c reconcile {flow}` shows them"
        )
    for line in _remarks(summary):
        say(f"  {line}")
    told = found.told
    for each, beside in told[:SHOWN]:
        say(f"{each.kind} {each.key or ''} ({each.id}){_after(each)}", style="bold")
        if each.failure:
            say(f"  {each.failure.cause}: {each.failure.message}")
            say(f"  what helps: {each.failure.remedy}")
        if beside.values:
            show_values(beside.values, target)
    if len(told) > SHOWN:
        say(f"{len(told) - SHOWN} more; --markdown FILE or --json has them all.")


def as_markdown(flow: str, summary: Summary, found: Found, estimate: Estimate) -> str:
    """A dry run as a document for a review."""
    lines = [
        f"# Plan: {flow}",
        "",
        f"{counted(summary.records, 'record')}: {words(summary.outcomes)}.",
        "",
        estimate.sentence,
        "",
    ]
    lines += [line for remark in _remarks(summary) for line in (in_markdown(f"{remark}."), "")]
    for each, beside in found.told:
        lines += [
            f"## {each.kind}: {in_markdown(each.key or each.id)}",
            "",
            in_markdown(f"{each.id}{_after(each)}"),
            "",
        ]
        if each.failure:
            why = f"{each.failure.cause}: {each.failure.message}. What helps: {each.failure.remedy}"
            lines += [in_markdown(why), ""]
        if beside.values:
            lines += ["| field | in the target now | last written | would be written |", "|---|---|---|---|"]
            lines += [
                f"| {in_markdown(field_of(value))} | {_cell(value.there)} | {_cell(value.written)} | "
                f"{_cell(value.new) if value.writes else ''} |"
                for value in beside.values
            ]
            lines.append("")
    return "\n".join(lines) + "\n"


def _remarks(summary: Summary) -> list[str]:
    """What the target does not get, or gets as written, with the count of each value."""
    return [
        f"{sum(values.values())} {_REMARKS.get(cause, cause)}: {counted_values(values)}"
        for cause, values in summary.remarks.items()
    ]


def _after(each: Examined) -> str:
    """Which records the same run would write first, or which row it would end."""
    first = [f"{parent.flow} {parent.id}" for parent in each.parents]
    first += [f"the end of {each.leaves}"] if each.leaves else []
    return f", after {', '.join(first)}" if first else ""


def _cell(value: object) -> str:
    return in_markdown(words(value))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise Mistake(f"--markdown {file} cannot be written ({wrong.strerror}); name another file") from wrong
