"""The words hold for all inputs."""

import unicodedata
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.flows.accounts.mapping import AccountChoices, DeliveryAddress, OnHold
from shared.mapping.addresses import AddressRules
from shared.mapping.verdicts import Filtered, Mapped, Rejected
from shared.mapping.words import Ownership, blank, constant, copy, currency, default, value_of
from shared.records import Json
from tests.unit.mapping.samples import KNOWN, account, document, keeping, mapped, mapper, maps, owned_as

MAPS = maps()
MAPPER = mapper()
SENDABLE = st.text(st.characters(exclude_categories=("Cc", "Cs")))


@settings(deadline=None)
@given(st.text())
def test_a_copied_text_is_unchanged_or_blank(text: str) -> None:
    copied = copy("description", "SalesMemo").values({"description": text}, MAPS)["SalesMemo"]
    assert copied == (None if not text.strip() else text)


@settings(deadline=None)
@given(SENDABLE)
def test_any_text_that_can_be_sent_arrives_as_it_is(text: str) -> None:
    assert mapped(MAPPER, account(description=text)).owned["SalesMemo"] == (text if text.strip() else None)


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_copied_number_is_the_same_number(number: Decimal | int) -> None:
    word = copy("creditlimit", "CreditLimit", type=Decimal, empty=0)
    copied = word.values({"creditlimit": number}, MAPS)["CreditLimit"]
    assert copied is number


@settings(deadline=None)
@given(st.text())
def test_a_text_is_blank_exactly_when_nothing_but_white_space_is_in_it(text: str) -> None:
    assert blank(text) is (text.strip() == "")


@settings(deadline=None)
@given(st.booleans() | st.integers() | st.decimals(allow_nan=False))
def test_no_number_and_no_truth_value_is_blank(value: Json) -> None:
    assert not blank(value)
    assert value_of({"x": value}, "x") == value


def test_a_constant_reads_nothing() -> None:
    word = constant("IsExternallyMaintained", "Yes")
    assert word.columns == ()
    assert word.values({}, MAPS) == {"IsExternallyMaintained": "Yes"}


def test_a_default_is_sent_at_creation_only() -> None:
    word = default("SiteId", "site")
    assert [field.ownership for field in word.fields] == [Ownership.ON_CREATE]
    assert word.values({}, MAPS) == {"SiteId": "1"}


def test_a_path_through_a_lookup_that_is_not_expanded_is_blank() -> None:
    assert value_of({"transactioncurrencyid": "an id"}, "transactioncurrencyid.isocurrencycode") is None
    assert value_of({}, "transactioncurrencyid.isocurrencycode") is None


@settings(deadline=None)
@given(st.sampled_from(sorted(MAPS.currencies)), st.sampled_from(["", " ", "\t"]), st.booleans())
def test_a_listed_currency_is_found_however_it_is_written(code: str, margin: str, small: bool) -> None:
    written = margin + (code.lower() if small else code) + margin
    word = currency("code", "SalesCurrencyCode", ownership=Ownership.OWNED)
    assert word.values({"code": written}, MAPS) == {"SalesCurrencyCode": MAPS.currencies[code]}


@settings(deadline=None)
@given(st.sampled_from(sorted(MAPS.countries)), st.sampled_from([str.upper, str.lower, str.title, str.swapcase]))
def test_a_listed_country_is_found_in_any_case(name: str, written: object) -> None:
    assert callable(written)
    assert MAPS.country(f"  {written(name)} ") == MAPS.countries[name]


TEXT_COLUMNS = [column.name for column in MAPPER.table.columns if column.type is str and "." not in column.name]
FULL = mapper(
    AccountChoices(
        delivery_address=DeliveryAddress.SECOND,
        on_hold_when_ended=OnHold.ALL,
        addresses=AddressRules(leave_unknown_state_out=True, county=True, street_number=True),
    ),
    fields=owned_as(CreditLimit="owned"),
    filters=keeping(
        {"column": "revenue", "operator": "ge", "value": 1}, {"column": "name", "operator": "contains", "value": "a"}
    ),
)
COUNTRIES = document()["countries"]
assert isinstance(COUNTRIES, dict)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.none() | st.text(max_size=30) for name in TEXT_COLUMNS},
        "name": st.none() | st.text(max_size=200),
        "address1_country": st.none() | st.sampled_from(sorted(COUNTRIES)) | st.text(max_size=5),
        "numberofemployees": st.none() | st.integers(),
        "creditlimit": st.none() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False),
        "revenue": st.none() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False),
        "statecode": st.sampled_from([0, 0, 0, 1, None]),
        "merged": st.sampled_from([False, None, True]),
        "transactioncurrencyid": st.none()
        | st.fixed_dictionaries({"isocurrencycode": st.none() | st.text(max_size=5)}),
    },
)


@settings(deadline=None)
@given(VALUES)
def test_whatever_an_account_holds_the_mapping_gives_a_verdict(values: dict[str, Json]) -> None:
    for mapping in (MAPPER, FULL):
        match mapping.evaluate(account(**values), KNOWN):
            case Filtered(rule):
                assert rule
            case Rejected(cause, message, remedy):
                assert cause
                assert message
                assert remedy
            case Mapped(key, owned, on_create):
                assert 0 < len(key) <= 20
                assert set(owned).isdisjoint(on_create)
                assert set(owned) | set(on_create) == set(mapping.table.target_fields)
                texts = [value for value in (*owned.values(), *on_create.values()) if isinstance(value, str)]
                assert all(text.strip() for text in texts)
                assert not [c for text in texts for c in text if unicodedata.category(c) == "Cs"]
        assert isinstance(mapping.in_scope(account(**values)), bool)
