"""The filters by which a record stays in its source, in words: what each means, and what helps."""

from collections.abc import Mapping

from shared.mapping.verdicts import Filter
from shared.sync.apply.judge import OUT_OF_SCOPE, PARENT_FILTERED
from shared.sync.flow import Flow

# The engine's own.
_OF_EVERY_FLOW: Mapping[str, Filter] = {
    OUT_OF_SCOPE: Filter(
        "it has no counterpart yet, and the scope setting of the flow leaves such records out",
        "change the record, or the scope setting",
    ),
}


def filters_of(flows: Mapping[str, Flow]) -> Mapping[str, Filter]:
    """The rules of several flows, by name."""
    return {rule: words for flow in flows.values() for rule, words in flow.filters.items()}


def in_words(rule: str, of_flows: Mapping[str, Filter]) -> Filter:
    """A rule in words, also one that comes from the record's parent. `of_flows` are those of the flows."""
    known = {**of_flows, **_OF_EVERY_FLOW}
    if rule.startswith(PARENT_FILTERED):
        parents = known.get(rule.removeprefix(PARENT_FILTERED).strip())
        why = f", since {parents.meaning}" if parents else ""
        return Filter(
            f"a record that it belongs to is not for the target{why}", "make that one a record that goes to the target"
        )
    return known.get(rule, Filter(f"the rule {rule} holds", "see docs/rules.md"))
