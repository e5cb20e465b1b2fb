"""The demo's comparison where people change the number of an account that is a customer: its customer keeps the former
one, and so does everything that names the customer, until an operator unlinks the account."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest

from local.demo.comparison import Comparison
from local.demo.firstsync import result_of
from local.demo.memory import Memory, read_memory
from local.demo.progress_reader import ProgressReader
from local.demo.selling import Wanted
from local.demo.state_dir import Place
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.flows.quotations import QUOTATIONS
from shared.operations.audit_log import Refused
from shared.state.storage.tables import Replace
from tests.support.clock import START
from tests.unit.local.demo_trade import Trade, trade

_NUMBERS = count(1)
BIKE = Wanted("BK-1", 3)
OF_CUSTOMERS = (ACCOUNTS, CONTACTS, QUOTATIONS, ORDERS, ORDERSBACK, INVOICES)


@pytest.fixture
def running() -> Iterator[Trade]:
    with trade() as world:
        yield world


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    made = Memory(tmp_path, "digest", "records", {})
    made.save()
    return made


def compared(running: Trade, memory: Memory) -> Mapping[str, Comparison]:
    """Both systems compared as the demo does it, which stores what is expected."""
    shop, flows = running.shop, tuple(running.flows.values())
    session = SimpleNamespace(systems=running.systems, counts=dict, peak_memory_mb=0.0)
    storage = SimpleNamespace(table=shop.memory, queues=shop.queues)
    standings = {flow.name: ProgressReader(storage, flow.name, START) for flow in flows}
    result = result_of(cast(Any, session), Place(memory.root, True, memory), flows, standings, in_step=True)
    return {name: each.comparison for name, each in result.flows.items()}


def a_customer(running: Trade) -> tuple[str, str]:
    """An account that is a customer with a contact person; its id and number."""
    number = f"A-{next(_NUMBERS)}"
    id = running.shop.account(number)
    running.contact(id)
    running.sync()
    return id, number


def traded(running: Trade, account: str) -> str:
    """A quote, and an order that is delivered and invoiced, which come after everything else; the number of the
    order."""
    running.contact(account)
    running.quote(f"/accounts({account})", BIKE)
    _, number = running.order(f"/accounts({account})", BIKE)
    running.clerk.deliver(number)
    running.clerk.calculate_totals()
    running.sync()
    running.clerk.invoice(number)
    running.clerk.calculate_totals()
    running.sync()
    return number


def test_what_comes_after_a_number_was_changed_is_expected_under_the_number_of_the_customer(
    running: Trade, memory: Memory
) -> None:
    id, number = a_customer(running)
    assert all(each.clean for each in compared(running, memory).values())
    running.shop.edit(id, accountnumber=f"{number}-NEW")
    order = traded(running, id)
    failure = running.shop.service.state.failures.load(ACCOUNTS, [id])[id]
    assert failure.cause == "key_changed"
    found = compared(running, memory)
    assert {name: each for name, each in found.items() if not each.clean} == {}
    assert found[ORDERS].present > 0
    # The same comparison, made by a demo that does not know the customer's number, is of another opinion.
    again = compared(running, Memory(memory.root, "digest", "records", {}))
    assert order in again[ORDERS].extra
    assert {name for name in OF_CUSTOMERS if again[name].extra} == set(OF_CUSTOMERS) - {ORDERSBACK}
    running.shop.edit(id, accountnumber=number)
    running.sync()
    assert all(each.clean for each in compared(running, memory).values())


def test_the_customer_of_an_account_that_an_operator_has_unlinked_is_expected_under_the_new_number(
    running: Trade, memory: Memory
) -> None:
    id, number = a_customer(running)
    compared(running, memory)
    unlink(running, id)
    running.shop.edit(id, accountnumber=f"{number}-NEW")
    traded(running, id)
    # Contact persons follow by the sweep.
    running.shop.flow = CONTACTS
    running.shop.settle()
    assert running.shop.customer(f"{number}-NEW") is not None
    found = compared(running, memory)
    assert {name: each for name, each in found.items() if not each.clean} == {}
    again = read_memory(memory.root)
    assert again is not None
    assert (again.keys[ACCOUNTS][id], number in again.left[ACCOUNTS]) == (f"{number}-NEW", True)
    # What was unlinked once is not free for ever.
    running.shop.edit(id, accountnumber=f"{number}-NEWER")
    running.sync()
    found = compared(running, again)
    assert {name: each for name, each in found.items() if not each.clean} == {}
    assert again.keys[ACCOUNTS][id] == f"{number}-NEW"


def unlink(running: Trade, id: str) -> None:
    service = running.shop.service
    service.linking(ACCOUNTS, service.audit_log("operator")).unlink(id)


def refuse_to_unlink(running: Trade, id: str) -> None:
    """The link changes between the entry in the audit and the act."""
    service = running.shop.service
    links, log = service.state.links, service.audit_log("operator")
    note = log.note

    def noted(*of: str) -> None:
        note(*of)
        link = links.load(ACCOUNTS, [id])[id]
        links.table.transact([Replace(replace(link, dirty=True).to_row(), link.etag or "")])

    with patch.object(log, "note", noted), pytest.raises(Refused, match="changed meanwhile"):
        service.linking(ACCOUNTS, log).unlink(id)


def unlink_and_link(running: Trade, id: str) -> None:
    """The record is linked to its customer again, under the same number."""
    unlink(running, id)
    service = running.shop.service
    service.linking(ACCOUNTS, service.audit_log("operator")).link(id)


@pytest.mark.parametrize("deed", [refuse_to_unlink, unlink_and_link])
def test_an_account_that_has_its_customer_still_or_again_is_expected_there_though_its_number_changes(
    running: Trade, memory: Memory, deed: Callable[[Trade, str], None]
) -> None:
    id, number = a_customer(running)
    compared(running, memory)
    deed(running, id)
    running.sync()
    assert running.shop.service.state.links.load(ACCOUNTS, [id])[id].target_key == number
    assert all(each.clean for each in compared(running, memory).values())
    running.shop.edit(id, accountnumber=f"{number}-NEW")
    traded(running, id)
    assert running.shop.service.state.failures.load(ACCOUNTS, [id])[id].cause == "key_changed"
    found = compared(running, memory)
    assert {name: each for name, each in found.items() if not each.clean} == {}
    assert memory.keys[ACCOUNTS][id] == number


def test_a_contact_whose_number_was_changed_keeps_its_contact_person_until_it_is_unlinked(
    running: Trade, memory: Memory
) -> None:
    account, number = a_customer(running)
    contact, _ = running.contact(account)
    running.sync()
    assert all(each.clean for each in compared(running, memory).values())
    changed = {"msdynce_contactnumber": f"{number}-PERSON"}
    assert running.shop.sales.patch(f"contacts({contact})", changed, If_Match="*").ok
    running.sync()
    found = compared(running, memory)
    assert {name: each for name, each in found.items() if not each.clean} == {}
    assert running.shop.service.state.failures.load(CONTACTS, [contact])[contact].cause == "key_changed"
    service = running.shop.service
    service.linking(CONTACTS, service.audit_log("operator")).unlink(contact)
    assert running.shop.sales.patch(f"contacts({contact})", {"lastname": "Alvarez"}, If_Match="*").ok
    running.sync()
    found = compared(running, memory)
    assert {name: each for name, each in found.items() if not each.clean} == {}
    assert memory.keys[CONTACTS][contact] == f"contact {number}-PERSON/{number}"
