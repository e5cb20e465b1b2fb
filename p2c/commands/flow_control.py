"""Whether a flow runs: pause and resume it, and lift what blocks it."""

from collections.abc import Callable
from typing import Annotated

import typer

from p2c.app import All, Flow, MaybeFlow, Reason, Yes, app, confirm, connected
from p2c.helping import for_example
from p2c.mistakes import Mistake
from p2c.output import say
from shared.operations.control import FlowCommands
from shared.operations.retarget import NewTarget

_PAUSE, _RESUME = "p2c pause accounts", "p2c resume accounts"


@app.command(rich_help_panel="Change", example=_PAUSE)
def pause(flow: MaybeFlow = None, everything: All = False, reason: Reason = "") -> None:
    """Pause flows: they read and write nothing until they are resumed."""
    _steer(
        flow,
        everything,
        lambda commands, name: commands.pause(name, reason),
        "is paused",
        "was paused already",
        example=_PAUSE,
    )


@app.command(rich_help_panel="Change", example=_RESUME)
def resume(flow: MaybeFlow = None, everything: All = False, reason: Reason = "") -> None:
    """Resume paused flows."""
    _steer(
        flow,
        everything,
        lambda commands, name: commands.resume(name, reason),
        "is resumed",
        "was running already",
        example=_RESUME,
    )


@app.command(rich_help_panel="Change", example="p2c accept accounts")
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
    _lift(flow, yes, "Is that intended?", lambda commands, name, seen: commands.accept(name, seen, target))


@app.command(rich_help_panel="Change", example="p2c unblock accounts")
def unblock(flow: Flow, yes: Yes = False) -> None:
    """Lift a block whose cause was corrected, without accepting it. The flow measures again, and may block again."""
    _lift(flow, yes, "Has it been corrected?", FlowCommands.unblock)


def _steer(
    flow: str | None,
    everything: bool,
    steer: Callable[[FlowCommands, str], bool],
    done: str,
    idle: str,
    *,
    example: str,
) -> None:
    with connected() as to:
        if (flow is None) != everything:
            raise Mistake(for_example("name a flow, or pass --all", example))
        commands = to.service.commands(to.audit_log)
        for name in to.flows(flow):
            say(f"{name} {done if steer(commands, name) else idle}.")


def _lift(flow: str, yes: bool, question: str, lift: Callable[[FlowCommands, str, str], bool]) -> None:
    with connected() as to:
        (name,) = to.flows(flow)
        blocked = to.service.state.control.flow(name).blocked
        if not blocked and to.service.state.control.flow(name).paused:
            raise Mistake(
                f"{name} is not blocked but paused, so there is nothing to lift: call `p2c resume {name}` to let it run"
            )
        if not blocked:
            say(f"{name} is not blocked and runs, so there is nothing to lift: `p2c status {name}` shows its state.")
            return
        say(f"{name} is blocked: {blocked}")
        confirm(question, yes)
        if not lift(to.service.commands(to.audit_log), name, blocked):
            raise Mistake(f"what blocks {name} has changed meanwhile; try again")
        say(f"{name} continues.")
