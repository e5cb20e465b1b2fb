"""What quotations and orders write, against the schema of F&O: names, types, members, lengths."""

import pytest

from shared.flows.orders import mapping as orders
from shared.flows.registry import FLOWS
from shared.mapping.dates import EMPTY_DATE
from shared.mapping.words import Word
from tests.contract import test_mapping_orders as orders_contract
from tests.contract import test_mapping_quotations as quotations_contract
from tests.contract.test_mapping_schema import fields, target_mistakes

MAPS = FLOWS.read_map_document(None)
TARGETS = [*quotations_contract.TARGETS, *orders_contract.TARGETS]


@pytest.mark.parametrize(("target_set", "words"), TARGETS)
def test_every_field_that_the_mapping_writes_exists_with_its_type_members_and_length(
    target_set: str, words: tuple[Word, ...]
) -> None:
    # A date is a text here; that it is a date there, and emptied as one, is asked below.
    plain = tuple(word for word in words if not any(field.empty == EMPTY_DATE for field in word.fields))
    assert list(target_mistakes(target_set, plain, MAPS)) == []


@pytest.mark.parametrize(("target_set", "words"), TARGETS)
def test_dates_are_emptied_as_dates_and_nothing_else_is(target_set: str, words: tuple[Word, ...]) -> None:
    written = {field.name: field for word in words for field in word.fields}
    dates = {name for name in written if fields(target_set)[name]["type"] == "Edm.DateTimeOffset"}
    assert {name for name, field in written.items() if field.empty == EMPTY_DATE} == dates


@pytest.mark.parametrize(("target_set", "words"), TARGETS)
def test_no_field_that_finops_computes_is_written(target_set: str, words: tuple[Word, ...]) -> None:
    known = fields(target_set)
    written = {field.name for word in words for field in word.fields}
    assert [name for name in written if known[name].get("read_only_inferred") or known[name]["read_only"]] == []


@pytest.mark.parametrize(("target_set", "words"), TARGETS)
def test_the_shipped_text_lengths_are_those_that_the_schema_calls_unverified(
    target_set: str, words: tuple[Word, ...]
) -> None:
    known = fields(target_set)
    written = {field.name for word in words for field in word.fields}
    unverified = {
        name: known[name]["max_length_unverified"] for name in written if "max_length_unverified" in known[name]
    }
    # Both collections of the lines of orders have the lengths of the first one.
    part = orders.TARGET_LINE_SET if target_set in orders_contract.LINE_SETS else target_set
    assert dict(MAPS.lengths_of(part)) == unverified
