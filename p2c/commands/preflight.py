"""Whether everything is in place that the flows need."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from p2c.app import ATTENTION, SUCCESS, Json, app, connected
from p2c.connection import Connection
from p2c.loaded_functions import loaded_functions
from p2c.mistakes import Mistake
from p2c.output import as_json, say
from shared.counting import counted
from shared.flows.checks import Check, CheckResult
from shared.operations.preflight.run import Preflight

_ENDS = {CheckResult.WELL: "passed", CheckResult.WRONG: "failed", CheckResult.BY_HAND: "to be made by hand"}


@app.command(rich_help_panel="Inspect")
def preflight(
    without_state: Annotated[
        bool, typer.Option("--without-state", help="before anything is deployed; needs both systems only")
    ] = False,
    json: Json = False,
) -> None:
    """Check whether everything is in place that the flows need, and block the flows whose columns do not match the
    mapping, or release them once they match; not with --without-state. Exit code 1 if something is wrong."""
    with connected(without_state=without_state) as to:
        if not without_state:
            _require_same_systems(to)
        checks = list(Preflight(to.service.systems, to.deployment, to.service.clock.now()).checks())
        if not without_state:
            checks += loaded_functions(os.environ)
        blocked: dict[str, str] = {}
        released: list[str] = []
        try:
            if not without_state:
                drift_blocks = to.service.drift_blocks(to.audit_log)
                blocked, released = drift_blocks.blocked, drift_blocks.released
                drift_blocks.enforce(checks)
        finally:
            # The findings are shown even if the blocks cannot be stored.
            if json:
                as_json({"checks": checks, "blocked": list(blocked), "released": released})
            else:
                show_checks(checks, blocked, released)
    wrong = any(check.verdict is CheckResult.WRONG for check in checks)
    raise typer.Exit(ATTENTION if wrong else SUCCESS)


def _require_same_systems(to: Connection) -> None:
    """Raises Mistake if the settings name other systems than those of the deployment."""
    for name in to.service.flows:
        change = to.service.environment.change_by_settings(name)
        if change:
            raise Mistake(
                f"{change}; correct the settings given here, or check these systems alone with --without-state"
            )


def show_checks(found: Sequence[Check], blocked: Mapping[str, str], released: Sequence[str]) -> None:
    """What preflight has found: first what is wrong, then what must be checked by hand, then the flows that were
    blocked, with the reason, and released."""
    for verdict, style in ((CheckResult.WRONG, "red"), (CheckResult.BY_HAND, "yellow")):
        for check in found:
            if check.verdict is verdict:
                said = f": {check.found}" if check.found else ""
                say(f"{verdict}: {check.area}: {check.what}{said}", style=style)
                say(f"  what helps: {check.remedy}")
    for check in found:
        if check.verdict is CheckResult.WELL and check.found:
            say(f"{check.area}: {check.what}: {check.found}")
    count = Counter(check.verdict for check in found)
    say(", ".join(f"{counted(count[verdict], 'check')} {ends}" for verdict, ends in _ENDS.items()))
    for flow, reason in blocked.items():
        say(f"{flow} is blocked now: {reason}", style="red")
    for flow in released:
        say(f"{flow} is released: its columns match the mapping", style="green")
