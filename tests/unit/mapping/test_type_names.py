"""The types of columns by their names in the metadata of both systems."""

from decimal import Decimal

import pytest

from shared.mapping.type_names import ANY, LOOKUP, TypeNames, WireType, fits, in_finops, in_sales, known_in_finops


@pytest.mark.parametrize(
    ("kind", "is_date", "sales", "finops"),
    [
        (str, False, {"String", "Memo", "Uniqueidentifier"}, {"String", "Enum"}),
        (str, True, {"DateTime"}, {"Date", "UtcDateTime"}),
        (bool, False, {"Boolean"}, {"Boolean"}),
        (int, False, {"Integer", "BigInt", "Picklist", "State", "Status"}, {"Integer", "Int32", "Int64"}),
        (Decimal, False, {"Money", "Decimal", "Double"}, {"Real", "Decimal", "Double"}),
    ],
)
def test_each_type_has_its_names_in_either_system(
    kind: WireType, is_date: bool, sales: set[str], finops: set[str]
) -> None:
    assert (set(in_sales(kind, is_date=is_date)), set(in_finops(kind, is_date=is_date))) == (sales, finops)
    assert is_date or (set(in_sales(kind)), set(in_finops(kind))) == (sales, finops)


@pytest.mark.parametrize(
    ("expected", "named", "fitting"),
    [
        (LOOKUP, "Customer", True),
        (LOOKUP, "String", False),
        (ANY, "String", True),
        (LOOKUP, "", True),
        (ANY, "", True),
    ],
    ids=["expected", "another", "anything goes", "not told", "neither"],
)
def test_only_a_name_that_is_told_and_not_expected_is_a_wrong_type(
    expected: TypeNames, named: str, fitting: bool
) -> None:
    assert fits(expected, named) is fitting


@pytest.mark.parametrize(("named", "known"), [("Guid", "Guid"), ("Enum", "Enum"), ("Date", "Date"), ("Container", "")])
def test_a_name_that_finops_does_not_document_proves_nothing(named: str, known: str) -> None:
    assert known_in_finops(named) == known
