"""Who set a field, when, from which value and because of what; for as long as a deployment keeps values."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest

from local.simulator.faults import Kind, Rule
from shared.operations.undo_lines import line_changes
from shared.records import LineAction, LineWrite, TargetRow, Values, Write
from shared.state.history import Change, Histories, history_row
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Put
from shared.sync.apply.changed_values import changed_values
from tests.support.clock import ManualClock
from tests.support.operator import answer, operated, p2c
from tests.support.product import FLOW, Product, product
from tests.support.trading import trading

GROUP = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')"
DAY_S = 24 * 3600
MOMENT = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def keeping() -> Iterator[Product]:
    """A deployment that keeps values for ten days, and everything else for thirty."""
    with product(HISTORY_VALUES_DAYS="10", HISTORY_DAYS="30") as made, operated(made):
        yield made


def renamed(sync: Product) -> str:
    """An account in step that was renamed since."""
    (id,) = sync.linked(1)
    sync.clock.sleep(1)
    sync.edit(id, name="Renamed")
    sync.tick()
    return id


def test_by_default_no_value_is_kept(sync: Product) -> None:
    id = renamed(sync)
    assert [entry.values for entry in Histories(sync.state.links.table).latest(FLOW, id, 9)] == [{}, {}]


def test_a_change_has_its_old_and_its_new_value(keeping: Product) -> None:
    renamed(keeping)
    update, create = answer("history", FLOW, "A-0")
    assert update["values"] == {"OrganizationName": ["Account A-0", "Renamed"]}
    assert create["values"]["OrganizationName"] == [None, "Account A-0"]
    assert update["map"] == create["map"]
    told = p2c("history", FLOW, "A-0")
    assert all(part in told for part in ("OrganizationName:", "A-0 -> Renamed", "a change in"))


def test_a_value_that_is_empty_is_told_as_blank(keeping: Product) -> None:
    (id,) = keeping.linked(1)
    for phone in ("+1 555", None):
        keeping.clock.sleep(1)
        keeping.edit(id, telephone1=phone)
        keeping.tick()
    told = p2c("history", FLOW, "A-0")
    assert " OrganizationName: blank -> Account A-0" in told
    assert " PrimaryContactPhone: blank -> +1 555 " in told
    assert " PrimaryContactPhone: +1 555 -> blank " in told


def test_what_others_had_set_is_the_old_value_of_a_repair(keeping: Product) -> None:
    (id,) = keeping.linked(1)
    url = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-0')"
    keeping.finops.patch(url, {"OrganizationName": "By hand"}, {"cross-company": "true"})
    keeping.clock.sleep(1)
    p2c("reconcile", FLOW, id, "--repair", code=1)
    keeping.drain()
    repaired, _ = answer("history", FLOW, id)
    assert repaired["values"]["OrganizationName"] == ["By hand", "Account A-0"]
    assert repaired["by"] == "repair by operator@contoso"
    told = " ".join(p2c("history", FLOW, id).split())
    assert "By hand" in told
    assert "the same again" in told


def test_an_entry_says_whether_a_change_or_an_operator_caused_it(sync: Product) -> None:
    id = sync.account("A-1", address1_country="Atlantis")
    sync.tick()
    sync.edit(id, address1_country="United States", address1_stateorprovince="Tennessee")
    sync.clock.sleep(1)
    p2c("retry", FLOW, id)
    sync.drain()
    assert [(entry["outcome"], entry["by"]) for entry in answer("history", FLOW, id)] == [
        ("created", "retry by operator@contoso"),
        ("rejected: country_unknown", "a change in the source"),
    ]


def test_a_line_of_a_document_has_its_values_too() -> None:
    with trading(HISTORY_VALUES_DAYS="10") as desk, operated(desk):
        account = desk.account("A-1")
        desk.tick()
        _, number = desk.quote(account, lines=1)
        desk.tick()
        (entry,) = answer("history", "quotations", number)
        assert entry["values"]["line 1 ProductNumber"] == [None, "P-1"]


def test_values_are_removed_after_their_own_days_and_the_entry_stays(keeping: Product) -> None:
    id = renamed(keeping)
    keeping.clock.sleep(9 * DAY_S)
    keeping.service.cleanup()
    assert all(entry["values"] for entry in answer("history", FLOW, id))
    keeping.clock.sleep(2 * DAY_S)
    keeping.service.cleanup()
    entries = answer("history", FLOW, id)
    assert [(entry["outcome"], entry["values"]) for entry in entries] == [("updated", {}), ("created", {})]
    assert entries[0]["fields"] == ["OrganizationName"]


def kept_of(values: Mapping[str, Change]) -> Mapping[str, Change]:
    """What an entry with these values holds."""
    row = history_row(FLOW, "a", time=MOMENT, claim="c", run="r", outcome="created", fields="F0", values=values)
    table = MemoryTable(ManualClock())
    table.transact([Put(row)])
    (entry,) = Histories(table).latest(FLOW, "a", 9)
    return entry.values


def test_of_many_values_as_many_are_kept_as_a_property_holds() -> None:
    values = {f"F{number}": (None, "x" * 900) for number in range(100)}
    kept = kept_of(values)
    assert len(kept) == 32
    assert list(kept) == list(values)[:32]


@pytest.mark.parametrize("action", [LineAction.CREATE, LineAction.UPDATE, LineAction.DELETE])
def test_a_line_is_kept_with_all_its_values_or_not_at_all(action: LineAction) -> None:
    values: Values = {"Name": "x" * 4000, "Quantity": 1, "Text": "x" * 4000}
    numbers = range(9, 13)
    gone = action is LineAction.DELETE
    lines = tuple(LineWrite(number, action, {} if gone else values) for number in numbers)
    before = TargetRow({}, lines=dict.fromkeys(numbers, values) if gone else {})
    changed = changed_values(Write("a", "A", {"Note": "x"}, create=False, before=before, lines=lines), {})
    kept = kept_of(changed)
    assert [change.number for change in line_changes(kept)] == [9, 10, 11]
    assert line_changes(kept) == line_changes(changed)[:3]
    assert kept["Note"] == changed["Note"]


def test_an_entry_says_that_the_sweep_has_tried_again_or_that_a_record_has_moved() -> None:
    with trading() as desk, operated(desk):
        assert desk.finops.delete(GROUP, params={"cross-company": "true"}).status_code == 204
        desk.contact(desk.account("A-1"))
        desk.tick()
        body = {"dataAreaId": "usmf", "CustomerGroupId": "10", "Description": "Wholesale"}
        assert desk.finops.post("CustomerGroups", body).status_code == 201
        desk.clock.sleep(3600)
        desk.service.sweep()
        desk.tick()
        number = next(iter(desk.persons()))[0]
        assert [entry["by"] for entry in answer("history", FLOW, "A-1")] == [
            "the sweep's retry",
            "a change in the source",
        ]
        assert [entry["by"] for entry in answer("history", "contacts", number)] == ["a record that it waited for"]


def test_what_an_operator_has_asked_for_is_theirs_also_if_the_target_was_busy_at_first(sync: Product) -> None:
    (id,) = sync.linked(1)
    sync.clock.sleep(1)
    url = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-0')"
    sync.finops.patch(url, {"OrganizationName": "By hand"}, {"cross-company": "true"})
    p2c("reconcile", FLOW, id, "--repair", code=1)
    sync.finops.faults.add(Rule(Kind.THROTTLE, methods=frozenset({"PATCH"}), times=1, retry_after="30"))
    sync.drain()
    sync.settle()
    assert [entry["by"] for entry in answer("history", FLOW, id)] == [
        "repair by operator@contoso",
        "a change in the source",
    ]
