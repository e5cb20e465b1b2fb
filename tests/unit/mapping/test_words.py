"""The words of the vocabulary that turn a value into the target's form."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flows.registry import FLOWS
from shared.mapping.date_columns import behavior_name
from shared.mapping.days import day
from shared.mapping.field_table import FieldTable
from shared.mapping.text_lengths import length_of
from shared.mapping.words import Line, Unmappable, choice, joined, yes_no
from shared.records import Json, Values

MAPS = FLOWS.read_map_document(None)
ZURICH = ZoneInfo("Europe/Zurich")
SHIPPING = choice("address1_shippingmethodcode", "DeliveryMode", {1: "AIR", 2: "TRUCK"})
EXPIRY = day("expireson", "SalesQuotationExpiryDate", ZURICH)


def read(word: Line, row: Values) -> Json:
    """The value that a word gives for a row."""
    return word.values(row, MAPS)[word.field.name]


@pytest.mark.parametrize(("option", "code"), [(1, "AIR"), (2, "TRUCK"), (None, None)])
def test_an_option_becomes_its_code(option: Json, code: Json) -> None:
    assert read(SHIPPING, {"address1_shippingmethodcode": option}) == code


def test_an_option_without_a_code_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(Unmappable, match="address1_shippingmethodcode is 7") as raised:
        read(SHIPPING, {"address1_shippingmethodcode": 7})
    assert raised.value.cause == "option_unknown"
    assert "1, 2" in raised.value.remedy


def test_the_codes_of_a_choice_are_described_and_so_change_the_fingerprint() -> None:
    other = choice("address1_shippingmethodcode", "DeliveryMode", {1: "AIR", 2: "RAIL"})
    assert "`TRUCK`" in SHIPPING.meaning
    tables = [FieldTable("accounts", "CustomersV3", (word,), MAPS) for word in (SHIPPING, other)]
    assert tables[0].fingerprint() != tables[1].fingerprint()


@pytest.mark.parametrize(("value", "member"), [(True, "Yes"), (False, "No"), (None, None)])
def test_a_truth_value_becomes_a_member_of_no_yes(value: Json, member: Json) -> None:
    assert read(yes_no("donotemail", "IsReceivingDirectMail"), {"donotemail": value}) == member


def test_no_and_blank_are_the_same_to_an_enumeration() -> None:
    table = FieldTable("accounts", "CustomersV3", (yes_no("donotemail", "IsReceivingDirectMail"),), MAPS)
    assert table.empty("IsReceivingDirectMail") == "No"
    assert table.agree("IsReceivingDirectMail", None, "No")
    assert not table.agree("IsReceivingDirectMail", "Yes", "No")


LINES = ("line1", "line2", "line3")


@given(st.lists(st.none() | st.text(max_size=5), min_size=3, max_size=3))
def test_joined_lines_are_the_filled_ones_in_their_order(values: list[str | None]) -> None:
    filled = [value for value in values if value is not None and value.strip()]
    assert read(joined(LINES, "Street"), dict(zip(LINES, values, strict=True))) == ("\n".join(filled) or None)


def test_a_date_is_sent_as_noon_utc_of_the_day_in_the_business_time_zone() -> None:
    assert read(EXPIRY, {"expireson": "2026-07-13T22:00:00Z"}) == "2026-07-14T12:00:00Z"
    utc = day("expireson", "SalesQuotationExpiryDate", ZoneInfo("UTC"))
    assert read(utc, {"expireson": "2026-07-14T00:00:00Z"}) == "2026-07-14T12:00:00Z"


@given(st.dates(date(1971, 1, 1), date(2099, 12, 31)))
def test_every_day_that_a_user_of_the_zone_saves_arrives_as_that_day(saved: date) -> None:
    midnight = datetime.combine(saved, time(0), ZURICH).astimezone(UTC)
    text = midnight.isoformat().replace("+00:00", "Z")
    assert read(EXPIRY, {"expireson": text}) == f"{saved.isoformat()}T12:00:00Z"


@pytest.mark.parametrize("blank", [None, "", " "])
def test_a_blank_date_is_emptied_by_the_empty_date(blank: Json) -> None:
    table = FieldTable("quotes", "CDSSalesQuotationHeaders", (EXPIRY,), MAPS)
    assert read(EXPIRY, {"expireson": blank}) is None
    assert table.empty("SalesQuotationExpiryDate") == "1900-01-01T12:00:00Z"
    assert table.agree("SalesQuotationExpiryDate", None, "1900-01-01T12:00:00Z")


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01T00:00:00Z", "2026-07-14T00:00:00"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Unmappable, match="expireson") as raised:
        read(EXPIRY, {"expireson": text})
    assert raised.value.cause == "date_invalid"


@pytest.mark.parametrize(("behavior", "sent"), [("UserLocal", 14), ("DateOnly", 13), ("TimeZoneIndependent", 13)])
def test_the_behaviour_of_its_column_decides_the_day(behavior: str, sent: int) -> None:
    row = {"expireson": "2026-07-13T22:00:00Z", behavior_name("expireson"): behavior}
    assert read(EXPIRY, row) == f"2026-07-{sent}T12:00:00Z"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1753-01-01T00:00:00Z", "1753-01-01"),
        ("1899-12-31T23:00:00Z", "1900-01-01"),
        ("2155-01-01", "2155-01-01"),
        ("9999-12-31T23:59:59Z", "9999-12-31"),
    ],
)
def test_a_day_that_finops_cannot_hold_is_refused_with_its_column(text: str, day: str) -> None:
    with pytest.raises(Unmappable, match=f"expireson is {day}; F&O holds the days from 1900-01-02 to 2154-12-31") as of:
        read(EXPIRY, {"expireson": text})
    assert of.value.cause == "date_out_of_range"


@pytest.mark.parametrize("day", ["1900-01-02", "2154-12-31"])
def test_the_first_and_the_last_day_of_finops_are_sent(day: str) -> None:
    assert read(EXPIRY, {"expireson": day}) == f"{day}T12:00:00Z"


@given(st.text())
def test_a_text_is_as_long_as_both_systems_count_it(text: str) -> None:
    assert length_of(text) == sum(1 if ord(character) < 0x10000 else 2 for character in text)
