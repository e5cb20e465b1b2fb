"""What each setting of a flow means for its mapping and its routes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.finops.environment import FinopsSystem
from shared.errors import SettingsInvalid
from shared.flows.accounts.mapping import DeliveryAddress, OnHold, PartyNumber
from shared.flows.accounts.wiring import account_mapper
from shared.flows.contacts.wiring import contact_mapper
from shared.flows.invoices.wiring import invoice_mapper
from shared.flows.orders.wiring import order_mapper
from shared.flows.ordersback.states import ClosingChoices
from shared.flows.ordersback.wiring import created_orders
from shared.flows.products.mapping import PriceItems, Vanished, ZeroPrice
from shared.flows.products.wiring import product_mapper
from shared.flows.quotations.rules import QuotationStatus
from shared.flows.quotations.wiring import quotation_mapper
from shared.flows.registry import FLOWS
from shared.flows.sales_documents.words import RequestedDate
from shared.flows.spec import Deployment, Systems
from shared.mapping.addresses import AddressRules
from shared.mapping.scope import Scope
from shared.state.owners import Owners
from shared.state.storage.memory import MemoryTable
from shared.sync.flow import Flow, Walked
from shared.systems import System
from tests.support.clock import ManualClock
from tests.unit.clients.fakes import line, values_of
from tests.unit.mapping.samples import maps
from tests.unit.mapping.test_wrong_map_documents import SETTINGS

ZURICH, DAY = ZoneInfo("Europe/Zurich"), date(2026, 7, 1)


def deployment(**settings: str) -> Deployment:
    """What settings mean with the shipped document, which is sound."""
    given = {**SETTINGS, "BUSINESS_TIME_ZONE": "Europe/Zurich", **settings}
    return Deployment(FLOWS, FLOWS.read_settings(given), maps())


SINCE, LINKED = Scope(since=DAY, zone=ZURICH), Scope(linked_only=True, zone=ZURICH)
LEFT_OUT = AddressRules(leave_unknown_state_out=True)
RECEIPT = RequestedDate.RECEIPT


@pytest.mark.parametrize(
    ("mapping", "setting", "value", "choice", "meaning"),
    [
        (account_mapper, "ACCOUNTS_SCOPE", "2026-07-01", "scope", SINCE),
        (account_mapper, "ACCOUNTS_SCOPE", "linked", "scope", LINKED),
        (account_mapper, "ACCOUNTS_ON_EXISTING", "adopt", "adopt_existing", True),
        (account_mapper, "ACCOUNTS_PARTY_NUMBER", "finops", "party_number", PartyNumber.FINOPS),
        (account_mapper, "ACCOUNTS_DELIVERY_ADDRESS", "first", "delivery_address", DeliveryAddress.FIRST),
        (account_mapper, "ACCOUNTS_ON_HOLD_WHEN_ENDED", "All", "on_hold_when_ended", OnHold.ALL),
        (account_mapper, "UNKNOWN_STATE", "leave_out", "addresses", LEFT_OUT),
        (contact_mapper, "CONTACTS_SCOPE", "linked", "scope", LINKED),
        (contact_mapper, "CONTACTS_ON_EXISTING", "adopt", "adopt_existing", True),
        (contact_mapper, "CONTACTS_PARTY_NUMBER", "finops", "own_party_number", False),
        (contact_mapper, "CONTACTS_ON_HOLD_WHEN_ENDED", "All", "on_hold_when_ended", OnHold.ALL),
        (contact_mapper, "UNKNOWN_STATE", "leave_out", "addresses", LEFT_OUT),
        (quotation_mapper, "QUOTATIONS_SCOPE", "2026-07-01", "scope", SINCE),
        (quotation_mapper, "QUOTATIONS_ON_EXISTING", "adopt", "adopt_existing", True),
        (quotation_mapper, "QUOTATIONS_STATUSES", " Created , Reset", "statuses",
         (QuotationStatus.CREATED, QuotationStatus.RESET)),
        (quotation_mapper, "QUOTATIONS_REQUESTED_DATE", "receipt", "requested_date", RECEIPT),
        (quotation_mapper, "UNKNOWN_STATE", "leave_out", "addresses", LEFT_OUT),
        (order_mapper, "ORDERS_SCOPE", "linked", "scope", LINKED),
        (order_mapper, "ORDERS_ON_EXISTING", "adopt", "adopt_existing", True),
        (order_mapper, "ORDERS_LINES", "CDSSalesOrderLinesV2", "line_set", "CDSSalesOrderLinesV2"),
        (order_mapper, "ORDERS_ORIGIN", " SALES ", "origin", "SALES"),
        (order_mapper, "ORDERS_REQUESTED_DATE", "receipt", "requested_date", RECEIPT),
        (product_mapper, "PRODUCTS_SCOPE", "linked", "linked_only", True),
        (product_mapper, "PRODUCTS_ON_EXISTING", "adopt", "adopt_existing", True),
        (product_mapper, "PRODUCTS_PUBLISH", "false", "publish", False),
        (product_mapper, "PRODUCTS_WHEN_VANISHED", "retire", "when_vanished", Vanished.RETIRE),
        (product_mapper, "PRODUCTS_PRICE_ITEMS", "sync", "price_items", PriceItems.SYNC),
        (product_mapper, "PRODUCTS_ZERO_PRICE", "item", "zero_price", ZeroPrice.ITEM),
        (invoice_mapper, "INVOICES_SCOPE", "2026-07-01", "since", "2026-07-01"),
        (invoice_mapper, "INVOICES_SCOPE", "linked", "linked_only", True),
        (invoice_mapper, "INVOICES_ON_EXISTING", "adopt", "adopt_existing", True),
        (invoice_mapper, "INVOICES_ORDER", "sync", "settles_order", True),
        (invoice_mapper, "INVOICES_NAME", "order_number", "name_of", "SalesOrderNumber"),
        (invoice_mapper, "MAP_STREET_NUMBER", "true", "street_number", True),
        (invoice_mapper, "ORDERS_BACK", "status", "order_first", True),
        (created_orders, "ORDERS_BACK_SCOPE", "2026-07-01", "since", DAY),
        (created_orders, "ORDERS_BACK_SCOPE", "linked", "linked_only", True),
        (created_orders, "ORDERS_BACK_CANCEL", "on", "closing", ClosingChoices(True, False)),
        (created_orders, "ORDERS_BACK_FULFILL", "on", "closing", ClosingChoices(False, True)),
        (created_orders, "ORDERS_REQUESTED_DATE", "receipt", "requested_date", RECEIPT),
        (created_orders, "MAP_STREET_NUMBER", "true", "street_number", True),
    ],
)  # fmt: skip
def test_each_setting_changes_its_own_choice_and_no_other(
    mapping: Callable[[Deployment], Any], setting: str, value: str, choice: str, meaning: object
) -> None:
    usual, made = mapping(deployment()).choices, mapping(deployment(**{setting: value})).choices
    assert getattr(usual, choice) != meaning
    assert made == replace(usual, **{choice: meaning})


def test_the_zone_of_the_business_is_that_of_every_mapping_with_days() -> None:
    of = deployment()
    for mapping in (quotation_mapper, order_mapper, product_mapper, invoice_mapper, created_orders):
        assert mapping(of).choices.zone == ZURICH


def systems() -> Systems:
    """Both systems, without a row."""
    finops = FinopsSystem(line(values_of([])).channel, "usmf")
    dataverse = DataverseSystem(line(values_of([]), system=System.DATAVERSE).channel)
    return Systems(dataverse, finops, Owners(MemoryTable(ManualClock())))


def wired(name: str, **settings: str) -> Flow:
    """A flow as settings want it."""
    return FLOWS[name].wired(deployment(**settings), systems())


@pytest.mark.parametrize(
    ("flow", "routes"),
    [
        ("accounts", {"customer": set()}),
        ("contacts", {"contact": {"moves"}, "customer": set()}),
        ("products", {"product": set()}),
        ("quotations", {"quotation": set()}),
        ("orders", {"order": {"once"}}),
        ("ordersback", {"status": {"updates"}, "order": set()}),
        ("invoices", {"invoice": set()}),
    ],
)
def test_a_route_writes_over_what_it_has_made_unless_its_flow_says_otherwise(
    flow: str, routes: dict[str, set[str]]
) -> None:
    words = ("adopt_existing", "moves", "once", "updates")
    found = {name: {word for word in words if getattr(route, word)} for name, route in wired(flow).routes.items()}
    assert found == routes
    prefix = FLOWS[flow].prefix
    adopting = wired(flow, **{f"{prefix}_ON_EXISTING": "adopt"}).routes.values()
    assert {route.name for route in adopting if route.adopt_existing} == routes.keys() - {"status"}


@pytest.mark.parametrize("flow", ["products", "ordersback", "invoices"])
def test_a_source_without_versions_is_read_as_a_whole_after_so_many_days(flow: str) -> None:
    setting = f"{FLOWS[flow].prefix}_FULL_WALK_DAYS"
    for days, given in ((7, {}), (1, {setting: "1"}), (30, {setting: "30"})):
        feed = wired(flow, **given).feed
        assert isinstance(feed, Walked)
        assert feed.full_every_s == days * 86_400
    with pytest.raises(SettingsInvalid, match=setting):
        deployment(**{setting: "0"})


@pytest.mark.parametrize(
    ("flow", "setting", "on"), [("invoices", "INVOICES", "on"), ("ordersback", "ORDERS_BACK", "status")]
)
def test_a_flow_that_is_off_as_shipped_says_by_which_setting(flow: str, setting: str, on: str) -> None:
    assert wired(flow).off == f"{setting} is off"
    assert wired(flow, **{setting: on}).off == ""
    assert {name for name in FLOWS.names if wired(name).off} == {"invoices", "ordersback"}


def test_orders_of_finops_look_up_what_they_refer_to_only_where_they_are_created() -> None:
    for setting, looks in (("status", False), ("all", True)):
        flow = wired("ordersback", ORDERS_BACK=setting)
        assert (flow.lookup is not None, set(flow.finders)) == (looks, {"products"} if looks else set())
