"""A dry run: what the sync would do with a flow's records now, in pages, and what that would cost."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from shared.operations.examine import Examined, Examining
from shared.operations.first_run_plan import FirstRunPlan
from shared.records import ChangePage
from shared.sync.flow import Flow, Tracked

_AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class Summary:
    """How many records would end how, and `why`: the rules and causes by outcome, with their counts. `adopted` of them
    take over a row of the target. `remarks` say what the target does not get: the values by cause, with their counts.
    """

    records: int
    outcomes: dict[str, int]
    why: dict[str, dict[str, int]]
    adopted: int
    writes: int
    remarks: dict[str, dict[str, int]]

    @property
    def sentence(self) -> str:
        """How many records would end how, and why, in words."""
        return ", ".join(f"{count} {kind}{self._reasons(kind)}" for kind, count in self.outcomes.items())

    def _reasons(self, kind: str) -> str:
        told = ", ".join(f"{count} {reason}" for reason, count in self.why.get(kind, {}).items())
        return f" ({told})" if told else ""


class DryRun:
    """Reads, maps and compares, and writes nothing."""

    def __init__(self, examining: Examining, flow: Flow) -> None:
        self._flow = flow
        self._plan = FirstRunPlan(examining, flow)

    def of(self, ids: Iterable[str]) -> Iterator[Examined]:
        """The result for these records. Raises SystemTrouble and StorageTrouble."""
        pending = iter(dict.fromkeys(ids))
        while batch := list(islice(pending, _AT_A_TIME)):
            yield from self._plan.examine(batch)

    def of_all(self, limit: int | None = None) -> Iterator[Examined]:
        """The result for every record of the source, or for the first ones."""
        return self.of(islice(source_ids(self._flow), limit))


def source_ids(flow: Flow) -> Iterator[str]:
    """The id of every record of a flow's source, page by page. Raises SystemTrouble."""
    feed = flow.feed
    if isinstance(feed, Tracked):
        for page in _pages(feed):
            yield from (change.id for change in page.changes if not change.gone)
        return
    after: str | None = None
    while True:
        walked = feed.source.walk(after)
        yield from (record.id for record in walked.records)
        if walked.last is None:
            return
        after = walked.last


def _pages(feed: Tracked) -> Iterator[ChangePage]:
    page = feed.source.list_rows()
    yield page
    while page.next_link is not None:
        page = feed.source.follow(page.next_link)
        yield page


def summary_of(examined: Sequence[Examined]) -> Summary:
    """The sum of a dry run."""
    return Summary(
        records=len(examined),
        outcomes=dict(Counter(str(each.kind) for each in examined).most_common()),
        why=_counted((str(each.kind), each.reason) for each in examined if each.reason),
        adopted=sum(each.adopts for each in examined),
        writes=sum(each.writes for each in examined),
        remarks=_counted((remark.cause, remark.value) for each in examined for remark in each.remarks),
    )


def _counted(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for name, value in pairs:
        found[name][value] += 1
    return {name: dict(values.most_common()) for name, values in sorted(found.items())}
