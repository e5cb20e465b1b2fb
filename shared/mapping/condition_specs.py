"""Conditions of the map document on columns of a source row, and the filters that are made of them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from shared.mapping.value_maps import Part

ColumnName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
# A column of the table itself, or one behind a lookup.
ColumnPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")]
FilterName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Operator = Literal["eq", "ne", "gt", "ge", "lt", "le", "in", "contains", "begins", "blank", "filled"]
Value = str | bool | int | Decimal


class Condition(Part):
    """One condition on a source column; `value` is a text, number or true/false, a list of them for `in`, and absent
    for blank and filled."""

    column: ColumnPath
    operator: Operator
    value: Value | list[Value] | None = None

    @model_validator(mode="after")
    def _has_a_fitting_value(self) -> "Condition":
        single = self.value is not None and not isinstance(self.value, list)
        match self.operator:
            case "blank" | "filled":
                fits, wanted = self.value is None, "no value"
            case "contains" | "begins":
                fits, wanted = isinstance(self.value, str) and bool(self.value.strip()), "a text"
            case "in":
                fits, wanted = isinstance(self.value, list) and bool(self.value), "a list of values"
            case "eq" | "ne":
                fits, wanted = single, "a value; use blank or filled to test for blank"
            case _:
                fits, wanted = isinstance(self.value, str | int | Decimal), "a text or a number"
                fits = fits and not isinstance(self.value, bool)
        if not fits:
            raise ValueError(f"the operator {self.operator} takes {wanted}")
        return self


class AllOf(Part):
    """Every one of some conditions holds."""

    conditions: "Annotated[list[AnyCondition], Field(min_length=1, alias='and')]"


class AnyOf(Part):
    """At least one of some conditions holds."""

    conditions: "Annotated[list[AnyCondition], Field(min_length=1, alias='or')]"


class Not(Part):
    """A condition does not hold."""

    condition: "AnyCondition" = Field(alias="not")


def _form(value: Any) -> str:
    """Which form a condition has: a group is known by its one name."""
    for name, group in (("and", AllOf), ("or", AnyOf), ("not", Not)):
        if isinstance(value, group) or (isinstance(value, dict) and name in value):
            return f"<{name}>"
    return "<condition>"


AnyCondition = Annotated[
    Annotated[Condition, Tag("<condition>")]
    | Annotated[AllOf, Tag("<and>")]
    | Annotated[AnyOf, Tag("<or>")]
    | Annotated[Not, Tag("<not>")],
    Discriminator(_form),
]
for _group in (AllOf, AnyOf, Not):
    _group.model_rebuild()


class NamedFilter(Part):
    """A filter with the name that explanations show: records for which `keep` does not hold are not for the target."""

    name: FilterName
    keep: AnyCondition


def leaves_of(condition: Condition | AllOf | AnyOf | Not, place: str) -> Iterator[tuple[str, Condition]]:
    """The conditions on columns that a condition consists of, each with its place in the document."""
    match condition:
        case Condition():
            yield place, condition
        case Not(condition=inner):
            yield from leaves_of(inner, f"{place}.not")
        case AllOf(conditions=several) | AnyOf(conditions=several):
            name = "and" if isinstance(condition, AllOf) else "or"
            for at, inner in enumerate(several):
                yield from leaves_of(inner, f"{place}.{name}.{at}")
