"""A document of Sales as it is read: why it is not for F&O, who its customer is, and how its lines are named."""

import pytest

from shared.flows.sales_documents.rows import (
    customer_of,
    filter_of,
    has_discount,
    headers_of,
    lines_of,
    named,
    place_of,
)
from shared.mapping.verdicts import Parent
from shared.records import Json, SourceRow

PRODUCT, EXTERNAL, ONLY = (
    "productid.productnumber",
    "productid.msdynce_ismaintainedexternally",
    "msdynce_hasexternallymaintainedproductsonly",
)
LINE: dict[str, Json] = {"productid": {"productnumber": "P-1", "msdynce_ismaintainedexternally": True}}
OURS: dict[str, Json] = {"productid": {"productnumber": "P-1", "msdynce_ismaintainedexternally": False}}


@pytest.mark.parametrize(
    ("header", "lines", "rule"),
    [
        ({}, [LINE], None),
        ({ONLY: True}, [LINE, LINE], None),
        ({"discountamount": 0, "discountpercentage": None}, [LINE], None),
        ({"discountamount": 1}, [LINE], "header_discount"),
        ({"discountpercentage": -1}, [], "header_discount"),
        ({}, [], "no_lines"),
        ({}, [LINE, {**LINE, "isproductoverridden": True}], "write_in_line"),
        ({}, [{**LINE, "isproductoverridden": False}], None),
        ({}, [LINE, {"productid": None}], "write_in_line"),
        ({}, [LINE, OURS], "own_product"),
        ({ONLY: False}, [LINE], "own_product"),
        ({}, [OURS, {**LINE, "isproductoverridden": True}], "write_in_line"),
    ],
)
def test_a_document_has_the_first_rule_that_keeps_it_from_finops(
    header: dict[str, Json], lines: list[dict[str, Json]], rule: str | None
) -> None:
    assert filter_of(header, lines) == rule
    assert has_discount(header) is (rule == "header_discount")


@pytest.mark.parametrize(
    ("header", "customer"),
    [
        ({}, None),
        ({"customerid_account": {"accountid": "AA"}, "customerid_contact": None}, Parent("accounts", "customer", "aa")),
        ({"customerid_account": None, "customerid_contact": {"contactid": "BB"}}, Parent("contacts", "customer", "bb")),
        ({"customerid_account": None, "customerid_contact": None}, None),
    ],
)
def test_the_customer_is_the_account_or_else_the_contact(header: dict[str, Json], customer: Parent | None) -> None:
    assert customer_of(header) == customer


@pytest.mark.parametrize(
    ("number", "own", "name"),
    [
        (3, 3, "line 3"),
        (0, 0, "the line without number of product P-1"),
        (None, None, "the line without number of product P-1"),
        ("3", None, "line 3"),
    ],
)
def test_a_line_has_the_number_of_sales_if_that_is_one(number: Json, own: int | None, name: str) -> None:
    line = {**LINE, "lineitemnumber": number, "id": "L1"}
    assert place_of(line, "id").number == own
    assert named(line) == name


@pytest.mark.parametrize("nested", [None, "x", [], ["x"]])
def test_what_is_no_row_is_none(nested: Json) -> None:
    assert headers_of(SourceRow("1", 1, {"revisions": nested})) == []
    assert lines_of({"lines": nested}) == []


def test_rows_among_others_are_read() -> None:
    assert headers_of(SourceRow("1", 1, {"revisions": [{"a": 1}, "x"]})) == [{"a": 1}]
    assert lines_of({"lines": ["x", {"b": 2}]}) == [{"b": 2}]
