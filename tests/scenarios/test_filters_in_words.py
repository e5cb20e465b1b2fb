"""Each filter of each flow: `p2c explain` says it in words, with what helps, and docs/rules.md answers the question of
whoever misses a record."""

import re
from dataclasses import replace

import pytest

from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from shared.mapping.verdicts import Filter
from shared.operations.examine import Examining
from shared.operations.explain import Explaining
from shared.sync.apply.filters import in_words
from shared.sync.apply.judge import OUT_OF_SCOPE
from shared.sync.flow import NO_TARGET_ROW, TARGET_DELETED, Flow
from tests.support.project import ROOT
from tests.support.world import World

RULES = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
QUESTIONS = {
    QUOTATIONS: "Why is my quote not in F&O?",
    ORDERS: "Why is my order not in F&O?",
    ORDERSBACK: "Why is my order not updated?",
    INVOICES: "Why is my invoice not in Sales?",
}
# Rules of the engine and of map documents, which a record of any flow may meet, and one of a flow that only updates.
OF_ALL = (OUT_OF_SCOPE, TARGET_DELETED, "filter.NAME")
OF_ENGINE = {ORDERSBACK: (NO_TARGET_ROW,)}
ASKED = [(flow, rule) for flow in QUESTIONS for rule in (*FLOWS[flow].filters, *OF_ALL, *OF_ENGINE.get(flow, ()))]
EVERY = [(flow.name, rule, words) for flow in FLOWS for rule, words in flow.filters.items()]


class Filtering(World):
    """A world whose records are filtered by rules of a real flow."""

    def __init__(self, filters: dict[str, Filter]) -> None:
        super().__init__()
        self.filters = filters

    def _flow(self, name: str) -> Flow:
        return replace(super()._flow(name), filters=self.filters)


def answers_to(question: str) -> list[str]:
    """What the table under a question says one may see, row by row."""
    (text,) = re.findall(rf"^## {re.escape(question)}\n(.*?)(?=^## )", RULES, flags=re.MULTILINE | re.DOTALL)
    return [row.split(" | ")[0] for row in text.splitlines() if row.startswith("| ")]


@pytest.mark.parametrize(("flow", "rule"), ASKED)
def test_whoever_misses_a_document_finds_the_rule_under_the_question(flow: str, rule: str) -> None:
    rows = answers_to(QUESTIONS[flow])
    assert [row for row in rows if f"`{rule}`" in row], f"{QUESTIONS[flow]} has no row for {rule}"


@pytest.mark.parametrize(("flow", "rule", "words"), EVERY, ids=[f"{flow}-{rule}" for flow, rule, _ in EVERY])
def test_explain_says_each_rule_in_words_and_what_helps(flow: str, rule: str, words: Filter) -> None:
    assert in_words(rule, FLOWS[flow], FLOWS) == words
    world = Filtering(dict(FLOWS[flow].filters))
    world.source.save("1", number="A-1", name="Ada", rule=rule)
    world.pull()
    world.drain()
    service = world.service()
    examining = Examining(service.flows, world.state, world.clock, world.limits)
    told = Explaining(examining, service.flows["parents"]).explain("1")
    assert any(words.meaning in sentence for sentence in told.sentences), told.sentences
    assert words.remedy in told.action
