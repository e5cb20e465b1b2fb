"""Further fields of quotes, their lines, contacts and products, between both simulators."""

import json
from typing import Any

from shared.state.links import LinkState
from tests.support.assortment import MAP_DOCUMENT
from tests.support.trading import Trading

MAPS: dict[str, Any] = {**json.loads(MAP_DOCUMENT), "states": {}}
FIELDS: dict[str, Any] = {
    "quotations": {"CustomersReference": {"word": "copy", "from": "description", "length": 60}},
    "quotation_lines": {"LineDescription": {"word": "first_of", "from": ["description", "productid.name"]}},
    "contact_persons": {"IsReceivingDirectMail": "owned"},
    "products": {
        "isstockitem": "owned",
        "suppliername": {"word": "copy", "from": "SalesUnitSymbol"},
        "stockvolume": {"word": "decimal", "from": "UnitCost", "decimals": 2},
    },
}


def test_further_fields_of_documents_persons_and_products_are_written_and_stay_in_step(desk: Trading) -> None:
    desk.start(MAP_DOCUMENT=json.dumps({**MAPS, "fields": FIELDS}))
    account = desk.account("A-1")
    desk.stock("P-7")
    contact = desk.contact(account, donotemail=True)
    _, number = desk.quote(account, description="Our reference")
    desk.tick()
    quotation = desk.quotation(number)
    (person,) = desk.persons().values()
    (product,) = desk.sales.rows("products?$select=isstockitem,suppliername,stockvolume&$filter=productnumber eq 'P-7'")
    assert quotation is not None
    assert quotation["CustomersReference"] == "Our reference"
    assert [line["LineDescription"] for line in quotation["lines"].values()] == ["Bike"]
    assert person["IsReceivingDirectMail"] == "No"
    assert (product["isstockitem"], product["suppliername"]) == (True, "EA")
    assert desk.link(number).state is LinkState.WRITTEN
    assert desk.contact_number(contact)
    before = desk.writes()
    desk.tick()
    assert desk.writes() == before


def test_filters_keep_products_and_quotes_out_by_name(desk: Trading) -> None:
    filters = {
        "products": [{"name": "bikes", "keep": {"column": "ProductNumber", "operator": "begins", "value": "P-"}}],
        "quotations": [{"name": "referenced", "keep": {"column": "description", "operator": "filled"}}],
    }
    desk.start(MAP_DOCUMENT=json.dumps({**MAPS, "filters": filters}))
    account = desk.account("A-1")
    desk.stock("X-7")
    _, number = desk.quote(account)
    desk.tick()
    assert desk.product("X-7") is None
    assert desk.rule_of(number) == "filter.referenced"
    told = " ".join(desk.service.explaining("products").explain("X-7").sentences)
    assert "the filter `bikes` of the map document does not keep it" in told
