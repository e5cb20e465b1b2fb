"""Run the program over a folder of recorded exchanges: exit status 1 where something is refused that no test wants."""

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from local.dataverse.csdl import csdl
from local.dataverse.schema import load_schema
from tests.odata.findings import Finding, Judgement, judge, read
from tests.odata.recording import MARK, purposes

PROGRAM = "ODATA_CHECK"

_REFUSED_NOTHING, _REFUSED_SOMETHING = 0, 1
_SHOWN_TESTS = 3
_EXCERPT = 600


def main(arguments: Sequence[str]) -> int:
    """Check the folder that the only argument names."""
    program = os.environ.get(PROGRAM)
    if len(arguments) != 1 or not program:
        return _say(f"Usage: {PROGRAM}=PROGRAM python -m tests.odata FOLDER", 2)
    folder = Path(arguments[0])
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        return _say(f"{folder} holds no exchanges: run the tests with EXCHANGES_DIR={folder}.", 2)
    with tempfile.TemporaryDirectory() as scratch:
        written, model = Path(scratch) / "findings.jsonl", Path(scratch) / "dataverse.xml"
        # The program's own model lacks what the simulator serves of metadata.
        model.write_bytes(csdl(load_schema()))
        command = [program, *map(str, files), "--json", str(written), "--dataverse", str(model)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode not in (_REFUSED_NOTHING, _REFUSED_SOMETHING):
            return _say(f"{program} ended with {ended.returncode}:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}", 2)
        judgement = judge(read(written) if written.exists() else (), folder, purposes(folder))
    first = ended.stdout.partition("\n")[0]
    if judgement.sound:
        return _say(f"{first}; nothing refused but what tests want to be refused", 0)
    return _say(f"{first}\n{_told(judgement)}", 1)


def _told(judgement: Judgement) -> str:
    alike: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for each in judgement.unwanted:
        alike[each.system, each.part, each.message].append(each)
    parts = [_group(found) for found in alike.values()]
    parts += [
        f"{test}\n    says {MARK}({text!r}), and nothing like it is refused: take it away."
        for test, text in judgement.idle
    ]
    if alike:
        parts.append(
            f"Mend what is refused; where a test wants it, mark the test: @pytest.mark.{MARK}('a part of the text')."
        )
    return "\n".join(parts)


def _group(found: list[Finding]) -> str:
    first = found[0]
    tests = list(dict.fromkeys(each.test for each in found))
    shown = [f"    {test}" for test in tests[:_SHOWN_TESTS]]
    more = [f"    and {len(tests) - _SHOWN_TESTS} more tests"] if len(tests) > _SHOWN_TESTS else []
    excerpt = [f"    | {line}" for line in first.excerpt[:_EXCERPT].splitlines()]
    return "\n".join([f"{len(found)}x [{first.system}] {first.part}: {first.message}", *shown, *more, *excerpt])


def _say(text: str, status: int) -> int:
    (sys.stderr if status else sys.stdout).write(f"{text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
