"""The filters by which a record stays in its source, in words: what each means, and what helps."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from shared.mapping.verdicts import Filter
from shared.sync.apply.judge import OUT_OF_SCOPE, PARENT_FILTERED
from shared.sync.flow import NO_TARGET_ROW

# The engine's own.
_OF_EVERY_FLOW = {
    OUT_OF_SCOPE: Filter(
        "it has no counterpart yet, and the scope setting of the flow leaves such records out",
        "change the record, or the scope setting",
    ),
    NO_TARGET_ROW: Filter(
        "the flow only updates rows, and there is none under the record's number",
        "create the row in the target, then sync the record",
    ),
}


class Filtering(Protocol):
    """A flow, as far as its filters are concerned."""

    @property
    def filters(self) -> Mapping[str, Filter]:
        """The rules of its mapping in words, by name."""


def in_words(rule: str, flows: Iterable[Filtering]) -> Filter:
    """A rule of one of the flows in words, also a rule that comes from the record's parent."""
    known = {name: words for flow in flows for name, words in flow.filters.items()} | _OF_EVERY_FLOW
    if rule.startswith(PARENT_FILTERED):
        parents = known.get(rule.removeprefix(PARENT_FILTERED).strip())
        why = f", since {parents.meaning}" if parents else ""
        return Filter(
            f"a record that it belongs to is not for the target{why}", "make that one a record that goes to the target"
        )
    return known.get(rule, Filter(f"the rule {rule} holds", "see docs/rules.md"))
