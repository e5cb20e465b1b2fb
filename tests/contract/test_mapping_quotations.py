"""The quotations mapping against the schemas of both systems: names, types, enumerations, states, lengths."""

import pytest

from shared.flows.quotations import mapping as quotations
from shared.flows.quotations import quote_rows
from shared.flows.quotations import rules as quotation_rules
from shared.flows.quotations.mapping import QuotationChoices, QuotationMapper, header_words, line_words
from shared.flows.quotations.rules import QuotationStatus
from shared.flows.registry import FLOWS
from shared.flows.sales_documents.mapping import LINE_KEY_FIELD
from shared.flows.sales_documents.rules import STORED_DECIMALS
from shared.flows.sales_documents.words import PROJECT_BASED_SERVICE, RequestedDate
from shared.mapping.addresses import AddressRules
from tests.contract.test_mapping_schema import attribute, dataverse, fields, finops, source_mistakes

MAPS = FLOWS.read_map_document(None)
CHOICES = [
    QuotationChoices(requested_date=requested, addresses=AddressRules(street_number=True))
    for requested in RequestedDate
]
EVERY_HEADER_WORD = tuple(word for choices in CHOICES for word in header_words(choices))
EVERY_LINE_WORD = tuple(word for choices in CHOICES for word in line_words(choices))
TARGETS = [(quotations.TARGET_SET, EVERY_HEADER_WORD), (quotations.TARGET_LINE_SET, EVERY_LINE_WORD)]


def options(table: str, name: str) -> dict[str, int]:
    return {option["label"]: option["value"] for option in attribute(table, name)["options"]}


@pytest.mark.parametrize("choices", CHOICES)
def test_every_column_of_a_quote_that_the_mapping_reads_exists_with_its_type(choices: QuotationChoices) -> None:
    columns = tuple(column for column in QuotationMapper(MAPS, choices).header.columns if column.name != "expireson")
    assert list(source_mistakes(quotations.HEADER_SET, columns)) == []


@pytest.mark.parametrize("choices", CHOICES)
def test_every_column_of_a_line_that_the_mapping_reads_exists_with_its_type(choices: QuotationChoices) -> None:
    assert list(source_mistakes(quotations.LINE_SET, QuotationMapper(MAPS, choices).lines.columns)) == []


def test_the_day_of_expiry_is_a_day_and_the_other_dates_are_midnights_of_a_user() -> None:
    assert attribute("quote", "expireson")["edm_type"] == "Edm.Date"
    midnights = [
        attribute("quote", "effectiveto"),
        *(attribute(each, "requestdeliveryby") for each in ("quote", "quotedetail")),
    ]
    assert {(midnight["date_behavior"], midnight["date_format"]) for midnight in midnights} == {
        ("UserLocal", "DateOnly")
    }


def test_a_quotation_and_its_lines_are_addressed_by_number() -> None:
    entities = finops()["entities"]
    assert entities[quotations.TARGET_SET]["key"] == ["dataAreaId", quotations.KEY_FIELD]
    assert set(entities[quotations.TARGET_LINE_SET]["key"]) == {
        "dataAreaId",
        quotations.KEY_FIELD,
        LINE_KEY_FIELD,
    }
    assert fields(quotations.TARGET_SET)[quotations.KEY_FIELD]["max_length_unverified"] == quotations.KEY_LENGTH


def test_a_line_number_of_sales_fits_into_finops() -> None:
    assert fields(quotations.TARGET_LINE_SET)[LINE_KEY_FIELD]["type"] == "Edm.Int32"
    assert attribute("quotedetail", "lineitemnumber")["max"] == 1_000_000_000


def test_the_source_tables_are_read_by_their_ids() -> None:
    assert [
        (dataverse()[each]["entity_set"], dataverse()[each]["primary_id"]) for each in ("quote", "quotedetail")
    ] == [
        (quotations.HEADER_SET, quote_rows.HEADER_ID_COLUMN),
        (quotations.LINE_SET, quote_rows.LINE_ID_COLUMN),
    ]


def test_every_status_is_a_member_of_its_enumeration() -> None:
    enumeration = fields(quotations.TARGET_SET)[quotation_rules.STATUS_FIELD]["enum"]
    members = [member["name"] for member in finops()["enums"][enumeration]["members"]]
    assert [status.value for status in QuotationStatus] == members


def test_what_forbids_a_change_can_be_read() -> None:
    assert {quotation_rules.STATUS_FIELD, quotation_rules.ORDER_FIELD} <= set(fields(quotations.TARGET_SET))


def test_the_states_of_a_quote_are_those_that_the_mapping_means() -> None:
    assert options("quote", "statecode") == {"Draft": 0, "Active": 1, "Won": 2, "Closed": 3}
    closed = {
        option["label"].lower(): option["value"]
        for option in attribute("quote", "statuscode")["options"]
        if option["state"] == "Closed"
    }
    told = {rule: reason for rule, (state, reason) in quote_rows.ENDS.items() if state == 3}
    assert told == {**closed, "submitted": 647390000}


def test_a_service_is_the_option_that_the_mapping_means() -> None:
    assert MAPS.product_types["Service"] == options("product", "producttypecode")["Services"]
    assert options("quotedetail", "producttypecode")["Project-based Service"] == PROJECT_BASED_SERVICE


def test_a_line_has_no_more_decimals_of_quantity_than_finops_stores() -> None:
    assert attribute("quotedetail", "quantity")["precision"] <= STORED_DECIMALS


def test_nothing_of_the_header_is_carried_that_finops_sets_up_itself() -> None:
    written = {field.name for word in EVERY_HEADER_WORD for field in word.fields}
    assert not written & {
        "TotalDiscountAmount",
        "TotalDiscountPercentage",
        "QuotationTotalChargesAmount",
        "QuotationHeaderTaxAmount",
        "QuotationTotalTaxAmount",
    }


def test_the_units_of_the_value_map_fit_into_finops() -> None:
    limit = fields(quotations.TARGET_LINE_SET)["SalesUnitSymbol"]["max_length_unverified"]
    assert all(len(pair.finops) <= limit for pair in MAPS.units)
