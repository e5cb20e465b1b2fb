"""The filters by which a record stays in its source, in words: what each means, and what helps."""

from collections.abc import Mapping
from typing import Protocol

from shared.mapping.verdicts import Filter
from shared.sync.apply.judge import OUT_OF_SCOPE, PARENT_FILTERED
from shared.sync.flow import NO_TARGET_ROW, TARGET_DELETED

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
    TARGET_DELETED: Filter(
        "its row was deleted in the target, and by the policy of the flow it stays deleted",
        "nothing if that is intended; to create it again, unlink the record (`p2c links FLOW unlink`), then sync it",
    ),
}


class Filtering(Protocol):
    """A flow, as far as its filters are concerned."""

    @property
    def filters(self) -> Mapping[str, Filter]:
        """The rules of its mapping in words, by name."""

    @property
    def parents(self) -> tuple[str, ...]:
        """The flows whose records its own wait for."""


class FlowsByName(Protocol):
    """The flows of an app."""

    def __getitem__(self, name: str, /) -> Filtering:
        """A flow by its name. Raises KeyError."""


def rules_of(flow: Filtering) -> tuple[str, ...]:
    """The names of the rules by which a record of a flow may be filtered, but for those of its parents."""
    return tuple({**flow.filters} | _OF_EVERY_FLOW)


def in_words(rule: str, flow: Filtering, flows: FlowsByName) -> Filter:
    """A rule of a flow in words, also one that comes from a record's parent. Flows may have rules of the same name."""
    if rule.startswith(PARENT_FILTERED):
        of_parents = {name: words for parent in flow.parents for name, words in flows[parent].filters.items()}
        parents = (of_parents | _OF_EVERY_FLOW).get(rule.removeprefix(PARENT_FILTERED).strip())
        why = f", since {parents.meaning}" if parents else ""
        return Filter(
            f"a record that it belongs to is not for the target{why}", "make that one a record that goes to the target"
        )
    return ({**flow.filters} | _OF_EVERY_FLOW).get(rule, Filter(f"the rule {rule} holds", "see docs/rules.md"))
