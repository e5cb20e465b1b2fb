"""Rules of the map document: every default of it, and each row that a flow chooses by name, may depend on columns."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import exact_json
from shared.flows.products.catalogue import PRICE_LISTS, UNIT_GROUPS
from shared.flows.products.mapping import ITEM
from shared.flows.registry import FLOWS
from shared.flows.spec import Deployment
from shared.mapping.value_maps import Defaults
from shared.mapping.verdicts import Mapped, Rejected
from shared.records import Json
from tests.support.clock import START
from tests.unit.mapping import quotes, test_products
from tests.unit.mapping.samples import account, document, mapped, mapper
from tests.unit.mapping.test_catalogue import (
    EACH,
    EUR,
    GROUP,
    LIST,
    OTHER_EACH,
    OTHER_GROUP,
    group_row,
    price_list_row,
    tables,
)
from tests.unit.mapping.test_products import LATER, item, knowing, product, rejected
from tests.unit.mapping.test_wrong_map_documents import SETTINGS

# Of the defaults these are no codes of a field: how F&O rounds, and the country of an address whose country is blank.
NO_FIELDS = {"amount_decimals", "country"}


def rules(*when: tuple[Json, Json], **otherwise: Json) -> dict[str, Json]:
    """An entry with rules: pairs of a condition and a value, and what counts otherwise."""
    return {"word": "rules", "rules": [{"when": condition, "value": value} for condition, value in when], **otherwise}


def has(column: str, value: Json) -> dict[str, Json]:
    return {"column": column, "operator": "eq", "value": value}


def deployment(**parts: Json) -> Deployment:
    """What a document means for the flows."""
    content = exact_json.dumps(document(countries={}, states={}, **parts))
    return FLOWS.deployment(FLOWS.read_settings({**SETTINGS, "MAP_DOCUMENT": content, "ORDERS_BACK": "all"}))


def fields_with_defaults() -> Iterator[tuple[str, str, str]]:
    """Every field whose value is, or falls back on, a default: its mapping, its name, the default's name."""
    usual = deployment()
    for flow in FLOWS:
        for table in flow.tables(usual):
            for row in table.rows():
                for name in re.findall(r"default `(\w+)`", row.rule):
                    yield table.part, row.field, name
                if "blank: default" in row.rule:
                    yield table.part, row.field, "currency"


def test_every_default_of_the_document_that_is_the_value_of_a_field_belongs_to_one() -> None:
    assert {name for _, _, name in fields_with_defaults()} == set(Defaults.model_fields) - NO_FIELDS


@pytest.mark.parametrize(("part", "field", "name"), list(fields_with_defaults()))
def test_a_field_with_a_default_takes_rules_and_falls_back_on_the_default(part: str, field: str, name: str) -> None:
    usual = deployment()
    table = next(t for flow in FLOWS for t in flow.tables(usual) if t.part == part)
    column = next(c.name for c in table.columns if c.type is str and not c.is_date and "." not in c.name)
    condition: Json = {"column": column, "operator": "eq", "value": "the one"}
    own = deployment(fields={part: {field: rules((condition, "OWN"))}})
    ruled = next(t for flow in FLOWS for t in flow.tables(own) if t.part == part)
    (row,) = (row for row in ruled.rows() if row.field == field)
    assert f"`OWN` if `{column}` eq `the one`" in row.rule
    assert f"default `{name}`" in row.rule or "blank: default" in row.rule
    assert row.is_changed
    assert column in ruled.select


def test_without_otherwise_a_standard_field_keeps_its_standard_word() -> None:
    own = mapper(fields={"accounts": {"CustomerGroupId": rules((has("customertypecode", 3), "30"))}})
    groups = [mapped(own, account(customertypecode=code)).on_create["CustomerGroupId"] for code in (3, 4, None)]
    assert groups == ["30", "10", "10"]


def test_an_otherwise_of_null_is_blank() -> None:
    own = mapper(fields={"accounts": {"CustomerGroupId": rules((has("customertypecode", 3), "30"), otherwise=None)}})
    assert mapped(own, account()).on_create["CustomerGroupId"] is None


def test_the_first_rule_that_holds_counts() -> None:
    both = rules((has("customertypecode", 3), "30"), ({"column": "name", "operator": "filled"}, "40"))
    own = mapper(fields={"accounts": {"SiteId": both}})
    assert [mapped(own, account(customertypecode=code)).on_create["SiteId"] for code in (3, 4)] == ["30", "40"]


def test_a_rule_may_read_a_column_behind_a_lookup() -> None:
    north = rules((has("owningbusinessunit.name", "North"), "2"))
    own = mapper(fields={"accounts": {"SiteId": north}})
    assert own.expand["owningbusinessunit"] == ("name",)
    assert mapped(own, account(owningbusinessunit={"name": "north"})).on_create["SiteId"] == "2"
    assert mapped(own, account(owningbusinessunit=None)).on_create["SiteId"] == "1"


def test_a_language_by_rule_is_compared_without_case_like_the_default() -> None:
    own = mapper(fields={"accounts": {"LanguageId": rules((has("customertypecode", 3), "de-CH"))}})
    assert own.table.agree("LanguageId", "de-CH", "de-ch")


# Lines


def storage(**fields: Json) -> tuple[Json, Json]:
    """Site and warehouse of the line of a quote, whose product has a warehouse of its own."""
    own = quotes.mapper(fields={"quotation_lines": fields}, storage={"D0001": {"site": "2", "warehouse": "22"}})
    found = quotes.mapped_line(own).on_create
    return found["ShippingSiteId"], found["ShippingWarehouseId"]


def test_a_line_is_shipped_from_where_its_rule_says_and_otherwise_from_where_its_product_is() -> None:
    there = has("productid.productnumber", "D0001")
    elsewhere = has("productid.productnumber", "D0002")
    assert storage(ShippingSiteId=rules((there, "7"))) == ("7", "22")
    assert storage(ShippingSiteId=rules((elsewhere, "7"))) == ("2", "22")
    assert storage(ShippingSiteId=rules((elsewhere, "7"), otherwise="8")) == ("8", "22")


def test_the_decimals_of_amounts_are_those_of_the_currency_that_a_rule_gives() -> None:
    euro = rules(({"column": "name", "operator": "filled"}, "EUR"))
    own = quotes.mapper(fields={"quotations": {"CurrencyCode": euro}}, amount_decimals={"EUR": 0})
    found = quotes.rejected(quotes.quote(quotes.header(quotes.line(priceperunit=Decimal("1.5")))), own)
    assert found.cause == "too_many_decimals"


# Rows of Sales that products name


RETAIL = price_list_row("Retail", LATER)
TWO_LISTS = knowing(tables(**{PRICE_LISTS: [price_list_row(), RETAIL]}))


def test_a_product_is_on_the_price_list_that_a_rule_names() -> None:
    own = test_products.mapper(fields={"products": {"pricelevelid": rules((has("ProductType", "Item"), " retail"))}})
    verdict = test_products.mapped(product(), TWO_LISTS, own)
    assert verdict.owned["pricelevelid"] == LATER
    assert item(verdict)["pricelevelid"] == LATER
    assert test_products.mapped(product(ProductType="Service"), TWO_LISTS, own).owned["pricelevelid"] == LIST


def test_a_rule_goes_before_the_list_of_the_currency_and_before_the_list_that_the_product_has() -> None:
    own = test_products.mapper(
        fields={"products": {"pricelevelid": rules((has("ProductType", "Item"), "Retail"))}},
        price_lists={"USD": "List"},
    )
    kept = test_products.mapped(product(), TWO_LISTS, own).owned[ITEM]
    known = knowing(tables(**{PRICE_LISTS: [price_list_row(), RETAIL]}), applied={ITEM: kept})
    assert test_products.mapped(product(), known, own).owned["pricelevelid"] == LATER
    assert test_products.mapped(product(ProductType="Service"), known, own).owned["pricelevelid"] == LIST


def test_a_price_list_that_a_rule_names_and_sales_does_not_have_is_refused_by_name() -> None:
    own = test_products.mapper(fields={"products": {"pricelevelid": {"word": "constant", "value": "Gone"}}})
    refused = rejected(product(), TWO_LISTS, own)
    assert refused.cause == "no_price_list"
    assert "'Gone' in USD" in refused.message
    assert "the rule for pricelevelid" in refused.remedy


def test_a_price_list_in_another_currency_is_not_the_one_that_a_rule_names() -> None:
    own = test_products.mapper(fields={"products": {"pricelevelid": {"word": "constant", "value": "Retail"}}})
    known = knowing(tables(**{PRICE_LISTS: [price_list_row(), price_list_row("Retail", LATER, EUR)]}))
    assert rejected(product(), known, own).cause == "no_price_list"


def test_a_product_has_the_unit_of_the_group_that_a_rule_names() -> None:
    own = test_products.mapper(
        fields={"products": {"defaultuomscheduleid": rules((has("ProductType", "Item"), "Other"))}}
    )
    verdict = test_products.mapped(product(), test_products.KNOWN, own)
    assert (verdict.owned["defaultuomscheduleid"], verdict.owned["defaultuomid"]) == (OTHER_GROUP, OTHER_EACH)
    assert item(verdict)["uomid"] == OTHER_EACH
    other = test_products.mapped(product(ProductType="Service"), test_products.KNOWN, own)
    assert (other.owned["defaultuomscheduleid"], other.owned["defaultuomid"]) == (GROUP, EACH)


def test_a_unit_group_that_a_rule_names_and_sales_does_not_have_is_refused_by_name() -> None:
    own = test_products.mapper(fields={"products": {"defaultuomscheduleid": {"word": "constant", "value": "Gone"}}})
    refused = rejected(product(), test_products.KNOWN, own)
    assert (refused.cause, "'Gone'" in refused.message) == ("unit_group_unknown", True)
    assert "the rule for defaultuomscheduleid" in refused.remedy


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_any_name_of_a_price_list_is_found_or_refused_by_name(name: str) -> None:
    verdict = NAMED_BY_PRODUCT.evaluate(product(ProductDescription=name), TWO_LISTS)
    if isinstance(verdict, Mapped):
        listed = {"retail": LATER, "list": LIST, "": LIST}
        assert verdict.owned["pricelevelid"] == listed[" ".join(name.split()).casefold()]
    else:
        assert isinstance(verdict, Rejected)
        assert verdict.cause == "no_price_list"
        assert repr(name) in verdict.message


NAMED_BY_PRODUCT = test_products.mapper(
    fields={"products": {"pricelevelid": {"word": "copy", "from": "ProductDescription"}}}
)


def test_what_a_rule_may_name_is_looked_up_for_every_product() -> None:
    own = test_products.mapper(fields={"products": {"defaultuomscheduleid": {"word": "constant", "value": "Other"}}})
    fewer = tables(**{UNIT_GROUPS: [group_row()]})
    with_both = own.basis(test_products.KNOWN.references, START)
    assert with_both != own.basis(knowing(fewer).references, START)
    plain = test_products.MAPPER
    assert plain.basis(test_products.KNOWN.references, START) == plain.basis(knowing(fewer).references, START)


def test_naming_a_price_list_changes_the_fingerprint() -> None:
    own = test_products.mapper(fields={"products": {"pricelevelid": {"word": "constant", "value": "Retail"}}})
    other = test_products.mapper(fields={"products": {"pricelevelid": {"word": "constant", "value": "List"}}})
    assert len({own.fingerprint, other.fingerprint, test_products.MAPPER.fingerprint}) == 3


# Fields that are off as shipped

# Street number and county also need their settings.
PARTS_OF_INVOICE_ADDRESS = ("Street", "City", "State", "ZipCode", "CountryRegionISOCode")
COPIED: Json = {"word": "copy", "from": "description"}
ROLE: Json = {"word": "option", "from": "accountrolecode", "to": {"1": "DM", "2": "EMP"}}
OFF: list[tuple[str, str, Json]] = [
    *(("accounts", f"InvoiceAddress{name}", "owned") for name in PARTS_OF_INVOICE_ADDRESS),
    *(
        (part, name, "owned")
        for part in ("accounts", "contact_customers")
        for name in ("PaymentTerms", "SalesTaxGroup")
    ),
    *((part, "TaxExemptNumber", COPIED) for part in ("accounts", "contact_customers")),
    ("accounts", "PrimaryContactTwitter", "owned"),
    ("contact_customers", "PrimaryContactTwitter", COPIED),
    ("contact_persons", "DecisionMakingRoleCode", ROLE),
    ("contact_persons", "IsReceivingDirectMail", "owned"),
    ("products", "isstockitem", "owned"),
]


@pytest.mark.parametrize(("part", "field", "entry"), OFF)
def test_a_field_that_is_off_as_shipped_is_sent_after_one_line(part: str, field: str, entry: Json) -> None:
    usual = deployment()
    shipped = next(t for flow in FLOWS for t in flow.tables(usual) if t.part == part)
    assert next(row.ownership for row in shipped.rows() if row.field == field) == "off"
    assert field not in shipped.target_fields
    on = deployment(fields={part: {field: entry}})
    assert field in next(t for flow in FLOWS for t in flow.tables(on) if t.part == part).target_fields
