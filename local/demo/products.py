"""The products flow as seen by the demo: a product in Sales with what it refers to and its price list items."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from local.demo.behaviors import read_behaviors
from local.demo.flows import API, Collection, Kept, Systems, Watched
from local.demo.systems import DATAVERSE, FINOPS, Asked
from shared.clients import quoting
from shared.flows.products import PRODUCTS, catalogue, price_lists
from shared.flows.products import mapping as products
from shared.flows.products.mapping import ProductMapper
from shared.flows.products.wiring import product_mapper
from shared.flows.spec import Deployment
from shared.mapping.verdicts import Known, Verdict
from shared.records import Json, SourceRow, Values, fold

_DRAFT = 2
_OWN_LIST, _OWN_CURRENCY = "_pricelevelid_value", "_transactioncurrencyid_value"
_LIST_COLUMNS = ("pricelevelid", _OWN_CURRENCY)
_ITEM_COLUMNS = ("_productid_value", *(f"_{name}_value" for name in ("pricelevelid", "uomid")), products.AMOUNT)


def watched_products(deployment: Deployment) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong map document."""
    mapper = product_mapper(deployment)
    fields = mapper.table.target_fields
    columns = tuple(f"_{name}_value" if name in products.LOOKUPS else name for name in fields)
    return Watched(
        name=PRODUCTS,
        mapper=mapper,
        source=Collection(
            FINOPS, products.ENTITY_SET, products.KEY_FIELD, mapper.select, company=deployment.settings.COMPANY
        ),
        target=_target((*columns, _OWN_LIST, products.STATE, products.ID_COLUMN)),
        view=ProductView(mapper),
        asked={
            FINOPS: Asked.both(products.ENTITY_SET),
            # The only flow that sends batches to Sales.
            DATAVERSE: Asked.both(products.TARGET_SET, products.ITEM_SET, *catalogue.TABLES, "$batch"),
        },
        adopt=mapper.choices.adopt_existing,
    )


@dataclass(frozen=True, slots=True)
class ProductView:
    """What the mapping of a product needs, read from Sales itself and never from the sync's state.

    A product keeps the price list that it has for as long as that is valid. Which one it has is read from its price
    list item, else from its own column: where several lists would do, any of them is right.
    """

    mapper: ProductMapper

    def known(self, systems: Systems, key: str | None, kept: Kept) -> Callable[[SourceRow], Known]:  # noqa: ARG002 - not asked
        """What the mapping may know about a source record; read for one key, or for all of them."""
        now = datetime.now(UTC)
        tables = {name: tuple(_rows(systems, name, select)) for name, select in catalogue.TABLES.items()}
        references = {**tables, **read_behaviors(systems, price_lists.DATE_COLUMNS)}
        lists = self._lists(systems, key)

        def known(row: SourceRow) -> Known:
            kept = lists.get(fold(row.id))
            return Known(now, {products.ITEM: {"pricelevelid": kept}} if kept else {}, references)

        return known

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:
        """The product's price list items are shown as a list of all that it has."""
        items = _items(systems, rows)
        return [self._present(row, items) for row in rows]

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:  # noqa: ARG002 - it says everything
        """A verdict as the comparison uses it: what the target should hold."""
        return verdict

    def ended(self, key: str) -> Mapping[str, Json]:  # noqa: ARG002 - all rows are of one kind
        """What changes in a target row when its source record ends."""
        return self.mapper.ended()

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self.mapper.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether it has exactly the one item that it should have, with price list, unit and amount; or none."""
        if field != products.ITEM:
            return self.mapper.agree(field, ours, theirs)
        wanted = ours if isinstance(ours, dict) and ours[products.AMOUNT] is not None else None
        return theirs == ([] if wanted is None else [wanted])

    def _present(self, row: Values, items: Mapping[str, list[Values]]) -> Values:
        lookups = {name: _id(row.get(f"_{name}_value")) for name in products.LOOKUPS}
        own = items[str(row[products.ID_COLUMN]).lower()]
        return {**row, **lookups, products.STATE: self._state(row), products.ITEM: [dict(item) for item in own]}

    def _state(self, row: Values) -> Json:
        """A published product that is being revised counts as active, and a draft if the sync does not publish."""
        state = row[products.STATE]
        as_good = {products.UNDER_REVISION, *(() if self.mapper.choices.publish else (_DRAFT,))}
        return products.ACTIVE if state in as_good else state

    def _lists(self, systems: Systems, key: str | None) -> dict[str, str]:
        rows = _target((_OWN_LIST, _OWN_CURRENCY, products.ID_COLUMN)).rows(systems, key)
        items = _items(systems, rows)
        lists: dict[str, str] = {}
        for row in rows:
            on_items = [item["pricelevelid"] for item in items[str(row[products.ID_COLUMN]).lower()]]
            kept = next(iter(on_items), row.get(_OWN_LIST))
            if kept is not None:
                lists[fold(str(row[products.KEY_COLUMN]))] = str(kept).lower()
        return lists


def _target(columns: tuple[str, ...]) -> Collection:
    # What Sales users have entered is not ours.
    only = {"msdynce_ismaintainedexternally": True}
    return Collection(DATAVERSE, products.TARGET_SET, products.KEY_COLUMN, columns, only=only)


def _items(systems: Systems, rows: list[Values]) -> dict[str, list[Values]]:
    """The price list items by product, on lists in the product's own currency: those of one product, or all that
    there are. Lists in other currencies hold the Sales users' own prices."""
    currencies = {str(row[products.ID_COLUMN]).lower(): row.get(_OWN_CURRENCY) for row in rows}
    of_list = {_id(row["pricelevelid"]): row[_OWN_CURRENCY] for row in _rows(systems, "pricelevels", _LIST_COLUMNS)}
    ids = [str(row[products.ID_COLUMN]).lower() for row in rows]
    wanted = quoting.equals("_productid_value", quoting.Guid(ids[0])) if len(ids) == 1 else ""
    found: dict[str, list[Values]] = defaultdict(list)
    for row in _rows(systems, products.ITEM_SET, _ITEM_COLUMNS, wanted):
        of = {name: _id(row[f"_{name}_value"]) for name in ("pricelevelid", "uomid")}
        product = str(row["_productid_value"]).lower()
        if of_list.get(of["pricelevelid"]) == currencies.get(product):
            found[product].append({**of, products.AMOUNT: row[products.AMOUNT]})
    return found


def _rows(systems: Systems, entity_set: str, select: tuple[str, ...], wanted: str = "") -> list[Values]:
    parameters = {"$select": quoting.columns(select), "$filter": wanted}
    return list(systems[DATAVERSE].rows(f"{API}/{entity_set}?{quoting.query(parameters)}"))


def _id(value: Json) -> Json:
    return None if value is None else str(value).lower()
