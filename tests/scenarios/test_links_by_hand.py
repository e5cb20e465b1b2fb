"""Links that an operator mends, and records that are forgotten: both sides are looked at first."""

from collections.abc import Iterator

import pytest

from shared.operations.deeds import Deeds, Refused
from shared.operations.forgetting import forget
from shared.operations.linking import Linking
from shared.state.links import LinkState
from tests.support.product import FLOW, Product, product


@pytest.fixture
def sync() -> Iterator[Product]:
    with product() as made:
        yield made


def linking(sync: Product) -> Linking:
    parts = sync.service.parts
    return Linking(parts, parts.flows[FLOW], Deeds(parts, "operator"))


def forgotten(sync: Product, id: str) -> int:
    parts = sync.service.parts
    return forget(parts, parts.flows[FLOW], id, Deeds(parts, "operator"))


def test_an_unlinked_record_is_a_new_one_and_meets_its_own_customer_as_somebody_elses(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert linking(sync).unlink(id).target_key == "A-0"
    assert sync.link(id).state is LinkState.NEW
    sync.edit(id, telephone1="1")
    sync.tick()
    failure = sync.failure(id)
    assert failure is not None
    assert failure.cause == "target_exists"


def test_a_record_is_linked_to_the_customer_that_is_there_and_written(sync: Product) -> None:
    (id,) = sync.linked(1)
    linking(sync).unlink(id)
    sync.edit(id, name="Renamed meanwhile")
    sync.tick()
    assert linking(sync).link(id).target_key == "A-0"
    sync.drain()
    sync.check_in_step([id])
    assert (sync.customer("A-0") or {})["OrganizationName"] == "Renamed meanwhile"


def test_a_key_that_was_given_back_can_be_had_by_another_record(sync: Product) -> None:
    (id,) = sync.linked(1)
    linking(sync).unlink(id)
    second = sync.account("A-0")
    assert linking(sync).link(second).target_key == "A-0"
    with pytest.raises(Refused, match=f"belongs to record {second}|key_taken|rejected"):
        linking(sync).link(id)


@pytest.mark.parametrize(
    ("deed", "said"),
    [("unlink", "is not linked"), ("link", "there is no A-9 in CustomersV3")],
)
def test_what_cannot_be_done_is_refused_with_the_reason(sync: Product, deed: str, said: str) -> None:
    id = sync.account("A-9")
    with pytest.raises(Refused, match=said):
        getattr(linking(sync), deed)(id)


def test_a_linked_record_is_not_linked_once_more(sync: Product) -> None:
    (id,) = sync.linked(1)
    with pytest.raises(Refused, match="is linked to A-0 already"):
        linking(sync).link(id)


def test_a_record_that_is_gone_is_forgotten_with_its_history_and_its_key(sync: Product) -> None:
    (id, other) = sync.linked(2)
    with pytest.raises(Refused, match="is still in dataverse"):
        forgotten(sync, id)
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    sync.tick()
    assert forgotten(sync, id) > 1
    kept = str([row for name, row in sync.snapshot().items() if name in ("links", "keys")])
    assert id not in kept
    assert other in kept
    with pytest.raises(Refused, match="nothing is remembered"):
        forgotten(sync, id)
    assert sync.service.parts.state.audit.latest(1)[0].what == "forget"
