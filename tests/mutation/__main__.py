"""`python -m tests.mutation`: judge a sample of mutants of the product, or some of them by name; see `make mutate`."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import typer

from local.command_line import Parser
from tests.mutation.choosing import GOALS, judges, modules, stages_for
from tests.mutation.covering import Calls, Function, function_around, known_calls
from tests.mutation.equivalents import read_equivalents
from tests.mutation.judging import Case, Verdict, judge
from tests.mutation.loaded import LoadedTests
from tests.mutation.mutants import Mutant, mutant_of, sample
from tests.mutation.report import reaches_goals, tell
from tests.mutation.running import Change, Died, Stage, prepare, start

ROOT = Path(__file__).parents[2]
_SHARES = {"sync": 2, "mapping": 2, "clients": 1, "state": 1}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when every part reaches its goal, 1 when not, 2 for a mistake in the call, tests that fail without
    any change, or a process of tests that died."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    try:
        mutants = [mutant_of(name, ROOT) for name in parsed.mutant] or _sample(parsed)
    except LookupError as wrong:
        parser.error(str(wrong))
    if parsed.list:
        typer.echo("\n".join("\n".join([mutant.name, *mutant.diff(ROOT)[2:], ""]) for mutant in mutants))
        return 0
    known = read_equivalents()
    equivalent = (
        [] if parsed.mutant else [mutant for mutant in mutants if any(each.is_of(mutant, ROOT) for each in known)]
    )
    judged = [mutant for mutant in mutants if mutant not in equivalent]
    prepare()
    try:
        return _judge_by_sound_tests(judged, len(equivalent), parsed)
    except Died as died:
        typer.echo(str(died), err=True)
        return 2


def _judge_by_sound_tests(mutants: Sequence[Mutant], equivalent: int, parsed: argparse.Namespace) -> int:
    if parsed.seeds and (broken := start(ROOT, Stage(seeds=parsed.seeds), None).finish()):
        typer.echo(f"The simulation fails without any change; mend it first: {broken}", err=True)
        return 2
    tests = judges(ROOT, {mutant.file for mutant in mutants})
    calls = known_calls(ROOT, tests, modules(ROOT), jobs=parsed.jobs, anew=parsed.anew)
    if failing := calls.failing(tests):
        typer.echo("\n".join(["These fail without any change; mend them first:", *failing]), err=True)
        return 2
    return _judge(mutants, equivalent, tests, calls, parsed)


def _judge(
    mutants: Sequence[Mutant], equivalent: int, tests: Sequence[str], calls: Calls, parsed: argparse.Namespace
) -> int:
    began, verdicts = time.monotonic(), list[Verdict]()
    with closing(LoadedTests(ROOT, tests)) as loaded:
        for verdict in judge(ROOT, mutants, lambda each: _case(each, calls, parsed), jobs=parsed.jobs, loaded=loaded):
            verdicts.append(verdict)
            told = f"{len(verdicts)}/{len(mutants)} {verdict.mutant.name}: {verdict.killed_by or 'SURVIVED'}"
            typer.echo(told, err=True)
    typer.echo("\n".join(tell(verdicts, equivalent, ROOT)))
    typer.echo(f"{time.monotonic() - began:.0f} s; {_again(parsed)}")
    return 0 if reaches_goals(verdicts) else 1


def _case(mutant: Mutant, calls: Calls, parsed: argparse.Namespace) -> Case:
    function = function_around((ROOT / mutant.file).read_text(encoding="utf-8"), mutant.span)
    choose = partial(stages_for, ROOT, mutant.file, calls=calls, seeds=parsed.seeds, thorough=parsed.thorough)
    # What runs while modules are imported has left its results there.
    at_import = function is None or Function(mutant.file, function) in calls.at_import
    return Case(
        mutant,
        Change(mutant.file, mutant.source(ROOT), function),
        in_place=choose(function=function) if function else (),
        anew=choose(function=None) if at_import else (),
    )


def _sample(parsed: argparse.Namespace) -> list[Mutant]:
    shares = {parsed.part: 1} if parsed.part else _SHARES
    found = []
    for part, share in shares.items():
        size = max(round(parsed.sample * share / sum(shares.values())), 1)
        found += sample(ROOT, modules(ROOT, [part]), size, f"{parsed.seed} {part}")
    return found


def _again(parsed: argparse.Namespace) -> str:
    if parsed.mutant:
        return "mutants by name"
    part = f" --part {parsed.part}" if parsed.part else ""
    return f'the same sample: make mutate ARGS="--sample {parsed.sample} --seed {parsed.seed}{part}"'


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m tests.mutation", __doc__)
    parser.add_argument("--sample", type=int, default=30, metavar="N", help="how many mutants (default: %(default)s)")
    parser.add_argument("--seed", default="1", help="the same seed gives the same sample (default: %(default)s)")
    parser.add_argument("--part", choices=list(GOALS), help="only this part of shared/")
    parser.add_argument(
        "--mutant", action="append", default=[], metavar="NAME", help="this one, as a survivor is named"
    )
    parser.add_argument("--seeds", type=int, default=40, metavar="N", help="histories a mutant (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="at once (default: %(default)s)")
    parser.add_argument(
        "--thorough", action="store_true", help="try survivors with all tests that call them: takes minutes each"
    )
    parser.add_argument("--list", action="store_true", help="only show the mutants")
    parser.add_argument(
        "--anew", action="store_true", help="measure anew which tests call what, also where no test has changed"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
