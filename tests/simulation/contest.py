"""People of the target who change, or delete, what the sync has written, where a deployment lets that count; and
records that change on both sides at once."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from shared.records import fold
from tests.simulation.company import Company
from tests.simulation.finops import COMPANIES
from tests.simulation.scenes import Scenes
from tests.simulation.script import Act
from tests.simulation.targets import CUSTOMERS, PERSONS, PHONE, QUOTATIONS, Record, Row
from tests.simulation.watching import Watch

PRODUCTS = "products"
# The fields that people change, by collection, and the columns of the source that are written there, by flow.
_FIELDS = {
    CUSTOMERS: {PHONE: "telephone1", "SalesMemo": "description"},
    PERSONS: {"PrimaryPhoneNumber": "telephone1", "Notes": "description"},
    QUOTATIONS: {"SalesQuotationName": "name"},
    PRODUCTS: {"name": "ProductName", "description": "ProductDescription"},
}
_TABLES = {"accounts": "accounts", "contacts": "contacts", "quotations": "quotes"}
# From here on somebody changes a row beside the worker that writes it.
_BESIDE = 0.85
# More than a row of the sync's own tables can hold of one record.
TOO_LONG = "long " * 8000


@dataclass(slots=True)
class Contest:
    """The people of one history who change what the sync has written. What each of them writes is written by nobody
    else; `made` counts it."""

    company: Company
    scenes: Scenes
    watch: Watch
    is_tied: Callable[[Record], bool]
    made: int = 0

    def theirs(self, act: Act, dice: random.Random) -> None:
        """Somebody changes a row that the sync has written, or deletes one."""
        if act.what == "deleted" and dice.random() < 0.3:
            self._delete_product(dice)
        elif act.what == "deleted":
            self.company.remove_target(dice)
        else:
            places = list(self._places())
            if places:
                entity, row, _ = dice.choice(places)
                self._change(entity, row, dice.choice(sorted(_FIELDS[entity])))

    def contest(self, dice: random.Random) -> None:
        """A field changes on both sides, and mostly it is synced then, perhaps in trouble. Or the row changes only
        while a worker that has read it is about to write."""
        places = [place for place in self._places() if self.company.has(place[2])]
        if not places:
            return
        entity, row, (flow, id) = dice.choice(places)
        name = dice.choice(sorted(_FIELDS[entity]))
        fate = dice.random()
        if fate < _BESIDE:
            self._change(entity, row, name)
        else:
            # What else lies there would be worked on first.
            self.scenes.sync(flow, dice)
        self.made += 1
        self._save(flow, id, {_FIELDS[entity][name]: f"ours {self.made}"})
        if fate < 0.3:
            self.scenes.sync_in_trouble(flow, dice)
        elif fate < 0.8:
            self.scenes.sync(flow, dice)
        elif fate >= _BESIDE:
            meanwhile = dice.choice(sorted(_FIELDS[entity]))
            self.scenes.sync_beside(flow, lambda: self._change(entity, row, meanwhile), dice)

    def write_long_text(self, dice: random.Random) -> None:
        """Somebody writes more into an account than can be remembered of it, or a short text again."""
        rows = self.company.stage.sales.tables["accounts"].rows
        if rows:
            id = dice.choice(sorted(rows))
            self._save("accounts", id, {"description": dice.choice([TOO_LONG, TOO_LONG, "short"])})
            self.scenes.sync("accounts", dice)

    def _places(self) -> Iterator[tuple[str, Row, Record]]:
        """The rows that the sync has written, with the records that have them."""
        stage = self.company.stage
        for entity in (CUSTOMERS, PERSONS, QUOTATIONS):
            for _, row in sorted(stage.finops.rows_of(COMPANIES[0], entity).items()):
                if row.of is not None:
                    yield entity, row, row.of
        for id, values in sorted(stage.sales.tables[PRODUCTS].rows.items()):
            writer = stage.sales.writers.get(id)
            if writer is not None and self.is_tied(writer):
                yield PRODUCTS, Row(id, values), writer

    def _change(self, entity: str, row: Row, name: str) -> None:
        self.made += 1
        value = f"theirs {self.made}"
        if entity == PRODUCTS:
            self.company.stage.sales.edit(PRODUCTS, row.key, {name: value})
            return
        if row.of is not None and not self.is_tied(row.of):
            row.doubtful = True
        row.change({name: value})
        row.touched.add(name)

    def _save(self, flow: str, id: str, values: dict[str, Any]) -> None:
        stage = self.company.stage
        if flow == PRODUCTS:
            for rows in stage.finops.products.values():
                if id in rows:
                    rows[id].update(values)
        elif flow == "quotations":
            for quote, row in list(stage.sales.tables["quotes"].rows.items()):
                if row["quotenumber"] == id:
                    stage.sales.save("quotes", quote, values)
        else:
            stage.sales.save(_TABLES[flow], id, values)

    def _delete_product(self, dice: random.Random) -> None:
        """Somebody deletes a product in Sales, with its prices."""
        stage = self.company.stage
        there = [row.key for entity, row, _ in self._places() if entity == PRODUCTS]
        if not there:
            return
        id = dice.choice(there)
        number, writer = str(stage.sales.tables[PRODUCTS].rows[id]["productnumber"]), stage.sales.writers[id]
        items = stage.sales.tables["productpricelevels"].rows
        for item in [each for each, row in items.items() if row["_productid_value"] == id]:
            stage.sales.remove("productpricelevels", item)
        stage.sales.remove(PRODUCTS, id)
        self.watch.note_deleted(("", PRODUCTS, fold(number)), Row(number, {}, of=writer))
        for company in COMPANIES:
            stage.finops.removed.add((company, PRODUCTS, fold(number)))
