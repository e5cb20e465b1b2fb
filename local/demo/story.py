"""The second part of the demo: an edit every few seconds, and when it arrives. It continues until the user ends it."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence

Scene = Callable[[], None]


def told_by_turns(*tellers: Sequence[Scene]) -> tuple[Scene, ...]:
    """One round of the scenes of all, by turns."""
    turns: Iterator[Scene | None] = itertools.chain.from_iterable(itertools.zip_longest(*tellers))
    return tuple(scene for scene in turns if scene is not None)


def tell(scenes: Sequence[Scene], pause_s: float, *, once: Scene | None = None) -> None:
    """Play the scenes over and over, with a pause after each, and `once` after their first round. Ends by an
    exception only."""
    for round_number in itertools.count(1):
        for scene in scenes:
            scene()
            time.sleep(pause_s)
        if round_number == 1 and once is not None:
            once()
