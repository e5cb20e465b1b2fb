"""What quotations and orders add to the map document: from where products are shipped, and how F&O keeps
amounts."""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from pydantic import Field

from shared.mapping.value_maps import Code, Decimals, Iso3, Part, ValueMaps
from shared.records import fold, trimmed


class StorageDimensions(Part):
    """The site and warehouse in F&O from which a product is shipped; a blank one is not sent."""

    site: str
    warehouse: str

    def value(self, part: Literal["site", "warehouse"]) -> str | None:
        """Site or warehouse; a blank one is not sent."""
        return {"site": self.site, "warehouse": self.warehouse}[part] or None


class SalesDocumentMaps(ValueMaps):
    """Decimals of amounts by currency, site and warehouse by product number."""

    amount_decimals: dict[Iso3, Decimals] = Field(default_factory=dict)
    storage: dict[Code, StorageDimensions] = Field(default_factory=dict)

    def storage_of(self, product: str) -> StorageDimensions | None:
        """From where a product is shipped, by its number; None when it is not listed."""
        return self._storage.get(fold(trimmed(product)))

    def decimals(self, currency: str) -> int:
        """How many decimals F&O keeps of an amount in a currency, by its F&O code."""
        return self.amount_decimals.get(currency, self.defaults.amount_decimals)

    @cached_property
    def _storage(self) -> Mapping[str, StorageDimensions]:
        return {fold(trimmed(product)): value for product, value in self.storage.items()}
