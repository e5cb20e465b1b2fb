"""Systems that refuse a filter of more than 100 nodes: reads by key are cut, and nobody is blamed."""

from collections.abc import Iterator
from contextlib import contextmanager

from local.dataverse.settings import Settings as SalesSettings
from local.finops.settings import Settings as FinopsSettings
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.finops.environment import FinopsSystem
from shared.service import Service
from shared.systems import System
from tests.support.operator import operated, p2c
from tests.support.product import Product, product, product_between

COUNT = 30
NUMBERS = [f"A-{number}" for number in range(COUNT)]


@contextmanager
def narrow() -> Iterator[tuple[Product, list[str]]]:
    """Accounts in step between systems that take 100 nodes."""
    sales, finops = SalesSettings(max_filter_nodes=100), FinopsSettings(max_filter_nodes=100)
    with product_between(sales, finops) as sync:
        yield sync, sync.linked(COUNT)


def reads_of(service: Service, system: System) -> int:
    found = service.systems[system]
    assert isinstance(found, FinopsSystem | DataverseSystem)
    return found.requests.reads


def test_a_system_with_short_filters_is_read_in_parts_and_nobody_is_blamed() -> None:
    with narrow() as (sync, ids):
        sync.check_in_step(ids)
        for system in System:
            gate = sync.state.control.gate(system)
            assert (gate.closed, gate.strikes, gate.reason) == (False, 0, "")
        assert sync.state.control.flow("accounts").blocked == ""
        assert {sync.link(id).attempts for id in ids} == {0}
        service = sync.service
        assert list(service.reconciling("accounts").drifted()) == []


def test_what_passed_is_used_from_the_start_by_another_instance() -> None:
    with narrow() as (sync, _):
        other = sync.start()
        before = reads_of(other, System.FINOPS)
        assert len(other.flows["accounts"].route("customer").target.find(NUMBERS)) == COUNT
        # 30 keys are too many and 15 are not; a first instance has met that.
        assert reads_of(other, System.FINOPS) - before == 2


def test_after_a_day_long_filters_are_tried_again() -> None:
    with narrow() as (sync, _):
        sync.clock.sleep(24 * 3600)
        before = reads_of(sync.service, System.FINOPS)
        assert len(sync.service.flows["accounts"].route("customer").target.find(NUMBERS)) == COUNT
        assert reads_of(sync.service, System.FINOPS) - before == 3


def test_a_preflight_tries_a_long_filter_and_says_what_it_found() -> None:
    with narrow() as (sync, _), operated(sync):
        said = p2c("preflight", code=1)
    assert (
        "F&O: keys that one filter of CustomersV3 may name: 12, and 50 are too many: reads take more requests" in said
    )
    assert (
        "Sales: keys that one filter of accounts may name: 50, and 100 are too many: reads take more requests" in said
    )


def test_a_preflight_of_systems_without_the_limit_says_so() -> None:
    with product() as sync, operated(sync):
        said = p2c("preflight", code=1)
        assert sync.state.control.table.read("finops", ["filter"]) == {}
    assert "F&O: keys that one filter of CustomersV3 may name: 50" in said
    assert "Sales: keys that one filter of accounts may name: 100" in said
