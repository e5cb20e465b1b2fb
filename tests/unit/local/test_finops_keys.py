"""Promises of the F&O simulator for key URLs of every kind of key."""

import pytest

from local.finops.keys import Segment, record_key, segments
from local.finops.refusals import PathRefused, Refused, RouteUnknown
from local.finops.schema import load_schema

ASSOCIATED = "Microsoft.Dynamics.DataEntities.smmContactPersonCDSAssociatedContactType"


def key(set_name: str, text: str) -> dict[str, object]:
    return dict(record_key(load_schema().entities[set_name], text))


def test_numbers_stand_bare_in_a_key() -> None:
    found = key(
        "CDSSalesQuotationLines", "dataAreaId='usmf',LineCreationSequenceNumber=1,SalesQuotationNumber='000012'"
    )
    assert found["LineCreationSequenceNumber"] == 1


def test_dates_stand_bare_in_a_key() -> None:
    text = "dataAreaId='usmf',InvoiceNumber='C-1',InvoiceDate=2026-07-14T12:00:00Z,LedgerVoucher='INV1'"
    assert key("SalesInvoiceHeadersV2", text)["InvoiceDate"] == "2026-07-14T12:00:00Z"


def test_enumerations_stand_qualified_in_a_key() -> None:
    parts = "dataAreaId='usmf',ContactPersonPartyNumber='1',AssociatedContactNumber='US-001',AssociatedContactType="
    found = key("CDSContactPersonsV2", f"{parts}{ASSOCIATED}'Customer'")
    assert found["AssociatedContactType"] == "Customer"
    with pytest.raises(Refused):
        key("CDSContactPersonsV2", f"{parts}'Customer'")


def test_a_single_key_part_needs_no_name() -> None:
    assert key("UnitsOfMeasure", "'ea'") == key("UnitsOfMeasure", "UnitSymbol='ea'") == {"UnitSymbol": "ea"}


def test_a_doubled_quote_is_one_quote() -> None:
    assert key("UnitsOfMeasure", "'O''Neil'") == {"UnitSymbol": "O'Neil"}


def test_a_plus_in_a_path_is_no_blank() -> None:
    with pytest.raises(PathRefused):
        key("UnitsOfMeasure", segments("UnitsOfMeasure('a+b')")[0].key or "")


def test_a_path_is_decoded_after_it_is_split() -> None:
    assert segments("UnitsOfMeasure('%C3%A4%20b')/$count") == (
        Segment("UnitsOfMeasure", "'ä b'"),
        Segment("$count", None),
    )


@pytest.mark.parametrize("path", ["UnitsOfMeasure('a/b')", "UnitsOfMeasure('%FF')"])
def test_a_path_that_no_web_server_passes_on_is_refused(path: str) -> None:
    with pytest.raises(PathRefused):
        segments(path)


def test_a_path_that_is_no_name_leads_nowhere() -> None:
    with pytest.raises(RouteUnknown):
        segments("Units-Of-Measure")
