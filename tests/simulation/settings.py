"""The settings of a deployment, in the variants that a history changes between."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from shared import exact_json
from shared.errors import SettingsInvalid
from shared.flows.accounts.mapping import AccountMapper
from shared.flows.accounts.wiring import account_mapper
from shared.flows.contacts.mapping import ContactMapper
from shared.flows.contacts.wiring import contact_mapper
from shared.flows.invoices.mapping import InvoiceMapper
from shared.flows.invoices.wiring import invoice_mapper
from shared.flows.orders.mapping import OrderMapper
from shared.flows.orders.wiring import order_mapper
from shared.flows.ordersback.mapping import OrdersBackMapper
from shared.flows.ordersback.wiring import created_orders
from shared.flows.products.mapping import ProductMapper
from shared.flows.products.wiring import product_mapper
from shared.flows.quotations.mapping import QuotationMapper
from shared.flows.quotations.wiring import quotation_mapper
from shared.flows.registry import FLOWS
from shared.flows.spec import Deployment
from shared.mapping.value_maps import ValueMaps
from shared.settings import Settings

Document = dict[str, Any]
URL, RENAMED_URL = "https://contoso.crm.dynamics.com", "https://fabrikam.crm.dynamics.com"
_MAPS: Mapping[str, Any] = {
    "defaults": {
        "customer_group": "10",
        "site": "1",
        "warehouse": "13",
        "language": "en-us",
        "country": "US",
        "currency": "USD",
        "unit_group": "Default unit",
        "amount_decimals": 4,
    },
    "countries": {"United States": "US", "Schweiz": "CH"},
    "states": {"US": {"Washington": "WA"}},
    "currencies": {"USD": "USD", "EUR": "EUR"},
    "text_lengths": {"CustomersV3": {"AddressCity": 60}},
    "units": [{"sales": "Each", "finops": "EA"}, {"sales": "Kilogram", "finops": "KG"}],
    "product_types": {"Item": 1, "Service": 3},
    "price_lists": {},
    "amount_decimals": {},
    "storage": {},
}
MAPS = json.dumps(_MAPS)
_BASE = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DATAVERSE_URL": URL,
    "FINOPS_URL": "https://contoso.operations.dynamics.com",
    "COMPANY": "usmf",
    "HINTS_PER_MESSAGE": "4",
    "BULK_ROWS": "3",
    "PRODUCTS_PRICE_ITEMS": "sync",
    "GONE_LIMIT_COUNT": "1000",
}
# Accounts of this name are out of scope where there are fewer of them.
LEFT_OUT = "Litware"
TIGHT = "tight limits"
# What a deployment may change, each with the setting that it concerns; the first one is how it begins. What it changes
# of the value map stands below.
VARIANTS: Mapping[str, Mapping[str, str]] = {
    "as it began": {},
    "another customer group": {},
    "fewer accounts": {},
    "linked accounts only": {"ACCOUNTS_SCOPE": "linked"},
    "adoption": {
        "ACCOUNTS_ON_EXISTING": "adopt",
        "CONTACTS_ON_EXISTING": "adopt",
        "PRODUCTS_ON_EXISTING": "adopt",
        "QUOTATIONS_ON_EXISTING": "adopt",
        "ORDERS_ON_EXISTING": "adopt",
        "INVOICES_ON_EXISTING": "adopt",
    },
    "adoption without publishing": {"PRODUCTS_ON_EXISTING": "adopt", "PRODUCTS_PUBLISH": "false"},
    "ends are shown": {
        "ACCOUNTS_ON_HOLD_WHEN_ENDED": "All",
        "CONTACTS_ON_HOLD_WHEN_ENDED": "Invoice",
        "PRODUCTS_WHEN_VANISHED": "retire",
    },
    "numbers of parties by F&O": {"ACCOUNTS_PARTY_NUMBER": "finops", "CONTACTS_PARTY_NUMBER": "finops"},
    TIGHT: {"GONE_LIMIT_COUNT": "0", "GONE_LIMIT_PERCENT": "20", "CHANGE_LIMIT_PERCENT": "30"},
}


@dataclass(frozen=True, slots=True)
class Mappers:
    """The mappings as a variant wants them. Pure, and so shared by all histories of a process."""

    accounts: AccountMapper
    contacts: ContactMapper
    products: ProductMapper
    quotations: QuotationMapper
    orders: OrderMapper
    ordersback: OrdersBackMapper
    invoices: InvoiceMapper

    def of(self, flow: str) -> Any:
        """The mapping of a flow."""
        return getattr(self, flow)


# What comes back of orders, by name: nothing where a history has no orders at all.
NO_TRADE, NOTHING_BACK, STATUS_BACK = "", "nothing comes back", "status and invoices"
TRADES: Mapping[str, Mapping[str, str]] = {
    NO_TRADE: {},
    STATUS_BACK: {"ORDERS_BACK": "status", "INVOICES": "on"},
    NOTHING_BACK: {"ORDERS_BACK": "off", "INVOICES": "off"},
}


# What a deployment may decide about changes of others in the target, by name; the first one is as shipped.
AS_SHIPPED = "as shipped"
_OF_SINGLE_ROWS = ("accounts", "contacts", "products")
POLICIES: Mapping[str, Document] = {
    AS_SHIPPED: {},
    "theirs stay": {
        **{flow: {"on_conflict": "target_wins", "on_target_deleted": "unlink"} for flow in _OF_SINGLE_ROWS},
        "quotations": {"on_conflict": "target_wins"},
    },
    "conflicts stop": {
        **{flow: {"on_conflict": "stop", "on_target_deleted": "list"} for flow in _OF_SINGLE_ROWS},
        "quotations": {"on_conflict": "stop"},
    },
    "each another": {
        "accounts": {"on_conflict": "target_wins", "on_target_deleted": "list"},
        "contacts": {"on_conflict": "stop", "on_target_deleted": "unlink"},
        "products": {"on_conflict": "stop"},
    },
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a value map that operators set by hand, for a flow."""

    flow: str
    map: str
    name: str
    code: str | int


# The entries that operators set, by name. Each has a name of its own in its map.
ENTRIES: Mapping[str, Entry] = {
    "a country": Entry("accounts", "countries", "Atlantis", "AT"),
    "a product type": Entry("products", "product_types", "Subscription", 1),
}


# The columns of accounts and contacts that get the results of their records, where a document names some.
RESULT_COLUMNS: Mapping[str, str] = {
    "state": "new_financestate",
    "reason": "new_financereason",
    "since": "new_infinancesince",
}
RESULT_FLOWS = ("accounts", "contacts")


def with_results(maps: str) -> str:
    """A map document that names columns for results."""
    read = exact_json.loads(maps)
    assert isinstance(read, dict)
    return exact_json.dumps({**read, "results": {flow: dict(RESULT_COLUMNS) for flow in RESULT_FLOWS}})


def has_entry(maps: str, entry: Entry) -> bool:
    """Whether a map document has an entry itself."""
    read = exact_json.loads(maps)
    of_map = read.get(entry.map) if isinstance(read, dict) else None
    return isinstance(of_map, dict) and of_map.get(entry.name) == entry.code


def with_entries(maps: str, entries: Iterable[Entry]) -> str:
    """A map document with these entries."""
    read = exact_json.loads(maps)
    assert isinstance(read, dict)
    content: Document = {**read}
    for entry in entries:
        content[entry.map] = {**content.get(entry.map, {}), entry.name: entry.code}
    return exact_json.dumps(content)


class SettingsKey(NamedTuple):
    """What the settings of a deployment are made of; `trade` is one of TRADES, `policies` one of POLICIES."""

    variant: str
    url: str
    company: str
    maps: str
    trade: str = NO_TRADE
    policies: str = AS_SHIPPED


def _another_group(maps: Document) -> Document:
    group = "10" if maps["defaults"]["customer_group"] == "20" else "20"
    return {**maps, "defaults": {**maps["defaults"], "customer_group": group}}


def _fewer_accounts(maps: Document) -> Document:
    fewer = {"name": "fewer", "keep": {"column": "name", "operator": "ne", "value": LEFT_OUT}}
    filters = maps.get("filters", {})
    return {**maps, "filters": {**filters, "accounts": [*filters.get("accounts", []), fewer]}}


_OF_THE_MAPS: Mapping[str, Callable[[Document], Document]] = {
    "another customer group": _another_group,
    "fewer accounts": _fewer_accounts,
}


def settings_of(key: SettingsKey) -> Settings:
    """The settings of a variant, in an environment and a company. `maps` is the map document: what the variant
    changes of it is changed, and settings that this document forbids are left out."""
    return _made(key)[0].settings


def deployment_of(settings_key: SettingsKey) -> Deployment:
    """The flows with such settings and their document."""
    return _made(settings_key)[0]


def mappers_of(settings_key: SettingsKey) -> Mappers:
    """The mappings of settings, made once a process: to digest a map document takes its time."""
    return _made(settings_key)[1]


def forget_mappings() -> None:
    """Give back the memory that the mappings of large documents take."""
    _made.cache_clear()
    _maps_of.cache_clear()
    _read_maps.cache_clear()


@lru_cache(maxsize=1024)
def _made(settings_key: SettingsKey) -> tuple[Deployment, Mappers]:
    """Raises SettingsInvalid for a document that allows no mapping at all."""
    usual = settings_key._replace(url=URL, company=_BASE["COMPANY"])
    if settings_key == usual:
        return _made_there(usual)
    # No mapping depends on the addresses of the systems, or on the company.
    deployment, mappers = _made(usual)
    own = {"DATAVERSE_URL": settings_key.url, "COMPANY": settings_key.company}
    moved = replace(deployment, settings=deployment.settings.model_copy(update=own))
    moved.made.update(deployment.made)
    return moved, mappers


def _made_there(settings_key: SettingsKey) -> tuple[Deployment, Mappers]:
    variant, url, company, maps, trade, policies = settings_key
    document = _maps_of(variant, maps, policies)
    own = {"MAP_DOCUMENT": document, "DATAVERSE_URL": url, "COMPANY": company, **TRADES[trade]}
    try:
        return _with_mappers(FLOWS.read_settings({**_BASE, **VARIANTS[variant], **own}))
    except SettingsInvalid:
        if not VARIANTS[variant]:
            raise
    return _with_mappers(FLOWS.read_settings({**_BASE, **own}))


def _with_mappers(settings: Settings) -> tuple[Deployment, Mappers]:
    deployment = Deployment(FLOWS, settings, _read_maps(settings.MAP_DOCUMENT))
    of_customers = account_mapper(deployment), contact_mapper(deployment)
    # The flow of orders that come back makes this one for itself.
    created_orders(deployment)
    return deployment, Mappers(
        *of_customers,
        product_mapper(deployment),
        quotation_mapper(deployment),
        order_mapper(deployment),
        OrdersBackMapper(deployment.maps),
        invoice_mapper(deployment),
    )


@lru_cache(maxsize=2)
def _read_maps(document: str | None) -> ValueMaps:
    return FLOWS.read_map_document(document)


@lru_cache(maxsize=64)
def _maps_of(variant: str, maps: str, policies: str) -> str:
    change, decided = _OF_THE_MAPS.get(variant), POLICIES[policies]
    content = exact_json.loads(maps) if change is not None or decided else None
    if not isinstance(content, dict):
        return maps
    changed: Document = content if change is None else change(content)
    return exact_json.dumps({**changed, "policies": {**changed.get("policies", {}), **decided}} if decided else changed)
