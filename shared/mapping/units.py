"""Units of measure: one list of pairs that is read in both directions (docs/mapping.md, The map document)."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from shared.discretion import named

Name = Annotated[str, StringConstraints(pattern=r"\S")]


class UnitPair(BaseModel):
    """A unit's name in Sales, within its unit group, and its symbol in F&O; `direction` when it goes one way only."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    sales: Name
    finops: Name
    direction: Literal["both", "to_finops", "to_sales"] = "both"


def _one_to_one(pairs: list[UnitPair]) -> list[UnitPair]:
    to_finops = Counter(_fold(pair.sales) for pair in pairs if pair.direction != "to_sales")
    to_sales = Counter(_fold(pair.finops) for pair in pairs if pair.direction != "to_finops")
    doubled = [f"{named(name)} to F&O" for name, times in to_finops.items() if times > 1]
    doubled += [f"{named(name)} to Sales" for name, times in to_sales.items() if times > 1]
    if doubled:
        raise ValueError(
            f"more than one unit for {', '.join(doubled)}; keep one pair for each direction and give "
            "the others their direction, to_finops or to_sales"
        )
    return pairs


Units = Annotated[list[UnitPair], AfterValidator(_one_to_one)]


def finops_unit(units: Sequence[UnitPair], name: str) -> str | None:
    """The symbol in F&O of a unit of Sales; None if it is not listed."""
    wanted = _fold(name)
    found = (pair.finops for pair in units if pair.direction != "to_sales" and _fold(pair.sales) == wanted)
    return next(found, None)


def sales_unit(units: Sequence[UnitPair], symbol: str) -> str | None:
    """The name in Sales of a unit of F&O; None if it is not listed."""
    wanted = _fold(symbol)
    found = (pair.sales for pair in units if pair.direction != "to_finops" and _fold(pair.finops) == wanted)
    return next(found, None)


def _fold(name: str) -> str:
    return name.strip().casefold()
