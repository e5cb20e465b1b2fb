"""rules.md, Blanks in numbers: what becomes of a number that people and imports have put something around, or into."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flows.products.mapping import ProductMapper
from shared.flows.sales_documents.value_maps import SalesDocumentMaps
from shared.mapping.value_maps import as_known_to
from shared.mapping.verdicts import Mapped, Rejected
from shared.records import composite, fold
from tests.unit.mapping.quotes import header, line, quote
from tests.unit.mapping.quotes import mapped as quotation
from tests.unit.mapping.samples import account, mapped, mapper, maps, rejected
from tests.unit.mapping.test_contacts import contact, individual
from tests.unit.mapping.test_contacts import mapped as person
from tests.unit.mapping.test_contacts import rejected as refused_person
from tests.unit.mapping.test_products import knowing, product

# The planes between these and behind them hold ideographs, private characters, and nothing.
PLANES = (range(0x20000), range(0xE0000, 0xF0000))
BLANKS = [chr(c) for plane in PLANES for c in plane if chr(c).isspace()]
FORMATS = [chr(c) for plane in PLANES for c in plane if unicodedata.category(chr(c)) == "Cf"]
MAPPER, PRODUCTS = mapper(), ProductMapper(maps())
around = st.text(st.sampled_from(BLANKS), max_size=3)
numbers = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=9)


def test_every_blank_of_unicode_is_knowing() -> None:
    assert {c for c in map(chr, range(0x110000)) if unicodedata.category(c) in ("Zs", "Zl", "Zp")} < set(BLANKS)
    assert set("\t\n\v\f\r\u0085") < set(BLANKS)


@given(before=around, number=numbers, after=around)
def test_blanks_around_a_number_are_no_part_of_it_in_any_flow(before: str, number: str, after: str) -> None:
    pasted = f"{before}{number}{after}"
    customer = mapped(MAPPER, account(accountnumber=pasted))
    assert (customer.key, customer.on_create["PartyNumber"]) == (number, number)
    assert person(contact(msdynce_contactnumber=pasted)).key == f"{number}/ACC-7"
    as_customer = person(individual(msdynce_contactnumber=pasted, msdynce_isactivecustomer=True))
    assert (as_customer.key, as_customer.on_create["PartyNumber"]) == (number, number)
    found = PRODUCTS.evaluate(product(ProductNumber=pasted), knowing())
    assert isinstance(found, Mapped)
    assert found.key == number


def test_blanks_around_the_numbers_of_a_quote_and_its_products_do_not_count() -> None:
    found = quotation(quote(header(line(product="\u00a0P-1\t"), quotenumber=" Q-1\r\n")))
    assert found.key == "Q-1"
    (content,) = found.lines.values()
    assert content.owned["ProductNumber"] == "P-1"


def test_storage_is_found_whatever_blanks_and_case_the_product_number_has() -> None:
    listed = as_known_to(SalesDocumentMaps, maps(storage={"P-1 ": {"site": "2", "warehouse": "24"}}))
    for number in ("P-1", "p-1", "\u00a0P-1"):
        found = listed.storage_of(number)
        assert found is not None
        assert found.warehouse == "24"
    assert listed.storage_of("P-2") is None


def test_blanks_within_a_number_stay() -> None:
    assert mapped(MAPPER, account(accountnumber="B  3")).key == "B  3"


@pytest.mark.parametrize("place", ["{}B-1", "B{}1", "B-1{}", " {} B-1", "{}"])
@pytest.mark.parametrize("character", ["\u200b", "\ufeff", "\u00ad", "\u202e"])
def test_a_format_character_in_a_number_is_refused_by_its_name(place: str, character: str) -> None:
    verdict = rejected(MAPPER, account(accountnumber=place.format(character)))
    assert verdict.cause == "text_not_allowed"
    assert f"{unicodedata.name(character)} (U+{ord(character):04X})" in verdict.message
    assert "accountnumber" in verdict.message


@given(st.sampled_from(FORMATS))
def test_every_format_character_is_refused_in_the_number_of_every_flow(character: str) -> None:
    hidden = f"B{character}1"
    assert rejected(MAPPER, account(accountnumber=hidden)).cause == "text_not_allowed"
    assert refused_person(contact(msdynce_contactnumber=hidden)).cause == "text_not_allowed"
    found = PRODUCTS.evaluate(product(ProductNumber=hidden), knowing())
    assert isinstance(found, Rejected)
    assert found.cause == "text_not_allowed"


def test_a_format_character_is_no_fault_of_a_name() -> None:
    assert mapped(MAPPER, account(name="Team \U0001f469\u200d\U0001f52c")).owned["OrganizationName"]


@given(one=st.tuples(numbers, numbers), other=st.tuples(numbers, numbers), blanks=st.sampled_from(["", " ", "   "]))
def test_keys_of_two_parts_are_equal_exactly_when_each_part_is(
    one: tuple[str, str], other: tuple[str, str], blanks: str
) -> None:
    same = tuple(map(fold, one)) == tuple(map(fold, other))
    first, second = (composite(number + blanks, value) for number, value in (one, other))
    assert (fold(first) == fold(composite(*other))) is same
    assert second == composite(*other)
