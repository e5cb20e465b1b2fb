"""Preflight's checks of what the map document asks of columns: that they may be written, take texts as long, and have
the options and members that it names. Whether they exist, and with which type, is checked for every column of a
mapping."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.finops.environment import FinopsSystem
from shared.flows.checks import SALES, Check, CheckResult, part
from shared.flows.required_columns import attribute_of
from shared.flows.spec import Deployment
from shared.mapping import field_specs as specs
from shared.mapping.condition_specs import leaves_of
from shared.mapping.conditions import AnyCondition
from shared.mapping.field_row import FieldRow
from shared.mapping.field_table import FieldTable
from shared.mapping.map_document import MapDocument
from shared.mapping.names import ColumnKind, shipped
from shared.mapping.value_maps import as_known_to
from shared.mapping.words import Ownership
from shared.operations.live_types import LiveTypes, text_lengths
from shared.operations.own_columns import attributes_of, members_of, options_of, properties_of
from shared.records import Json

_REMEDY = "correct the field in the map document, or the column"
_COMPARED = ("eq", "ne", "in")
_SHOWN = 12


@dataclass(slots=True)
class _Asked:
    """What a document asks of a column, by any flow."""

    creates: bool = False
    updates: bool = False
    length: int = 0
    values: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Table:
    """What a document asks of a table of Sales or a collection of F&O, and for which flows."""

    columns: dict[str, _Asked] = field(default_factory=lambda: defaultdict(_Asked))
    flows: set[str] = field(default_factory=set)


def document_checks(deployment: Deployment, types: LiveTypes, area: str) -> Iterator[Check]:
    """Whether a system has what the map document asks of its columns; nothing if it asks for nothing."""
    for name, asked in _asked(deployment, area).items():
        what = f"{name} takes what the map document says"
        read = partial(_of_sales if area == SALES else _of_finops, types, name, asked)
        yield from part(area, what, partial(_judged, area, what, asked, read), tuple(sorted(asked.flows)))


def _asked(deployment: Deployment, area: str) -> Mapping[str, _Table]:
    document = as_known_to(MapDocument, deployment.maps)
    found: dict[str, _Table] = defaultdict(_Table)

    def at(entity_set: str, column: str, flow: str) -> _Asked | None:
        """What is asked of a column of this system; None for one of the other system, or behind a lookup."""
        table = shipped().get(entity_set)
        if "." in column or table is None or (area == SALES) is not bool(table.id_column):
            return None
        found[entity_set].flows.add(flow)
        return found[entity_set].columns[column]

    for flow in deployment.flows:
        used = flow.required_columns(deployment)
        for table in flow.tables(deployment) if used.sales or used.finops else ():
            for row in table.rows():
                target = at(table.target_set, _column(table, row.field), flow.name) if row.is_changed else None
                if target is not None:
                    _write(target, row)
            for entity_set, column, values in _named(table, document, flow.name):
                known = document.names.find(entity_set, column)
                if known is not None and known.kind in (ColumnKind.OPTION, ColumnKind.MEMBER):
                    asked = at(entity_set, column, flow.name)
                    if asked is not None:
                        asked.values |= values
    return found


def _column(table: FieldTable, name: str) -> str:
    """The column behind a field that is a navigation."""
    reference = table.references.get(name)
    return name if reference is None else reference.column


def _write(asked: _Asked, row: FieldRow) -> None:
    asked.creates |= row.ownership is not Ownership.OFF
    asked.updates |= row.ownership not in (Ownership.OFF, Ownership.ON_CREATE)
    asked.length = max(asked.length, row.length or 0)


def _named(table: FieldTable, document: MapDocument, flow: str) -> Iterator[tuple[str, str, set[str]]]:
    """The options and members that a document names, each with the table and the column that must have them."""
    for name, spec in document.fields_of(table.part).items():
        match spec:
            case specs.Constant(value=value):
                yield table.target_set, name, {str(value)}
            case specs.Option(source=source, to=to):
                yield table.target_set, name, set(map(str, to.values()))
                yield table.source_set, source, set(to)
            case specs.ByValueMap(map=of, otherwise=otherwise):
                codes = (*document.value_maps[of].values(), *(() if otherwise is None else (otherwise,)))
                yield table.target_set, name, set(map(str, codes))
            case specs.Rules(rules=rules, otherwise=otherwise):
                given = (*(rule.value for rule in rules), *(() if otherwise is None else (otherwise,)))
                yield table.target_set, name, set(map(str, given))
                for rule in rules:
                    yield from _compared(rule.when, table.source_set)
    for each in document.filters.get(flow, []):
        yield from _compared(each.keep, table.source_set)


def _compared(condition: AnyCondition, entity_set: str) -> Iterator[tuple[str, str, set[str]]]:
    for _, leaf in leaves_of(condition, ""):
        if leaf.operator in _COMPARED:
            values = leaf.value if isinstance(leaf.value, list) else [leaf.value]
            yield entity_set, leaf.column, set(map(str, values))


@dataclass(frozen=True, slots=True)
class _Live:
    """What a system has of the columns of a table; what is not known of one proves nothing."""

    creates: Mapping[str, Json]
    updates: Mapping[str, Json]
    lengths: Mapping[str, int]
    values: Mapping[str, set[str]]


def _judged(area: str, what: str, asked: _Table, read: partial[_Live]) -> Iterator[Check]:
    live = read()
    wrong = [
        f"{column} {problem}"
        for column, each in sorted(asked.columns.items())
        for problem in _problems(attribute_of(column), each, live)
    ]
    flows = tuple(sorted(asked.flows))
    if wrong:
        yield Check(area, what, CheckResult.WRONG, "; ".join(wrong), _REMEDY, flows)
    else:
        yield Check(area, what, CheckResult.WELL, flows=flows)


def _problems(column: str, asked: _Asked, live: _Live) -> Iterator[str]:
    if asked.creates and live.creates.get(column) is False:
        yield "cannot be written"
    elif asked.updates and live.updates.get(column) is False:
        yield "can be set at creation only: make it on_create"
    if column in live.lengths and asked.length > live.lengths[column]:
        yield f"takes {live.lengths[column]} characters, and the document sends up to {asked.length}"
    there = live.values.get(column)
    missing = sorted(asked.values - there) if there else []
    if missing:
        yield f"has no {', '.join(missing)}, but {', '.join(sorted(there or ())[:_SHOWN])}"


def _of_sales(types: LiveTypes, name: str, asked: _Table) -> _Live:
    system: DataverseSystem = types.dataverse
    table = shipped()[name].id_column.removesuffix("id")
    rows = dict(attributes_of(system, table, "IsValidForCreate,IsValidForUpdate"))
    texts = any(each.length for each in asked.columns.values())
    choices = {attribute_of(column) for column, each in asked.columns.items() if each.values}
    options = options_of(system, table, choices.__contains__) if choices else {}
    return _Live(
        {column: row.get("IsValidForCreate") for column, row in rows.items()},
        {column: row.get("IsValidForUpdate") for column, row in rows.items()},
        text_lengths(system, table) if texts else {},
        {column: set(map(str, values)) for column, values in options.items()},
    )


def _of_finops(types: LiveTypes, name: str, asked: _Table) -> _Live:
    """F&O publishes no lengths."""
    system: FinopsSystem = types.finops
    rows = dict(properties_of(system, name))
    enumerations = {
        column: str(rows[column].get("TypeName"))
        for column, each in asked.columns.items()
        if each.values and column in rows
    }
    return _Live(
        {column: row.get("AllowEditOnCreate") for column, row in rows.items()},
        {column: row.get("AllowEdit") for column, row in rows.items()},
        {},
        {column: set(map(str, members_of(system, type_name))) for column, type_name in enumerations.items()},
    )
