"""Links that an operator mends, and records that are forgotten: both sides are looked at first."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.operations.audit_log import AuditLog, Refused
from shared.operations.link import Linking
from shared.state.history import Histories
from shared.state.keys import Keys, Owner
from shared.state.link_parts import Claim, ClaimKind
from shared.state.links import LinkState
from shared.state.storage.tables import LAST_KEY, Delete, Replace
from tests.support.assortment import assortment
from tests.support.product import FLOW, Product
from tests.support.repeated import repeated
from tests.support.trading import trading


def linking(sync: Product) -> Linking:
    service = sync.service
    return service.linking(FLOW, service.audit_log("operator"))


def forgotten(sync: Product, id: str) -> int:
    service = sync.service
    return service.forget(FLOW, id, service.audit_log("operator"))


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


def test_what_an_operator_does_holds_though_the_storage_answers_its_repetition_only(sync: Product) -> None:
    (id,) = sync.linked(1)
    with repeated(sync.service.state.links.table):
        linking(sync).unlink(id)
        assert sync.link(id).state is LinkState.NEW
        linking(sync).link(id)
    sync.drain()
    sync.check_in_step([id])


def test_a_key_that_was_given_back_can_be_had_by_another_record(sync: Product) -> None:
    (id,) = sync.linked(1)
    linking(sync).unlink(id)
    second = sync.account("A-0")
    assert linking(sync).link(second).target_key == "A-0"
    with pytest.raises(Refused, match=f"belongs to accounts {second}|key_taken|rejected"):
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
    with pytest.raises(Refused, match="is still in Sales"):
        forgotten(sync, id)
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    sync.tick()
    assert forgotten(sync, id) > 1
    kept = str([row for name, row in sync.snapshot().items() if name in ("links", "keys")])
    assert id not in kept
    assert other in kept
    with pytest.raises(Refused, match="nothing is stored"):
        forgotten(sync, id)
    assert sync.service.state.audit.latest(1)[0].what == "forget"


def test_a_record_is_forgotten_though_the_storage_answers_the_repetition_of_its_deletes_only(sync: Product) -> None:
    one, other = sync.linked(2)
    for id in (one, other):
        assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    sync.tick()
    rows = forgotten(sync, one)
    state = sync.service.state
    with repeated(state.links.table), repeated(state.keys):
        assert forgotten(sync, other) == rows
    assert other not in str([row for name, row in sync.snapshot().items() if name in ("links", "keys")])


class Meddling(AuditLog):
    """Something happens between the note of a deed and the deed."""

    def __init__(self, sync: Product, what: Callable[[], object]) -> None:
        given = sync.service
        audit, environment = given.state.audit, given.environment
        super().__init__("operator", audit=audit, environment=environment, clock=given.clock, new_id=given.new_id)
        self._what = what

    def note(self, *of: str, **more: Any) -> None:
        super().note(*of, **more)
        self._what()


def deleted(sync: Product) -> str:
    """An account that was in step, and that the sync has seen gone."""
    (id,) = sync.linked(1)
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    sync.tick()
    return id


def test_a_record_that_only_the_operator_does_not_see_is_not_forgotten(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    before = sync.snapshot()
    with pytest.raises(Refused, match="the sync has not seen yet that it is gone"):
        forgotten(sync, id)
    assert sync.snapshot() == before


def test_a_row_that_somebody_else_removes_meanwhile_does_not_keep_a_record_from_being_forgotten(sync: Product) -> None:
    id = deleted(sync)
    service = sync.service
    table = service.state.links.table
    gone = next(Histories(table).rows(FLOW, id))
    audit_log = Meddling(sync, lambda: table.transact([Delete(gone.row)]))
    assert service.forget(FLOW, id, audit_log) > 0
    assert id not in str(sync.snapshot()["links"])


def test_a_record_that_a_worker_takes_meanwhile_keeps_its_link(sync: Product) -> None:
    id = deleted(sync)
    service = sync.service

    def claim() -> None:
        link = replace(sync.link(id), claim=Claim("worker", ClaimKind.WORKING))
        service.state.links.table.transact([Replace(link.to_row(), link.etag or "")])

    with pytest.raises(Refused, match="changed meanwhile"):
        service.forget(FLOW, id, Meddling(sync, claim))
    assert sync.link(id).claim.id == "worker"


def keys_of_accounts(sync: Product) -> Keys:
    flow = sync.service.flows[FLOW]
    return sync.service.state.keys_of(flow, flow.route("customer"))


def test_a_record_whose_key_a_worker_writes_again_meanwhile_keeps_key_and_link(sync: Product) -> None:
    id = deleted(sync)
    keys = keys_of_accounts(sync)
    key, owner = next((each.key, each.owner) for each in keys.walk())
    with pytest.raises(Refused, match=f"the key {key} of {id} has changed meanwhile; run forget again"):
        sync.service.forget(FLOW, id, Meddling(sync, lambda: keys.own({key: owner})))
    assert sync.link(id).etag is not None
    assert set(keys.owners([key])) == {key}
    assert forgotten(sync, id) > 0
    assert id not in str([sync.snapshot()[name] for name in ("links", "keys")])


def test_a_key_that_another_record_gets_meanwhile_is_no_row_that_was_removed(sync: Product) -> None:
    id = deleted(sync)
    keys = keys_of_accounts(sync)
    owned = next(keys.walk())
    other = Owner(FLOW, "customer", "other")
    partition = sync.service.state.links.table.scan(FLOW, start="", end=LAST_KEY, limit=100)
    about = [row for row in partition if id in row.row.key]
    count = sync.service.forget(FLOW, id, Meddling(sync, lambda: keys.hand_over(owned, other)))
    assert count == len(about)
    assert keys.owners([owned.key])[owned.key].owner == other


def test_forgetting_a_record_leaves_one_whose_number_begins_alike() -> None:
    with assortment() as shop:
        shop.put("P-1", "P-1|X")
        shop.settle(2)
        shop.take_away("P-1")
        shop.settle(16)
        service = shop.service
        before = Histories(service.state.links.table).latest("products", "P-1|X", 10)
        told = Histories(service.state.links.table).latest("products", "P-1", 10)
        assert [entry.outcome for entry in told] == ["deleted: deleted", "created"]
        assert service.forget("products", "P-1", service.audit_log("operator")) == 4
        assert shop.link("P-1|X").state is LinkState.WRITTEN
        assert Histories(service.state.links.table).latest("products", "P-1|X", 10) == before != []


def test_forgetting_a_contact_gives_up_the_keys_of_all_rows_that_it_had() -> None:
    with trading() as desk:
        first, second = desk.account("A-1"), desk.account("A-2")
        contact = desk.contact(first)
        desk.tick()
        body = {"parentcustomerid_account@odata.bind": f"/accounts({second})"}
        assert desk.sales.patch(f"contacts({contact})", body, If_Match="*").status_code == 204
        desk.tick()
        assert len(desk.persons()) == 2
        assert str(desk.snapshot()["keys"]).count(contact) == 2
        assert desk.sales.send("DELETE", f"contacts({contact})").status_code == 204
        desk.tick()
        service = desk.service
        service.forget("contacts", contact, service.audit_log("operator"))
        assert contact not in str(desk.snapshot()["keys"])


def test_a_number_that_a_linked_record_has_left_can_be_had_by_another_one(sync: Product) -> None:
    group = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')"
    row = sync.finops.get(group, {"cross-company": "true"}).json()
    sync.finops.customer(CustomerAccount="B-1")
    assert sync.finops.delete(group, {"cross-company": "true"}).status_code == 204
    id = sync.account("A-9")
    sync.tick()
    assert sync.link(id).held_key == "A-9"
    assert sync.sales.patch(f"accounts({id})", {"accountnumber": "B-1"}, If_Match="*").status_code == 204
    linking(sync).link(id)
    body = {name: value for name, value in row.items() if "@" not in name}
    assert sync.finops.post("CustomerGroups", body).status_code == 201
    other = sync.account("A-9")
    sync.tick()
    sync.check_in_step([id, other])


def test_a_number_that_a_linked_record_owns_and_does_not_use_can_be_had_by_another_one(sync: Product) -> None:
    (id,) = sync.linked(1)
    service = sync.service
    flow = service.flows[FLOW]
    assert service.state.keys_of(flow, flow.route(None)).own({"A-9": Owner(FLOW, "customer", id)}) == {}
    other = sync.account("A-9")
    sync.tick()
    sync.check_in_step([id, other])
