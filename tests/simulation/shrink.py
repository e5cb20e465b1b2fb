"""Makes a broken history short: acts are left out as long as it breaks in the same way."""

import re
from collections.abc import Callable
from dataclasses import replace

from tests.simulation.history import Played
from tests.simulation.script import Act, Script

# What differs between two histories that break in the same way: ids, numbers and counts.
_PARTICULAR = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[AKPQaq]-\d\S*|\d+|\{.*\}|\[.*\]")


def kind_of(problem: str) -> str:
    """A problem without the records that it is about."""
    return _PARTICULAR.sub("*", problem.strip())[:120]


def shrink(broken: Played, play: Callable[[Script], Played]) -> Played:
    """The shortest history that was found to break in the same way as this one."""
    kind = kind_of(broken.problems[0])

    def breaks(acts: list[Act]) -> Played | None:
        played = play(broken.script.of(acts))
        return played if any(kind_of(problem) == kind for problem in played.problems) else None

    best, acts = broken, list(broken.script.acts)
    size = max(1, len(acts) // 2)
    while size:
        at = 0
        while at < len(acts):
            shorter = acts[:at] + acts[at + size :]
            if (played := breaks(shorter)) is not None:
                best, acts = played, shorter
            else:
                at += size
        size //= 2
    for at, act in enumerate(acts):
        if act.troubled:
            calmer = [*acts[:at], replace(act, troubled=False), *acts[at + 1 :]]
            if (played := breaks(calmer)) is not None:
                best, acts = played, calmer
    return best
