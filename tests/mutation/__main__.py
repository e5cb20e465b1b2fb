"""`python -m tests.mutation`: judge a sample of mutants of the product, or one of them; see `make mutate`."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import typer

from tests.mutation.choosing import GOALS, Stage, stages_for
from tests.mutation.equivalents import read_equivalents
from tests.mutation.judging import Verdict, failing_unchanged, judge
from tests.mutation.mutants import Mutant, mutant_of, sample
from tests.mutation.report import reaches_goals, tell
from tests.mutation.running import prepare

ROOT = Path(__file__).parents[2]
_SHARES = {"sync": 2, "mapping": 2, "clients": 1, "state": 1}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when every part reaches its goal, 1 when not, 2 for a mistake in the call or tests that fail without
    any change."""
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
    if not parsed.no_check and (failed := failing_unchanged(ROOT, _all_stages(judged, parsed), jobs=parsed.jobs)):
        typer.echo("\n".join(["These fail without any change; mend them first:", *failed]), err=True)
        return 2
    return _judge(judged, len(equivalent), parsed)


def _judge(mutants: Sequence[Mutant], equivalent: int, parsed: argparse.Namespace) -> int:
    began, verdicts = time.monotonic(), list[Verdict]()
    for verdict in judge(ROOT, mutants, lambda each: _stages(each.file, parsed), jobs=parsed.jobs):
        verdicts.append(verdict)
        told = f"{len(verdicts)}/{len(mutants)} {verdict.mutant.name}: {verdict.killed_by or 'SURVIVED'}"
        typer.echo(told, err=True)
    typer.echo("\n".join(tell(verdicts, equivalent, ROOT)))
    typer.echo(f"{time.monotonic() - began:.0f} s; {_again(parsed)}")
    return 0 if reaches_goals(verdicts) else 1


def _sample(parsed: argparse.Namespace) -> list[Mutant]:
    shares = {parsed.part: 1} if parsed.part else _SHARES
    found = []
    for part, share in shares.items():
        files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "shared" / part).rglob("*.py")]
        if part == "mapping":
            files += [path.relative_to(ROOT).as_posix() for path in (ROOT / "shared" / "flows").rglob("*.py")]
        found += sample(
            ROOT, files, max(round(parsed.sample * share / sum(shares.values())), 1), f"{parsed.seed} {part}"
        )
    return found


def _stages(file: str, parsed: argparse.Namespace) -> list[Stage]:
    return stages_for(ROOT, file, seeds=parsed.seeds, thorough=parsed.thorough)


def _all_stages(mutants: Sequence[Mutant], parsed: argparse.Namespace) -> list[Stage]:
    """Each test that may judge one of them, once."""
    stages = [stage for file in {mutant.file for mutant in mutants} for stage in _stages(file, parsed)]
    files = sorted({file for stage in stages for file in stage.files})
    return [Stage("unchanged", tuple(files)), *{stage for stage in stages if stage.seeds}]


def _again(parsed: argparse.Namespace) -> str:
    if parsed.mutant:
        return "mutants by name"
    part = f" --part {parsed.part}" if parsed.part else ""
    return f'the same sample: make mutate ARGS="--sample {parsed.sample} --seed {parsed.seed}{part}"'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.mutation", description=__doc__, allow_abbrev=False)
    parser.add_argument("--sample", type=int, default=30, metavar="N", help="how many mutants (default: %(default)s)")
    parser.add_argument("--seed", default="1", help="the same seed gives the same sample (default: %(default)s)")
    parser.add_argument("--part", choices=list(GOALS), help="only this part of shared/")
    parser.add_argument(
        "--mutant", action="append", default=[], metavar="NAME", help="this one, as a survivor is named"
    )
    parser.add_argument("--seeds", type=int, default=40, metavar="N", help="histories a mutant (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="at once (default: %(default)s)")
    parser.add_argument(
        "--thorough", action="store_true", help="try survivors with all other scenarios: takes minutes each"
    )
    parser.add_argument("--list", action="store_true", help="only show the mutants")
    parser.add_argument("--no-check", action="store_true", help="trust that all tests pass without a change")
    return parser


if __name__ == "__main__":
    sys.exit(main())
