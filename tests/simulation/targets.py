"""Rows of target collections, as the models keep them and the oracle judges them."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.records import Json

CUSTOMERS, PERSONS, QUOTATIONS = "CustomersV3", "CDSContactPersonsV2", "CDSSalesQuotationHeaders"
ORDERS, ORDERS_OF_SALES, INVOICES = "CDSSalesOrderHeaders", "salesorders", "invoices"
# A customer with this phone is refused, for a reason that no mapping knows.
PHONE, REFUSED_PHONE = "PrimaryContactPhone", "999"
# A flow and the id of a record in its source.
Record = tuple[str, str]
# No version comes twice, also if a row is deleted and made again.
_VERSIONS = itertools.count()


@dataclass(slots=True)
class Row:
    """A row of a collection. `of` is the record that the sync has written it for, None of a row that is only people's;
    `made` says that the sync has created it; `touched` are fields that people have changed since. It is `doubtful`
    where they did so before the sync knew what had become of its creation: then nobody can tell it from theirs. It is
    `overwritten` by another record whose late worker has met it, until its own record is written again. It is
    `passable` from the moment its record is gone, also if the record comes back, and where a late worker has made it,
    until it is written once more: another record may have got the row. `sent` and `sent_lines` are what a document
    was made with. `version` is another one after every
    change of its fields, also if they are as they were before."""

    key: str
    values: dict[str, Json]
    of: Record | None = None
    made: bool = False
    lines: dict[int, dict[str, Json]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    doubtful: bool = False
    overwritten: Record | None = None
    passable: bool = False
    sent: dict[str, Json] = field(default_factory=dict)
    sent_lines: list[dict[str, Json]] = field(default_factory=list)
    version: int = field(default_factory=lambda: next(_VERSIONS), compare=False)

    def change(self, values: Mapping[str, Json]) -> None:
        """Somebody changes fields, be it the sync or people."""
        self.values.update(values)
        self.version = next(_VERSIONS)
