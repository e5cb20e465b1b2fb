"""`python -m tests.simulation`: play seeds, or a script; see `make simulate`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

try:
    import typer

    from local.command_line import Parser
    from p2c.output import is_of_output
    from shared.counting import counted
    from tests.simulation.calling import Miscalled, as_called, material_of, shares_of_sample, told_of_sample
    from tests.simulation.history import Played
    from tests.simulation.material import Material
    from tests.simulation.mutations import MUTATIONS
    from tests.simulation.run import Report, play, play_seeds
    from tests.simulation.script import STEPS, Script, read_script, write_script
    from tests.simulation.shrink import kind_of, shrink
    from tests.simulation.space import never_reached
except KeyboardInterrupt:
    # Loading takes a moment; whoever thinks better of it gets no traceback.
    sys.exit(130)

_SHRUNK_AT_MOST = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when nothing broke and some of each flow was judged, 1 otherwise, 2 for a mistake in the call, 130
    for Ctrl-C, 141 where nobody reads what it says."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    try:
        return _play(parsed)
    except Miscalled as miscalled:
        typer.echo(str(miscalled), err=True)
        return 2
    except KeyboardInterrupt:
        typer.echo("\nEnded by Ctrl-C.", err=True)
        return 130
    except BrokenPipeError:
        # Nobody reads on: what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as wrong:
        if not is_of_output(wrong):
            raise
        typer.echo(f"the output cannot be written ({wrong.strerror}); free some space, or write it elsewhere", err=True)
        return 2


def _play(parsed: argparse.Namespace) -> int:
    material = material_of(parsed.map, parsed.sample)
    shares = shares_of_sample(material)
    for line in told_of_sample(shares):
        typer.echo(line)
    if parsed.script is not None:
        return _play_script(parsed.script, material, parsed.mutation)
    if parsed.trace:
        return _trace(parsed.first, parsed.seeds, parsed.steps, material)
    seeds = range(parsed.first, parsed.first + parsed.seeds)
    told = _tell_progress if sys.stderr.isatty() else lambda _: None
    report = play_seeds(seeds, steps=parsed.steps, material=material, mutation=parsed.mutation, told=told)
    if report.broken:
        called = parsed.called or as_called(parsed.map, parsed.sample, parsed.mutation)
        typer.echo(f"Play a seed again: {called} --seeds 1 --first SEED")
    again = partial(play, material=material, mutation=parsed.mutation)
    code = _tell(report, again, shrinks=not parsed.no_shrink, coverage=parsed.coverage)
    unjudged = [share.flow for share in shares if not share.is_judged]
    if unjudged:
        typer.echo(
            f"Exit code 1{'' if report.broken else ', although no history is broken'}: nothing of "
            f"{' and '.join(unjudged)} was judged, since none of the sample's reaches its target. "
            'Correct the map or the records as "what helps" says above, and play again.'
        )
    return 1 if unjudged else code


def _play_script(path: Path, material: Material, mutation: str) -> int:
    try:
        script = read_script(path)
    except (OSError, ValueError) as wrong:
        raise Miscalled(
            f"--script: {str(path)!r} is no history: {wrong}; give a file as the simulation writes it"
        ) from wrong
    played = play(script, material, mutation)
    typer.echo("\n".join(played.problems or ["nothing broke"]))
    return 1 if played.problems else 0


def _trace(first: int, count: int, steps: int, material: Material) -> int:
    """What happened in each history, counted: equal only where everything was equal."""
    broken = False
    for seed in range(first, first + count):
        played = play(write_script(seed, steps), material)
        broken = broken or bool(played.problems)
        counts = ", ".join(f"{name} {count}" for name, count in sorted(played.counts.items()))
        typer.echo(f"seed {seed}: {played.steps} steps, {played.digest}, {counts}, {played.problems}")
    return 1 if broken else 0


def _tell_progress(report: Report) -> None:
    told = f"\r{_histories(report)}, {len(report.broken)} broken, {report.seconds:.0f} s"
    typer.echo(told, nl=False, err=True)


def _tell(report: Report, again: Callable[[Script], Played], *, shrinks: bool, coverage: bool) -> int:
    each = report.steps / max(report.histories, 1)
    typer.echo(
        f"{_histories(report)} in {report.seconds:.0f} s, {each:.0f} steps of workers each; {len(report.broken)} broken"
    )
    for name in never_reached(report.counts) if coverage else ():
        typer.echo(f"never reached: {name}")
    first_of: dict[str, list[int]] = {}
    examples: dict[str, Played] = {}
    for played in sorted(report.broken, key=lambda each: each.script.seed):
        kind = kind_of(played.problems[0])
        first_of.setdefault(kind, []).append(played.script.seed)
        examples.setdefault(kind, played)
    for kind, seeds in first_of.items():
        typer.echo(f"\n{len(seeds)} x {kind}\n  seeds {', '.join(map(str, seeds[:10]))}")
    for played in list(examples.values())[: _SHRUNK_AT_MOST if shrinks else 0]:
        short = shrink(played, again)
        typer.echo(f"\nseed {played.script.seed}, shrunk to {counted(len(short.script.acts), 'act')}:")
        typer.echo("\n".join(f"  {problem}" for problem in short.problems))
        typer.echo(short.script.to_text())
    return 1 if report.broken else 0


def _histories(report: Report) -> str:
    return counted(report.histories, "history", "histories")


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 0 or more, with 18 digits at most")
    return int(text)


def _count(text: str) -> int:
    count = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more, with 9 digits at most")
    return count


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m tests.simulation", __doc__)
    parser.add_argument("--seeds", type=_count, default=200, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--first", type=_seed, default=0, metavar="SEED", help="the first one (default: %(default)s)")
    parser.add_argument(
        "--steps", type=_count, default=STEPS, metavar="N", help="acts of a history (default: %(default)s)"
    )
    parser.add_argument("--script", type=Path, metavar="FILE", help="play this history instead")
    parser.add_argument("--map", metavar="FILE", help="map document with which histories begin")
    parser.add_argument("--sample", metavar="FOLDER|-", help="*.jsonl files of records, or a sample by the pipe")
    parser.add_argument("--called", metavar="TEXT", help="the command to name for playing a seed again")
    parser.add_argument(
        "--mutation", choices=list(MUTATIONS), default="", metavar="NAME", help="with this repair taken away"
    )
    parser.add_argument("--trace", action="store_true", help="tell what happened in each history")
    parser.add_argument("--coverage", action="store_true", help="tell what no history has reached")
    parser.add_argument("--no-shrink", action="store_true", help="tell what broke as it is")
    return parser


if __name__ == "__main__":
    sys.exit(main())
