"""What counts as reached, and what is told to be missing."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.space import RULES, UNREACHED, everything, kind_of_step, never_reached, rules_taken

_PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_a_rule_is_taken_once_everything_was_reached_that_shows_it() -> None:
    shown = {"event poison_split": 1, "cause poison": 2}
    assert "F3" not in " ".join(rules_taken(Counter(shown)))
    assert list(rules_taken(Counter({**shown, "cause message_unreadable": 1}))) == ["rule F3"]


def test_any_flow_shows_a_rule_that_each_of_them_takes() -> None:
    assert list(rules_taken(Counter({"outcome quotations busy": 1}))) == ["rule A3"]


def test_a_run_that_has_reached_nothing_lacks_every_rule_but_those_with_a_reason() -> None:
    missing = never_reached(Counter())
    rules = {f"rule {rule}" for rule in RULES}
    without_reason = {rule for rule in rules if not any(re.fullmatch(reason, rule) for reason in UNREACHED)}
    assert {name for name in missing if name.startswith("rule ")} == without_reason


def test_each_rule_of_the_protocol_has_what_shows_that_it_was_taken() -> None:
    told = re.findall(r"^### ([A-Z]\d+)\.", _PROTOCOL.read_text(encoding="utf-8"), re.MULTILINE)
    assert [rule for rule in told if not rule.startswith("I")] == list(RULES)


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("finops find CustomersV3", "finops find"),
        ("finops write CustomersV3 done", "finops write done"),
        ("sales all EntityDefinitions(LogicalName='quote')/Attributes", "sales all"),
        ("send accounts", "send"),
        ("send accounts-poison done", "send poison done"),
        ("delete quotations-hold", "delete hold"),
        ("links.transact done", "links.transact done"),
        ("send", "send"),
    ],
)
def test_steps_count_by_their_kind(step: str, kind: str) -> None:
    assert kind_of_step(step) == kind


def test_a_fault_counts_at_each_kind_of_step_where_it_can_come() -> None:
    possible = set(
        everything(Counter({"step finops find": 1, "step links.transact": 1, "step links.transact done": 1}))
    )
    assert {"finops find: throttled", "links.transact: own success", "died at links.transact done"} <= possible
    assert not [name for name in possible if name.startswith("links.transact done:")]
