"""Many rejections of one cause block the flow, if a deployment wants that; and once a day it is told what is open."""

import pytest

from shared.state.control import BlockKind
from tests.support.events import Heard
from tests.support.operator import p2c
from tests.support.product import FLOW, Product

BAD = {"address1_country": "Atlantis"}


def rejected(sync: Product, count: int, first: int = 0, **values: object) -> list[str]:
    """New accounts that are rejected, and the sweep that looks at them."""
    ids = [sync.account(f"A-{first + number}", **{**BAD, **values}) for number in range(count)]
    sync.tick()
    sync.service.sweep()
    return ids


def test_without_a_limit_any_number_may_be_rejected(sync: Product) -> None:
    rejected(sync, 5)
    assert not sync.state.control.flow(FLOW).blocked


def test_more_rejections_of_one_cause_than_the_limit_block_the_flow_and_say_which(sync: Product, heard: Heard) -> None:
    sync.start(REJECTION_LIMIT="3")
    rejected(sync, 3)
    assert not sync.state.control.flow(FLOW).blocked
    rejected(sync, 1, first=3)
    control = sync.state.control.flow(FLOW)
    assert control.block_kind is BlockKind.REJECTIONS
    assert control.blocked.startswith("4 records were rejected as country_unknown within 10 min, more than 3; ")
    (told,) = heard.of("flow_blocked", flow=FLOW)
    assert (told["kind"], told["reason"]) == ("rejections", control.blocked)
    later = sync.account("B-1", address1_country="United States", address1_stateorprovince="Tennessee")
    sync.tick()
    assert sync.link(later).etag is None
    assert sync.customers() == 0


def test_rejections_of_several_causes_or_of_earlier_times_do_not_add_up(sync: Product) -> None:
    sync.start(REJECTION_LIMIT="2", REJECTION_MINUTES="5")
    rejected(sync, 2)
    rejected(sync, 2, first=2, name="   ", address1_country=None)
    sync.clock.sleep(301)
    rejected(sync, 2, first=4)
    assert not sync.state.control.flow(FLOW).blocked


@pytest.mark.parametrize("lift", ["unblock", "accept"])
def test_what_was_rejected_before_a_block_does_not_block_again(sync: Product, lift: str) -> None:
    sync.start(REJECTION_LIMIT="3")
    ids = rejected(sync, 4)
    sync.clock.sleep(1)
    p2c(lift, FLOW, "--yes")
    rejected(sync, 3, first=4)
    assert not sync.state.control.flow(FLOW).blocked
    for id in ids:
        sync.edit(id, address1_country="United States", address1_stateorprovince="Tennessee")
    sync.settle()
    assert sync.customers() == 4
    rejected(sync, 1, first=8)
    rejected(sync, 3, first=9)
    assert sync.state.control.flow(FLOW).block_kind is BlockKind.REJECTIONS


def test_once_a_day_each_flow_tells_what_is_open(sync: Product, heard: Heard) -> None:
    first, second, third = rejected(sync, 3)
    sync.edit(third, name="   ", address1_country=None)
    contact = sync.sales.create("contacts", lastname="A", parentcustomerid_account__to=f"/accounts({first})")
    sync.tick()
    sync.service.pull("contacts")
    (message,) = sync.queues.receive("contacts", limit=1, invisible_s=600)
    sync.service.apply("contacts", message.body.encode())
    p2c("assign", FLOW, second, "--to", "Ana")
    p2c("dismiss", FLOW, first, "--reason", "a test", "--yes")
    sync.clock.sleep(7200)
    sync.service.cleanup()
    (accounts,) = heard.of("digest", flow=FLOW)
    assert (accounts["failures"], accounts["unassigned"], accounts["oldest_h"]) == (2, 1, 2)
    assert accounts["causes"] == "country_unknown 1, name_missing 1"
    (contacts,) = heard.of("digest", flow="contacts")
    assert (contacts["failures"], contacts["waiting"], contacts["waiting_h"]) == (0, 1, 2)
    assert contacts["waiting_id"] == contact
    assert heard.of("digest", flow="invoices") == []
