"""History, runs and the audit are kept for so many days, and no longer."""

from collections.abc import Iterator

import pytest

from shared.state.history import Histories
from tests.support.events import Heard
from tests.support.product import FLOW, Product, product

DAY_S = 24 * 3600


@pytest.fixture
def sync() -> Iterator[Product]:
    with product(HISTORY_DAYS="30") as made:
        yield made


def outcomes(sync: Product, id: str) -> list[str]:
    return [entry.outcome for entry in Histories(sync.state.links.table).latest(FLOW, id, 100)]


def test_what_is_too_old_is_removed_and_nothing_else(sync: Product) -> None:
    (id, other) = sync.linked(2)
    sync.service.audit_log("operator").note("pause", FLOW)
    sync.clock.sleep(20 * DAY_S)
    sync.edit(id, telephone1="1")
    sync.tick()
    sync.service.cleanup()
    assert outcomes(sync, id) == ["updated", "created"]
    sync.clock.sleep(15 * DAY_S)
    sync.service.cleanup()
    assert outcomes(sync, id) == ["updated"]
    assert outcomes(sync, other) == []
    assert sync.state.audit.latest(10) == []
    assert {run.kind for run in sync.state.runs.latest(FLOW, 100)} == {"pull", "apply"}
    sync.check_in_step([id, other])


def test_a_cleanup_tells_how_much_it_has_removed(sync: Product, heard: Heard) -> None:
    sync.linked(1)
    sync.clock.sleep(31 * DAY_S)
    sync.service.cleanup()
    (told,) = heard.of("cleaned_up", flow=FLOW)
    assert told["rows"] == 3


def test_a_weekly_comparison_tells_the_drift_of_every_flow_that_runs(sync: Product, heard: Heard) -> None:
    (id, _) = sync.linked(2)
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    sync.service.reconcile()
    (told,) = heard.of("reconciled", flow=FLOW)
    assert (told["complete"], told["compared"], told["extra"], told["missing"]) == (True, 1, 1, 0)
