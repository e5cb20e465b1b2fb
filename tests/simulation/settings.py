"""The settings of a deployment, in the variants that a history changes between."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from shared.flows import (
    account_mapper,
    contact_mapper,
    product_mapper,
    quotation_mapper,
)
from shared.mapping.accounts import AccountMapper
from shared.mapping.contacts import ContactMapper
from shared.mapping.products import ProductMapper
from shared.mapping.quotations import QuotationMapper
from shared.settings import Settings

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
# What a deployment may change, each with the setting that it concerns; the first one is how it begins.
VARIANTS: Mapping[str, Mapping[str, str]] = {
    "as it began": {},
    "another customer group": {
        "VALUE_MAPS": json.dumps({**_MAPS, "defaults": {**_MAPS["defaults"], "customer_group": "20"}})
    },
    "fewer accounts": {
        "VALUE_MAPS": json.dumps(
            {**_MAPS, "account_filter": [{"column": "name", "operator": "ne", "value": "Litware"}]}
        )
    },
    "linked accounts only": {"ACCOUNTS_SCOPE": "linked"},
    "adoption": {
        "ACCOUNTS_ON_EXISTING": "adopt",
        "CONTACTS_ON_EXISTING": "adopt",
        "PRODUCTS_ON_EXISTING": "adopt",
        "QUOTATIONS_ON_EXISTING": "adopt",
    },
    "adoption without publishing": {"PRODUCTS_ON_EXISTING": "adopt", "PRODUCTS_PUBLISH": "false"},
    "ends are shown": {
        "ACCOUNTS_ON_HOLD_WHEN_ENDED": "All",
        "CONTACTS_ON_HOLD_WHEN_ENDED": "Invoice",
        "PRODUCTS_WHEN_VANISHED": "retire",
    },
    "tight limits": {"GONE_LIMIT_COUNT": "0", "GONE_LIMIT_PERCENT": "20", "CHANGE_LIMIT_PERCENT": "30"},
}


@dataclass(frozen=True, slots=True)
class Mappers:
    """The mappings as a variant wants them. Pure, and so shared by all histories of a process."""

    accounts: AccountMapper
    contacts: ContactMapper
    products: ProductMapper
    quotations: QuotationMapper

    def of(self, flow: str) -> Any:
        """The mapping of a flow."""
        return getattr(self, flow)


# Variant, address of Sales, company, value-map document.
SettingsKey = tuple[str, str, str, str]


@lru_cache(maxsize=256)
def settings_of(variant: str, url: str, company: str, maps: str) -> Settings:
    """The settings of a variant, in an environment and a company. `maps` is the value-map document."""
    return Settings.read({**_BASE, "VALUE_MAPS": maps, **VARIANTS[variant], "DATAVERSE_URL": url, "COMPANY": company})


@lru_cache(maxsize=256)
def mappers_of(settings_key: SettingsKey) -> Mappers:
    """The mappings of settings, made once a process: to digest a value-map document takes its time."""
    settings = settings_of(*settings_key)
    return Mappers(
        account_mapper(settings), contact_mapper(settings), product_mapper(settings), quotation_mapper(settings)
    )
