"""The map document: the value maps of an organisation, and what it changes of the standard maps."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field, WithJsonSchema, create_model

from shared import exact_json
from shared.discretion import named
from shared.mapping.condition_specs import NamedFilter
from shared.mapping.conditions import described
from shared.mapping.field_specs import FieldSpec, Override, OwnColumn
from shared.mapping.names import Names, shipped
from shared.mapping.spelling import nearest
from shared.mapping.value_maps import Code, Length, Part, ValueMaps, as_known_to, ordered
from shared.mapping.verdicts import Filter

# What belongs to one mapping: its own fingerprint has what it makes of them, and those of the others do not change.
_OF_ONE_MAPPING = {"fields", "filters", "own_columns"}
# The columns for results are no part of a mapping, nor is what happens to changes of others.
_OF_NO_MAPPING = {"results", "policies"}

# Facts about a person that are never mapped (docs/rules.md).
NEVER_MAPPED = frozenset({"governmentid", "spousesname", "GovernmentIdentificationNumber", "SpouseName"})


def _known_table(table: str) -> str:
    if table not in shipped():
        close = nearest(table, shipped())
        hint = f"did you mean {close}?" if close else "write the name of one, such as accounts or CustomersV3"
        raise ValueError(f"{named(table)} is no table or collection that a mapping reads or writes: {hint}")
    return table


def _mappable(column: str) -> str:
    if column in NEVER_MAPPED:
        raise ValueError(f"{column} is never mapped: remove it")
    return column


_Table = Annotated[str, AfterValidator(_known_table)]
_Column = Annotated[Code, AfterValidator(_mappable)]


class Policy(Part):
    """What happens if others have changed, or deleted, what was written, or if a row is there before the first write.
    None: as the flow does it."""

    on_conflict: Literal["source_wins", "target_wins", "stop"] | None = None
    on_target_deleted: Literal["recreate", "unlink", "list"] | None = None
    on_existing: Literal["reject", "adopt"] | None = None

    @property
    def given(self) -> dict[str, str]:
        """What the document says, by policy."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


@dataclass(frozen=True, slots=True)
class PolicyChoices:
    """The values that the policies of one flow may have, and why not others, by policy."""

    on_conflict: tuple[str, ...] = ("source_wins", "target_wins", "stop")
    on_target_deleted: tuple[str, ...] = ("recreate", "unlink", "list")
    on_existing: tuple[str, ...] = ("reject", "adopt")
    why: Mapping[str, str] = field(default_factory=dict)

    def mistakes(self, flow: str, policy: Policy) -> Iterator[str]:
        """What a document says of the flow that the flow cannot do."""
        for name, value in policy.given.items():
            allowed: tuple[str, ...] = getattr(self, name)
            if value not in allowed:
                helps = f"write {' or '.join(allowed)}, or remove it" if allowed else "remove it"
                yield f"policies.{flow}.{name} is {value!r}, and {self.why[name]}: {helps}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the policies of the flow."""
        offered = {name: getattr(self, name) for name in ("on_conflict", "on_target_deleted", "on_existing")}
        properties = {name: {"enum": list(values)} for name, values in offered.items() if values}
        return {"additionalProperties": False, "properties": properties, "type": "object"}


class MapDocument(ValueMaps):
    """The document as a whole. `fields` are by mapping and target field, `filters` by flow; `value_maps` are the
    organisation's own code-to-code tables by name; `own_columns` are columns of Sales, by table, and fields of F&O, by
    collection, that only its systems have."""

    fields: dict[str, dict[Code, FieldSpec]] = Field(default_factory=dict)
    filters: dict[str, list[NamedFilter]] = Field(default_factory=dict)
    policies: dict[str, Policy] = Field(default_factory=dict)
    value_maps: dict[Code, dict[Code, str | int]] = Field(default_factory=dict)
    own_columns: dict[_Table, dict[_Column, OwnColumn]] = Field(default_factory=dict)

    @cached_property
    def in_order(self) -> str:
        """What every mapping has of the document in its fingerprint, as one text, the same for any order of names."""
        return exact_json.dumps(ordered(self.model_dump(exclude=_OF_ONE_MAPPING | _OF_NO_MAPPING)))

    def fields_of(self, part: str) -> dict[str, Override]:
        """What the document says about the fields of a mapping."""
        return {
            name: Override(ownership=given) if isinstance(given, str) else given
            for name, given in self.fields.get(part, {}).items()
        }

    @cached_property
    def names(self) -> Names:
        """The names of both systems, with those that the document adds."""
        own = {
            table: {name: column.as_name() for name, column in columns.items()}
            for table, columns in self.own_columns.items()
        }
        return Names(own)


def filters_in_words(maps: ValueMaps, flow: str) -> dict[str, Filter]:
    """The filters of a flow, by the rule that a record gets which does not pass one."""
    return {
        f"filter.{each.name}": Filter(
            f"the filter `{each.name}` of the map document does not keep it: {described(each.keep)} does not hold",
            "change the record, or the filter",
        )
        for each in as_known_to(MapDocument, maps).filters.get(flow, [])
    }


def model_of(
    of_flows: Iterable[type[ValueMaps]],
    *,
    lengths: Iterable[str],
    parts: Iterable[str],
    flows: Mapping[str, PolicyChoices],
    further: Mapping[str, Any] = MappingProxyType({}),
) -> type[MapDocument]:
    """The model of the whole document: what its flows add to it, the names of their parts of `text_lengths` and
    `fields`, their own names with the policies that they may have, and further parts."""
    policies = {"additionalProperties": False, "properties": {name: choices.schema for name, choices in flows.items()}}
    # Names that are known only now: no type checker can follow them.
    named_parts: dict[str, Any] = {
        "text_lengths": (dict[Literal[tuple(lengths)], dict[Code, Length]], ...),  # type: ignore[misc]
        "fields": (dict[Literal[tuple(parts)], dict[Code, FieldSpec]], {}),  # type: ignore[misc]
        "filters": (dict[Literal[tuple(flows)], list[NamedFilter]], {}),  # type: ignore[misc]
        "policies": (
            Annotated[dict[Literal[tuple(flows)], Policy], WithJsonSchema({**policies, "type": "object"})],  # type: ignore[misc]
            {},
        ),
        **further,
    }
    bases: Any = tuple(model for model in dict.fromkeys(of_flows) if model is not ValueMaps)
    model: Any = create_model("MapDocument", __base__=(*bases, MapDocument), **named_parts)
    return cast("type[MapDocument]", model)
