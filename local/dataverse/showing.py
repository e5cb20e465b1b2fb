"""Turns stored rows into the JSON text of answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from local.dataverse.options import Expansion, selected
from local.dataverse.organisation import Organisation
from local.dataverse.refusals import not_simulated
from local.dataverse.schema import EntityType, Kind, Property
from local.dataverse.values import formatted, renderer
from local.simulator.store import Row
from shared import exact_json

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
_CURRENCY = "_transactioncurrencyid_value"


@dataclass(frozen=True, slots=True)
class View:
    """Which properties of a table are shown, and how."""

    entity: EntityType
    properties: tuple[Property, ...]
    expansions: tuple[Expansion, ...] = ()
    annotations: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that showing a row takes."""
        wanted = {self.entity.primary_id: None, "versionnumber": None}
        for property_ in self.properties:
            wanted[property_.column] = None
            if property_.type_column:
                wanted[property_.type_column] = None
        for expansion in self.expansions:
            of = self.entity.columns[expansion.navigation.column]
            wanted[of.column] = None
            if of.type_column:
                wanted[of.type_column] = None
        return tuple(wanted)


def view(
    entity: EntityType,
    select: str | None,
    expansions: tuple[Expansion, ...] = (),
    annotations: str | None = None,
) -> View:
    """The view of a $select. Money brings its currency along, and the primary id always shows."""
    chosen = list(selected(entity, select))
    shown = {each.name for each in chosen}
    if _CURRENCY not in shown and any(each.kind is Kind.MONEY for each in chosen) and _CURRENCY in entity.properties:
        chosen.append(entity.properties[_CURRENCY])
    if entity.primary_id not in shown:
        chosen.append(entity.properties[entity.primary_id])
    return View(entity, tuple(chosen), expansions, annotations)


class Presenter:
    """Shows rows of one view."""

    def __init__(self, organisation: Organisation, of: View) -> None:
        self._organisation = organisation
        self._view = of
        self._parts: Sequence[tuple[Property, str, Callable[..., str]]] = [
            (prop, f'"{prop.name}":', renderer(prop)) for prop in of.properties
        ]
        self._expanded = [_Expanded(organisation, of.entity, expansion) for expansion in of.expansions]

    def show(self, row: Row, *, context: str | None = None) -> str:
        """One row as a JSON object, with the context in front if one is given."""
        members = [f'"@odata.context":{exact_json.dumps(context)}'] if context else []
        members.append(f'"@odata.etag":"{etag_text(row)}"')
        for part, name, render in self._parts:
            if self._view.annotations:
                members += self._annotations(part, row)
            members.append(name + render(row[part.column]))
        members += [each.show(row) for each in self._expanded]
        return "{" + ",".join(members) + "}"

    def _annotations(self, of: Property, row: Row) -> list[str]:
        """The annotations of one property, which come directly before it."""
        return [
            f'"{of.name}@{term}":{exact_json.dumps(value)}'
            for term, value in _annotations(self._view.entity, of, row)
            if value is not None and _wanted(term, self._view.annotations or "")
        ]


class _Expanded:
    def __init__(self, organisation: Organisation, entity: EntityType, expansion: Expansion) -> None:
        self._organisation = organisation
        self._navigation = expansion.navigation
        self._type_column = entity.columns[expansion.navigation.column].type_column
        targets = [organisation.schema.entities.get(name) for name in expansion.navigation.targets]
        if targets[0] is None:
            raise not_simulated(f"the table {expansion.navigation.targets[0]}")
        self._target = targets[0]
        select = None if expansion.select is None else ",".join(expansion.select)
        self._presenter = Presenter(organisation, view(self._target, select))

    def show(self, row: Row) -> str:
        found = self._found(row)
        return f'"{self._navigation.name}":' + ("null" if found is None else self._presenter.show(found))

    def _found(self, row: Row) -> Row | None:
        row_id = row[self._navigation.column]
        if row_id is None or (self._type_column and row[self._type_column] != self._target.name):
            return None
        return self._organisation.find(self._target, str(row_id))


def etag_text(row: Row) -> str:
    """The etag of a row as written inside a JSON string."""
    return f'W/\\"{row["versionnumber"]}\\"'


def etag(row: Row) -> str:
    """The etag of a row as written in a header."""
    return f'W/"{row["versionnumber"]}"'


def _annotations(entity: EntityType, of: Property, row: Row) -> list[tuple[str, str | None]]:
    value = row[of.column]
    if of.kind is not Kind.LOOKUP:
        return [(FORMATTED, formatted(of, value))]
    if value is None:
        return []
    if not (of.type_column or of.targets):
        # The business unit of a line: the metadata that is known names no table for it.
        return []
    table = str(row[of.type_column]) if of.type_column else of.targets[0]
    navigation = next(
        (nav.name for nav in entity.navigations.values() if nav.column == of.column and table in nav.targets), None
    )
    return [(NAVIGATION, navigation), (LOGICAL_NAME, table)]


def _wanted(term: str, wanted: str) -> bool:
    return any(fnmatchcase(term, pattern.strip()) for pattern in wanted.split(","))
