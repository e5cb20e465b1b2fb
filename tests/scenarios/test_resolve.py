"""Conflicts are decided by an operator: shown, asked, audited, and only for the values that were shown."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.simulator.faults import Kind, Rule
from shared.mapping.map_source import SHIPPED
from shared.operations.audit_log import Refused
from shared.state.links import LinkState
from shared.systems import System
from tests.support.faults import WRITES
from tests.support.operator import answer, operated, p2c
from tests.support.product import FLOW, Product, product
from tests.support.repeated import repeated

SHORT: dict[str, Any] = {**json.loads(SHIPPED.read_text(encoding="utf-8")), "countries": {}, "states": {}}
ROW = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-1')"
WAKANDA = {"address1_country": "Wakanda", "address1_city": "Birnin Zana"}
WHY = ("--reason", "they know better", "--yes")


def by_policy(policy: str) -> str:
    """A map document with this policy for accounts."""
    return json.dumps({**SHORT, "policies": {"accounts": {"on_conflict": policy}}})


@pytest.fixture
def stopping() -> Iterator[Product]:
    """A deployment that stops at conflicts."""
    with product(MAP_DOCUMENT=by_policy("stop")) as made, operated(made):
        yield made


def people_change(sync: Product, **values: str) -> None:
    assert sync.finops.patch(ROW, values, {"cross-company": "true"}).status_code == 204


def memo_and_name(sync: Product) -> tuple[str, str]:
    customer = sync.customer("A-1") or {}
    return customer["SalesMemo"], customer["OrganizationName"]


def stopped(sync: Product) -> str:
    """An account of which two fields are in conflict; its id."""
    id = sync.account("A-1", name="Litware", description="Ours")
    sync.tick()
    people_change(sync, SalesMemo="Theirs", OrganizationName="Their name")
    sync.edit(id, name="Litware II", description="Ours again")
    sync.tick()
    failure = sync.failure(id)
    assert failure is not None
    assert failure.cause == "conflict"
    return id


def test_both_values_are_shown_and_nothing_is_done_before_the_question_is_answered(stopping: Product) -> None:
    stopped(stopping)
    shown = p2c("resolve", FLOW, "A-1")
    for value in ("SalesMemo", "Ours again", "Theirs", "Ours ", "OrganizationName", "Litware II", "Their name"):
        assert value in shown
    asked = p2c("resolve", FLOW, "A-1", "--take", "sales", "--reason", "theirs is old", said="n\n")
    assert "Nothing was changed." in asked
    assert answer("audit") == []
    assert memo_and_name(stopping) == ("Theirs", "Their name")


def test_the_remedy_and_the_listed_failure_name_the_command(stopping: Product) -> None:
    id = stopped(stopping)
    assert f"p2c resolve accounts {id}" in p2c("failures", FLOW, "--cause", "conflict")


def test_what_is_taken_of_the_source_is_written_once_and_resolves_the_failure(stopping: Product) -> None:
    id = stopped(stopping)
    assert "A-1 is decided, and queued" in p2c("resolve", FLOW, "A-1", "--take", "sales", *WHY)
    stopping.drain()
    assert memo_and_name(stopping) == ("Ours again", "Litware II")
    assert (stopping.link(id).state, stopping.failure(id)) == (LinkState.WRITTEN, None)
    people_change(stopping, SalesMemo="Theirs once more")
    stopping.edit(id, description="Ours the third time")
    stopping.tick()
    assert stopping.failure(id) is not None
    assert memo_and_name(stopping) == ("Theirs once more", "Litware II")


def test_what_is_taken_of_the_target_stays_until_one_of_the_two_changes(stopping: Product) -> None:
    id = stopped(stopping)
    p2c("resolve", FLOW, "A-1", "--take", "finops", *WHY)
    stopping.drain()
    assert memo_and_name(stopping) == ("Theirs", "Their name")
    assert (stopping.link(id).state, stopping.failure(id)) == (LinkState.WRITTEN, None)
    assert "failure closed" in [entry["outcome"] for entry in answer("history", FLOW, id)]
    stopping.edit(id, telephone1="1")
    stopping.settle()
    p2c("reconcile", FLOW, "--repair", "--yes")
    stopping.settle()
    assert memo_and_name(stopping) == ("Theirs", "Their name")
    assert stopping.failure(id) is None
    stopping.edit(id, description="Ours the third time")
    stopping.tick()
    failure = stopping.failure(id)
    assert failure is not None
    assert (failure.cause, failure.value) == ("conflict", "SalesMemo")


def test_a_kept_value_that_others_change_again_is_a_conflict_for_a_comparison(stopping: Product) -> None:
    id = stopped(stopping)
    p2c("resolve", FLOW, "A-1", "--take", "finops", *WHY)
    stopping.drain()
    people_change(stopping, SalesMemo="Theirs once more")
    p2c("reconcile", FLOW, "A-1", "--repair", "--yes", code=1)
    stopping.settle()
    failure = stopping.failure(id)
    assert failure is not None
    assert "'Theirs once more'" in failure.message


def test_fields_are_decided_one_by_one(stopping: Product) -> None:
    id = stopped(stopping)
    p2c("resolve", FLOW, "A-1", "--take", "SalesMemo=finops", "--take", "OrganizationName=sales", *WHY)
    stopping.drain()
    assert memo_and_name(stopping) == ("Theirs", "Litware II")
    assert stopping.failure(id) is None
    (act,) = answer("audit")
    assert (act["what"], act["reason"]) == ("resolve", "they know better")
    assert act["subject"] == f"{id} OrganizationName=sales SalesMemo=finops"


@pytest.mark.parametrize(
    ("takes", "said"),
    [
        (["--take", "SalesMemo=finops"], "not decided: OrganizationName"),
        (["--take", "Memo=finops"], "Memo is not in conflict"),
        (["--take", "erp"], "write sales or finops"),
    ],
)
def test_a_wrong_decision_is_refused_by_name(stopping: Product, takes: list[str], said: str) -> None:
    stopped(stopping)
    assert said in p2c("resolve", FLOW, "A-1", *takes, *WHY, code=2)
    assert answer("audit") == []


def test_a_decision_needs_a_reason(stopping: Product) -> None:
    stopped(stopping)
    assert "--reason is blank" in p2c("resolve", FLOW, "A-1", "--take", "sales", "--yes", code=2)


def test_a_record_without_a_conflict_is_refused_in_one_sentence(stopping: Product) -> None:
    stopping.linked(1)
    assert "A-0 of CustomersV3 has no conflict" in p2c("resolve", FLOW, "A-0", code=2)


@pytest.mark.parametrize("changes", ["source", "target", "link"])
def test_a_record_that_changes_between_showing_and_deciding_is_refused(stopping: Product, changes: str) -> None:
    id = stopped(stopping)
    resolving = stopping.service.resolving(FLOW)
    shown = resolving.look(id)
    match changes:
        case "source":
            stopping.edit(id, description="Ours the third time")
        case "target":
            people_change(stopping, SalesMemo="Theirs once more")
        case _:
            stopping.service.failing().retry(FLOW, [stopping.failure(id)], stopping.service.audit_log("x"))  # type: ignore[list-item]
            stopping.drain()
    with pytest.raises(Refused, match="A-1 has changed since it was shown"):
        resolving.resolve(
            shown,
            dict.fromkeys(("SalesMemo", "OrganizationName"), System.DATAVERSE),
            "why",
            stopping.service.audit_log("x"),
        )
    stopping.drain()
    assert stopping.failure(id) is not None


@pytest.mark.parametrize("taken", ["sales", "finops"])
def test_a_value_that_others_change_after_the_decision_is_not_written_over(stopping: Product, taken: str) -> None:
    id = stopped(stopping)
    p2c("resolve", FLOW, "A-1", "--take", taken, *WHY)
    people_change(stopping, SalesMemo="Theirs once more")
    if taken == "finops":
        stopping.edit(id, description="Ours the third time")
    stopping.tick()
    assert stopping.failure(id) is not None
    assert memo_and_name(stopping)[0] == "Theirs once more"


@pytest.mark.parametrize("policy", ["stop", "target_wins"])
def test_a_decision_for_the_source_holds_though_its_answer_is_lost_and_the_source_changes_again(policy: str) -> None:
    with product(MAP_DOCUMENT=by_policy("stop")) as sync, operated(sync):
        id = stopped(sync)
        sync.start(MAP_DOCUMENT=by_policy(policy))
        p2c("resolve", FLOW, "A-1", "--take", "sales", *WHY)
        sync.finops.faults.add(Rule(Kind.DROP_AFTER, WRITES, times=1))
        sync.drain()
        assert memo_and_name(sync) == ("Ours again", "Litware II")
        assert sync.link(id).dirty
        sync.edit(id, description="Ours the third time")
        sync.settle()
        assert memo_and_name(sync) == ("Ours the third time", "Litware II")
        assert (sync.link(id).state, sync.failure(id)) == (LinkState.WRITTEN, None)


def test_a_decision_of_which_the_storage_answers_the_repetition_only_is_made_and_queued(stopping: Product) -> None:
    id = stopped(stopping)
    with repeated(stopping.service.state.links.table):
        assert "A-1 is decided, and queued" in p2c("resolve", FLOW, "A-1", "--take", "sales", *WHY)
    stopping.drain()
    assert memo_and_name(stopping) == ("Ours again", "Litware II")
    assert (stopping.link(id).state, stopping.failure(id)) == (LinkState.WRITTEN, None)


def test_a_conflict_of_a_record_that_needs_an_entry_set_by_hand_is_decided(stopping: Product) -> None:
    id = stopping.account("A-1", name="Litware", description="Ours", **WAKANDA)
    p2c("map", "set", FLOW, "countries", "Wakanda", "WK", "--reason", "a new customer")
    stopping.tick()
    people_change(stopping, SalesMemo="Theirs")
    stopping.edit(id, description="Ours again")
    stopping.tick()
    p2c("resolve", FLOW, "A-1", "--take", "sales", *WHY)
    stopping.drain()
    assert memo_and_name(stopping) == ("Ours again", "Litware")
    assert stopping.failure(id) is None
