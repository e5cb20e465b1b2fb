"""The rows that a mapping reads and writes, as models that check their types and lengths."""

from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from shared.mapping.type_names import WireType
from shared.mapping.words import Column

_ATTRIBUTE = "column_"


def attribute_of(name: str) -> str:
    """A model's attribute for a column: it has no dot, unlike a navigation path, nor an underscore before it."""
    return f"{_ATTRIBUTE}{name.replace('.', '__')}"


def column_of(attribute: object) -> str:
    """The column of a model's attribute."""
    return str(attribute).removeprefix(_ATTRIBUTE).replace("__", ".")


# To build a model takes longer than everything else in a mapping, so the same columns share one.
@lru_cache(maxsize=64)
def source_model(flow: str, columns: tuple[Column, ...]) -> type[BaseModel]:
    """What a mapping reads: each column with its type."""
    fields: dict[str, Any] = {attribute_of(c.name): (_accepted(c.type) | None, None) for c in columns}
    return create_model(f"{flow.capitalize()}Row", __config__=ConfigDict(extra="forbid", strict=True), **fields)


@lru_cache(maxsize=64)
def target_model(target_set: str, fields: tuple[tuple[str, WireType, int | None], ...]) -> type[BaseModel]:
    """What a mapping writes: each field with its type and length."""
    defined: dict[str, Any] = {}
    for name, kind, length in fields:
        limit = Field(default=None, max_length=length) if kind is str else Field(default=None)
        defined[name] = (_accepted(kind) | None, limit)
    return create_model(f"{target_set}Write", __config__=ConfigDict(extra="forbid", strict=True), **defined)


def _accepted(kind: type) -> Any:
    """A whole number is a decimal on the wire, too."""
    return (Decimal | int) if kind is Decimal else kind
