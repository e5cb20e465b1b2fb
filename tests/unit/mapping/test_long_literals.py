"""Texts of the map document that are longer than the field that gets them: refused when the document is read."""

# ruff: noqa: E501 - tables of cases, one a line

import pickle
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.map_mistakes import TakesLess, TooLong, told_once
from shared.mapping.field_table import FieldTable
from shared.mapping.text_lengths import length_of
from shared.mapping.words import Unmappable
from shared.records import Json
from tests.unit.mapping.samples import document, maps
from tests.unit.mapping.test_wrong_map_documents import check, mistakes, of_accounts, word

LONG = "Zürich and Winterthur"
OWN: Json = {"CustomersV3": {"ContosoTier": {"type": "text", "length": 10}}}
HAS = "has 21 characters (UTF-16 units: an emoji counts two), and"
TIER = (
    f"{HAS} ContosoTier of CustomersV3 takes 10: shorten it, or correct own_columns.CustomersV3.ContosoTier.length if"
)
FILLED: Json = {"column": "name", "operator": "filled"}


def defaults(**texts: str) -> dict[str, Any]:
    given: Any = document()["defaults"]
    return {**given, **texts}


def tier(name: str, /, **arguments: Json) -> dict[str, Json]:
    return {"fields": of_accounts(ContosoTier=word(name, **arguments))}


@pytest.mark.parametrize(
    ("parts", "place", "told"),
    [
        (tier("constant", value=LONG), "fields.accounts.ContosoTier.value", TIER),
        (tier("rules", rules=[{"when": FILLED, "value": "short"}, {"when": FILLED, "value": LONG}]),
         "fields.accounts.ContosoTier.rules.1.value", TIER),
        (tier("rules", rules=[{"when": FILLED, "value": "short"}], otherwise=LONG),
         "fields.accounts.ContosoTier.otherwise", TIER),
        (tier("option", source="customertypecode", to={"1": "short", "2": LONG}), "fields.accounts.ContosoTier.to.2", TIER),
        ({**tier("value_map", source="name", map="tiers"), "value_maps": {"tiers": {"a": "short", "b": LONG}}},
         "value_maps.tiers.b", TIER),
        ({**tier("value_map", source="name", map="tiers", otherwise=LONG), "value_maps": {"tiers": {"a": "short"}}},
         "fields.accounts.ContosoTier.otherwise", TIER),
        (tier("constant", value=LONG[:6], length=5), "fields.accounts.ContosoTier.value",
         "has 6 characters (UTF-16 units: an emoji counts two), and ContosoTier of CustomersV3 takes 5: shorten it, "
         "or correct fields.accounts.ContosoTier.length if"),
        (tier("constant", value="\U0001f600" * 6), "fields.accounts.ContosoTier.value", "has 12 characters"),
        ({"fields": of_accounts(NameAlias=word("constant", value=LONG))}, "fields.accounts.NameAlias.value",
         f"{HAS} NameAlias of CustomersV3 takes 20: shorten it"),
        ({"fields": of_accounts(PaymentTerms="owned"), "defaults": defaults(payment_terms=LONG)}, "defaults.payment_terms",
         f"{HAS} PaymentTerms of CustomersV3 takes 10: shorten it, or correct text_lengths.CustomersV3.PaymentTerms if"),
        ({"fields": of_accounts(ContosoTier=word("default", name="customer_group", length=1))}, "defaults.customer_group",
         "has 2 characters (UTF-16 units: an emoji counts two), and ContosoTier of CustomersV3 takes 1: "),
        ({"fields": of_accounts(PaymentTerms=word("rules", rules=[{"when": FILLED, "value": "short"}])),
          "defaults": defaults(payment_terms=LONG)}, "defaults.payment_terms", f"{HAS} PaymentTerms of CustomersV3 takes 10"),
        ({"fields": of_accounts(ContosoTier=word("unit", source="name")),
          "units": [{"sales": LONG, "finops": "ea"}, {"sales": "Box", "finops": LONG}]}, "units.1.finops",
         f"{HAS} ContosoTier of CustomersV3, SalesUnitSymbol of CDSSalesQuotationLines, SalesUnitSymbol of "),
    ],
)  # fmt: skip
def test_a_text_that_is_too_long_for_its_field_is_told_by_place_length_and_limit(
    parts: dict[str, Json], place: str, told: str
) -> None:
    found = mistakes(own_columns=OWN, **parts)
    assert [line for line in found if line.startswith(f"{place} {told}")], found
    assert "Winterthur" not in str(found)


def test_a_default_that_is_too_long_for_several_mappings_is_told_once() -> None:
    told = mistakes(own_columns=OWN, defaults=defaults(customer_group=LONG))
    assert told == [
        f"defaults.customer_group {HAS} CustomerGroupId of CustomersV3 takes 10: shorten it, or correct "
        "text_lengths.CustomersV3.CustomerGroupId, text_lengths.contact_customers.CustomerGroupId "
        "if the fields take more"
    ]


def test_a_code_of_a_state_that_is_too_long_is_told_once_with_every_field_that_it_is_too_long_for() -> None:
    told = mistakes(own_columns=OWN, states={"CH": {"Uri": "UR", "Zug": LONG, "Bern": LONG}})
    assert [line.split()[0] for line in told] == ["states.CH.Zug", "states.CH.Bern"]
    assert told[0].startswith(
        f"states.CH.Zug {HAS} AddressState of CustomersV3, DeliveryAddressState of CustomersV3, "
        "PrimaryAddressStateId of CDSContactPersonsV2, "
    ), told
    fields, _, places = told[0].partition(" take 10: shorten it, or correct ")
    assert (fields.count(" of "), places.count("text_lengths.")) == (8, 10)
    assert places.startswith(
        "text_lengths.CustomersV3.AddressState, text_lengths.CustomersV3.DeliveryAddressState, text_lengths."
    )
    assert places.endswith(" if the fields take more")


def test_a_text_that_is_too_long_stays_one_mistake_when_it_is_copied_or_pickled() -> None:
    first = TooLong("defaults.x", "13 characters", (TakesLess("A of B", 10, "text_lengths.B.A"),))
    second = TooLong("defaults.x", "13 characters", (TakesLess("C of D", 12, ""),))
    told = told_once([first, "another", pickle.loads(pickle.dumps(second)), deepcopy(first)])
    assert [str(mistake) for mistake in told] == [
        "defaults.x has 13 characters, and A of B takes 10 and C of D takes 12: shorten it, or correct "
        "text_lengths.B.A if the field takes more",
        "another",
    ]


def test_a_site_of_a_product_that_is_too_long_is_told_once_for_quotations_and_orders() -> None:
    (told,) = mistakes(own_columns=OWN, storage={"P-1": {"site": LONG, "warehouse": ""}})
    assert told.startswith(f"storage.P-1.site {HAS} ShippingSiteId of CDSSales"), told
    assert told.count("ShippingSiteId of CDSSales") == 2


def test_a_name_of_a_country_that_is_too_long_for_sales_is_told() -> None:
    told = mistakes(own_columns=OWN, country_names={"CH": "x" * 81})
    assert told
    assert all(line.startswith("country_names.CH has 81 characters") for line in told), told


@pytest.mark.parametrize(
    "parts",
    [
        {"fields": of_accounts(CustomerGroupId={"length": 30})},
        {"text_lengths": {"CustomersV3": {"CustomerGroupId": None}}},
    ],
)
def test_a_text_may_be_as_long_as_the_document_lets_its_field_be(parts: dict[str, Any]) -> None:
    lengths: Any = document()["text_lengths"]
    given = {**lengths, **parts.get("text_lengths", {}), "contact_customers": {}}
    check(document(states={}, **{**parts, "text_lengths": given, "defaults": defaults(customer_group=LONG)}))


def test_a_text_of_a_field_that_is_off_may_be_of_any_length() -> None:
    check(document(states={}, defaults=defaults(payment_terms=LONG)))
    off = tier("constant", value=LONG, ownership="off")
    check(document(states={}, own_columns=OWN, **off))


def test_the_shipped_document_has_no_text_that_is_too_long() -> None:
    check(document())


@given(text=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20))
def test_what_is_refused_here_is_what_each_record_would_be_rejected_for(text: str) -> None:
    content = maps(states={}, own_columns=OWN, **tier("constant", value=text))
    table = FieldTable("accounts", "CustomersV3", (), content, reads="accounts")
    refused = [
        mistake for mistake in map(str, table.mistakes) if mistake.startswith("fields.accounts.ContosoTier.value has")
    ]
    try:
        table.content({"name": "Litware"})
        rejected = ""
    except Unmappable as wrong:
        rejected = wrong.cause
    assert bool(refused) == (rejected == "text_too_long") == (length_of(text) > 10)
