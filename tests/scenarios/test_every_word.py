"""Every word of the map document between both simulators, whose organisation has columns of its own, whatever fails."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest

from local.simulator.faults import Rule
from local.simulator.owncolumns import read_own_columns
from shared.mapping import field_specs as specs
from shared.state.links import LinkState
from tests.support.assortment import MAP_DOCUMENT, Assortment
from tests.support.product import Product
from tests.support.thinned import spot_faults
from tests.unit.local import dataverse_world, finops_environment

OWN: dict[str, Any] = {
    "accounts": {
        "new_code": {"type": "text", "length": 20},
        "new_tier": {"type": "option", "options": [1, 2, 3]},
        "new_flag": {"type": "yes_no"},
        "new_share": {"type": "decimal"},
        "new_since": {"type": "date", "behavior": "DateOnly"},
        "new_called": {"type": "date", "behavior": "TimeZoneIndependent"},
    },
    "CustomersV3": {
        **{f"ContosoText{number}": {"type": "text", "length": 60} for number in range(9)},
        "ContosoTier": {"type": "member", "members": ["None", "Gold", "Silver"]},
        "ContosoRank": {"type": "whole"},
        "ContosoFlag": {"type": "member", "members": ["No", "Yes"]},
        "ContosoShare": {"type": "decimal"},
        "ContosoSince": {"type": "date"},
        "ContosoCalled": {"type": "date", "behavior": "TimeZoneIndependent"},
    },
    "products": {
        **{f"new_text{number}": {"type": "text", "length": 60} for number in range(6)},
        "new_tier": {"type": "option", "options": [1, 2, 3]},
        "new_flag": {"type": "yes_no"},
        "new_share": {"type": "decimal"},
        "new_since": {"type": "date", "behavior": "DateOnly"},
        "new_called": {"type": "date", "behavior": "TimeZoneIndependent"},
        "new_Keeper": {"type": "lookup", "table": "contacts"},
    },
}


def word(name: str, source: Any = None, /, **arguments: Any) -> dict[str, Any]:
    return {"word": name, **({} if source is None else {"from": source}), **arguments}


def rules(column: str, operator: str, wanted: Any, value: Any) -> dict[str, Any]:
    condition = {"column": column, "operator": operator, "value": wanted}
    return word("rules", rules=[{"when": condition, "value": value}], otherwise="other")


TO_FINOPS: dict[str, dict[str, Any]] = {
    "ContosoText0": word("copy", "primarycontactid.fullname"),
    "ContosoText1": word("constant", value="own"),
    "ContosoText2": word("default", name="customer_group"),
    "ContosoText3": word("first_of", ["new_code", "name"]),
    "ContosoText4": word("joined", ["name", "new_code"], separator=" / "),
    "ContosoText5": word("value_map", "sic", map="industries", otherwise="OTH"),
    "ContosoText6": word("currency", "transactioncurrencyid.isocurrencycode"),
    "ContosoText7": word("unit", "fax"),
    "ContosoText8": rules("new_tier", "in", [2, 3], "high"),
    "ContosoTier": word("option", "new_tier", to={"1": "Gold", "2": "Silver"}),
    "ContosoRank": word("option", "new_tier", to={"1": 10, "2": 20}),
    "ContosoFlag": word("yes_no", "new_flag"),
    "ContosoShare": word("decimal", "new_share", decimals=2),
    "ContosoSince": word("day", "new_since"),
    "ContosoCalled": word("date_time", "new_called"),
}
FIRST: dict[str, Any] = {
    "name": "Litware", "new_tier": 1, "new_flag": True, "new_share": 1.25, "sic": "Retail", "fax": "Each",
    "new_since": "2026-07-14", "new_called": "2026-07-14T09:30:00Z",
}  # fmt: skip
IN_FINOPS: dict[str, Any] = {
    "ContosoText0": "Ana Lee", "ContosoText1": "own", "ContosoText2": "10", "ContosoText3": "Litware",
    "ContosoText4": "Litware", "ContosoText5": "RTL", "ContosoText6": "USD", "ContosoText7": "EA",
    "ContosoText8": "other", "ContosoTier": "Gold", "ContosoRank": 10, "ContosoFlag": "Yes", "ContosoShare": 1.25,
    "ContosoSince": "2026-07-14T12:00:00Z", "ContosoCalled": "2026-07-14T09:30:00Z",
}  # fmt: skip
LATER: dict[str, Any] = {
    "new_code": "L-7", "new_tier": 2, "new_flag": False, "new_share": 2.25, "sic": "Fishing", "fax": None,
    "new_since": "2026-08-01", "new_called": None,
}  # fmt: skip
LATER_IN_FINOPS: dict[str, Any] = {
    **IN_FINOPS, "ContosoText3": "L-7", "ContosoText4": "Litware / L-7", "ContosoText5": "OTH", "ContosoText7": "",
    "ContosoText8": "high", "ContosoTier": "Silver", "ContosoRank": 20, "ContosoFlag": "No", "ContosoShare": 2.25,
    "ContosoSince": "2026-08-01T12:00:00Z", "ContosoCalled": "1900-01-01T12:00:00Z",
}  # fmt: skip

TO_SALES: dict[str, dict[str, Any]] = {
    "new_text0": word("copy", "ProductName"),
    "new_text1": word("default", name="customer_group"),
    "new_text2": word("first_of", ["ProductDescription", "ProductNumber"]),
    "new_text3": word("joined", ["ProductNumber", "ProductDescription"], separator=", "),
    "new_text4": word("value_map", "ProductName", map="industries", otherwise="OTH"),
    "new_text5": word("unit", "SalesUnitSymbol"),
    "suppliername": rules("SalesPrice", "gt", 100, "dear"),
    "new_tier": word("option", "ProductType", to={"Item": 1, "Service": 2}),
    "new_flag": word("yes_no", "IsStockedProduct"),
    "new_share": word("decimal", "SalesPrice", decimals=1),
    "isstockitem": word("constant", value=True),
    "new_Keeper": word("lookup", "ProductDescription", by="msdynce_contactnumber"),
}
IN_SALES: dict[str, Any] = {
    "new_text0": "Retail", "new_text1": "10", "new_text2": "P-1", "new_text3": "P-1", "new_text4": "RTL",
    "new_text5": "Each", "suppliername": "other", "new_tier": 1, "new_flag": True, "new_share": 12.5,
    "isstockitem": True, "_new_keeper_value": None,
}  # fmt: skip
LATER_IN_SALES: dict[str, Any] = {
    **IN_SALES, "new_text0": "Boat", "new_text2": "CON-7", "new_text3": "P-1, CON-7", "new_text4": "OTH",
    "suppliername": "dear", "new_share": 150.3,
}  # fmt: skip


def document(part: str, fields: Mapping[str, Any]) -> str:
    content = {**json.loads(MAP_DOCUMENT), "countries": {}, "states": {}, "own_columns": OWN}
    maps = {"industries": {"Retail": "RTL", "Wholesale": "WHS"}}
    return json.dumps({**content, "value_maps": maps, "fields": {part: fields}})


@contextmanager
def between(kind: type[Product], folder: Path, part: str, fields: Mapping[str, Any]) -> Iterator[Product]:
    """A flow between both simulators, which have the columns of the organisation."""
    own = folder / "own.json"
    own.write_text(json.dumps({"own_columns": OWN}), encoding="utf-8")
    precision = {"pricingdecimalprecision": 4}
    with (
        dataverse_world.dataverse(own=own, settings_row=precision) as sales,
        finops_environment.environment(own=read_own_columns(own)) as finops,
    ):
        yield kind(sales, finops, MAP_DOCUMENT=document(part, fields))


def test_every_word_is_among_them() -> None:
    every = {str(get_args(spec.model_fields["word"].annotation)[0]) for spec in get_args(specs.WordSpec)}
    to_finops = {entry["word"] for entry in TO_FINOPS.values()}
    to_sales = {entry["word"] for entry in TO_SALES.values()}
    assert to_finops == every - {"lookup"}
    # F&O shows no date of a product.
    assert to_sales == every - {"currency", "day", "date_time"}


@pytest.mark.odata_refused("Contoso", "new_")
@spot_faults(1, among=6)
def test_every_word_to_finops_follows_its_columns(tmp_path: Path, rule: Rule | None) -> None:
    with between(Product, tmp_path, "accounts", TO_FINOPS) as sync:
        contact = sync.sales.create("contacts", firstname="Ana", lastname="Lee")
        currency = sync.sales.catalogue()["currency"]
        bound = {
            "primarycontactid@odata.bind": f"/contacts({contact})",
            "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency})",
        }
        id = sync.account("A-1", **FIRST, **bound)
        if rule is not None:
            sync.finops.faults.add(rule)
        sync.settle(60, alone=True)
        sync.finops.faults.clear()
        sync.settle(60, alone=True)
        assert IN_FINOPS.items() <= (sync.customer("A-1") or {}).items()
        if rule is not None:
            sync.finops.faults.add(rule)
        sync.edit(id, **LATER)
        sync.settle(60, alone=True)
        sync.finops.faults.clear()
        sync.settle(60, alone=True)
        assert LATER_IN_FINOPS.items() <= (sync.customer("A-1") or {}).items()
        assert (sync.link(id).state, sync.failure(id)) == (LinkState.WRITTEN, None)


@pytest.mark.odata_refused("new_")
@spot_faults(2, among=6)
def test_every_word_to_sales_follows_its_fields(tmp_path: Path, rule: Rule | None) -> None:
    with between(Assortment, tmp_path, "products", TO_SALES) as sync:
        assert isinstance(sync, Assortment)
        keeper = sync.sales.create("contacts", lastname="Ana", msdynce_contactnumber="CON-7")
        sync.put("P-1", ProductName="Retail", ProductDescription="")

        def product() -> dict[str, Any]:
            (row,) = sync.sales.rows(f"products?$select={','.join(IN_SALES)}&$filter=productnumber eq 'P-1'")
            return {name: row[name] for name in IN_SALES}

        for changes, expected in (
            ({}, IN_SALES),
            (
                {"ProductName": "Boat", "ProductDescription": "CON-7", "SalesPrice": 150.25},
                {**LATER_IN_SALES, "_new_keeper_value": keeper},
            ),
        ):
            if rule is not None:
                sync.sales.faults.add(rule)
            if changes:
                sync.change("P-1", **changes)
            sync.settle(60, alone=True)
            sync.sales.faults.clear()
            sync.settle(60, alone=True)
            assert product() == expected
        assert (sync.link("P-1").state, sync.failure("P-1")) == (LinkState.WRITTEN, None)
