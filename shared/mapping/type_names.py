"""The names that the metadata of both systems gives to the types that a mapping reads and writes."""

from collections.abc import Mapping
from decimal import Decimal

WireType = type[str] | type[int] | type[Decimal] | type[bool]
"""The type of a value on the wire."""
TypeNames = frozenset[str]

# Any type: the column only has to exist.
ANY: TypeNames = frozenset()
# Dataverse, AttributeType.
LOOKUP: TypeNames = frozenset({"Lookup", "Customer", "Owner"})
_SALES_DATE: TypeNames = frozenset({"DateTime"})
_SALES: Mapping[WireType, TypeNames] = {
    str: frozenset({"String", "Memo", "Uniqueidentifier"}),
    bool: frozenset({"Boolean"}),
    int: frozenset({"Integer", "BigInt", "Picklist", "State", "Status"}),
    Decimal: frozenset({"Money", "Decimal", "Double"}),
}
# F&O, DataType. A mapping writes members of enumerations as texts.
_FINOPS_DATE: TypeNames = frozenset({"Date", "UtcDateTime"})
_FINOPS: Mapping[WireType, TypeNames] = {
    str: frozenset({"String", "Enum"}),
    bool: frozenset({"Boolean"}),
    int: frozenset({"Integer", "Int32", "Int64"}),
    Decimal: frozenset({"Real", "Decimal", "Double"}),
}
_FINOPS_KNOWN: TypeNames = frozenset({"Guid"}).union(_FINOPS_DATE, *_FINOPS.values())


def in_sales(kind: WireType, *, is_date: bool = False) -> TypeNames:
    """The names of a column that is not a lookup."""
    return _SALES_DATE if is_date else _SALES[kind]


def in_finops(kind: WireType, *, is_date: bool = False) -> TypeNames:
    """The names of a field."""
    return _FINOPS_DATE if is_date else _FINOPS[kind]


def known_in_finops(named: str) -> str:
    """The name that F&O gives, empty for an unknown one: not all names are documented, so an unknown one proves
    nothing."""
    return named if named in _FINOPS_KNOWN else ""


def fits(expected: TypeNames, named: str) -> bool:
    """Whether a column with this type name can be what the mapping expects."""
    return not expected or not named or named in expected
