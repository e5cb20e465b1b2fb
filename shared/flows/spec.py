"""What a flow says of itself, and the registry of flows from which everything else that concerns flows is derived:
triggers, queues, settings, the map document, filters in words, what a deployment needs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from pydantic import create_model

from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.dataverse.record_table import RecordTable
from shared.clients.dataverse.rows import WriteTable
from shared.clients.dataverse.target import DataverseTarget
from shared.clients.finops.environment import FinopsSystem
from shared.errors import MapInvalid, SettingsInvalid
from shared.flows.checks import Check
from shared.flows.misnamed import mistakes_of_names
from shared.flows.required_columns import RequiredColumns
from shared.map_mistakes import MapMistake
from shared.mapping.field_table import FieldTable
from shared.mapping.map_document import MapDocument, Policy, PolicyChoices, filters_in_words, model_of
from shared.mapping.map_source import map_source, mistaken
from shared.mapping.results import ResultColumns, ResultMaps, part_of_results
from shared.mapping.value_maps import ValueMaps, as_known_to, read_map_document
from shared.mapping.verdicts import Filter
from shared.records import Json, References, SourceRow
from shared.settings import SCHEDULE, Settings
from shared.state.owners import Owners
from shared.state.storage.queues import queues_of
from shared.sync.flow import Finder, Flow, Mapper, OnConflict, OnTargetDeleted, ResultRows, Route, Tracked, Walked
from shared.sync.ports import Lookup, WatchedRows
from shared.systems import System

_Settings = TypeVar("_Settings", bound=Settings)


@dataclass(frozen=True, slots=True)
class Systems:
    """Both systems, and the owners of the rows of documents."""

    dataverse: DataverseSystem
    finops: FinopsSystem
    owners: Owners


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """A flow's mapping with its source and its targets; the fields are those of Flow."""

    feed: Tracked | Walked
    routes: tuple[Route, ...]
    mapper: Mapper
    numbered: Callable[[Sequence[str]], Mapping[str, Sequence[str]]]
    number_column: str
    name_columns: tuple[str, ...] = ()
    off: str = ""
    lookup: Lookup | None = None
    basis: Callable[[References, datetime], Json] | None = None
    finders: Mapping[str, Finder] = field(default_factory=dict)


def _nothing(_deployment: "Deployment", _dataverse: DataverseSystem, _other: object) -> Iterable[Check]:
    return ()


@dataclass(frozen=True, kw_only=True, eq=False)
class FlowSpec:
    """What a flow says of itself.

    `name` is also the name of its queue, and begins those of its functions and settings; `source` and `target` are the
    systems that its records come from and go to. `settings` are those of the app with its own, `value_maps` the
    document with its own parts. `lengths` and `ownership` name its mappings in `text_lengths` and `fields` of the
    document; `tables` are these mappings as a deployment wants them. `parents` are the flows whose records its own wait
    for, `parents_by_key` the target collections in which they name such records by key, `comes_back_from` one of them
    whose rows are records of this flow. `looks_first` are flows of which a record must be looked at before one of
    this flow is written. `starts_after` are flows whose records its own look up, so that nothing
    releases them. `setting_prefix` begins the names of its settings, if the name of the flow does not. `policies`
    are those that the document may choose.

    `required_columns` says what preflight looks for; `checks_of_sales` asks what else Sales must have, and
    `checks_of_finops` what F&O must have beside what is in Sales. `filters` are the rules of the mapping in words.
    `sales_table` is the table whose rows an operator opens in Sales, empty if the id of a record does not lead to one;
    `row_in_sales` finds the id of that row in a record with another id. `referred_as` is the table whose rows other
    records of Sales refer to, with the column by which the flow knows them. `results_in` is the entity set of that
    table if the results of records may be written into its rows, and `result_columns` the model of the columns for
    them; `watched` reads those fields of the target that some of these columns get.
    """

    name: str
    source: System
    target: System
    settings: type[Settings]
    lengths: tuple[str, ...]
    ownership: tuple[str, ...]
    wire: Callable[["Deployment", Systems], Wiring]
    tables: Callable[["Deployment"], Sequence[FieldTable]]
    required_columns: Callable[["Deployment"], RequiredColumns]
    checks_of_sales: Callable[["Deployment", DataverseSystem, datetime], Iterable[Check]] = _nothing
    checks_of_finops: Callable[["Deployment", DataverseSystem, FinopsSystem], Iterable[Check]] = _nothing
    filters: Mapping[str, Filter] = field(default_factory=dict)
    sales_table: str = ""
    row_in_sales: Callable[[SourceRow], str | None] | None = None
    referred_as: tuple[str, str] | None = None
    results_in: str = ""
    result_columns: type[ResultColumns] = ResultColumns
    watched: "Callable[[ResultColumns, Deployment, Systems], WatchedRows] | None" = None
    value_maps: type[ValueMaps] = ValueMaps
    parents: tuple[str, ...] = ()
    parents_by_key: tuple[str, ...] = ()
    comes_back_from: str = ""
    looks_first: tuple[str, ...] = ()
    starts_after: tuple[str, ...] = ()
    setting_prefix: str = ""
    policies: PolicyChoices = field(default_factory=PolicyChoices)

    @property
    def queues(self) -> tuple[str, str, str]:
        """All its queues: that of its hints, and those of held and of poison messages."""
        return queues_of(self.name)

    @property
    def functions(self) -> tuple[str, str, str]:
        """Its functions: the one that finds out what has changed, the one that writes records, and the one that takes
        messages that failed too often."""
        return f"{self.name}_pull", f"{self.name}_apply", f"{self.name}_poison"

    @property
    def prefix(self) -> str:
        """What its settings begin with."""
        return self.setting_prefix or self.name.upper()

    @property
    def schedule_setting(self) -> str:
        """The setting that says when its pull runs."""
        return f"{self.prefix}{SCHEDULE}"

    def wired(self, deployment: "Deployment", systems: Systems) -> Flow:
        """The flow as a deployment wants it. Raises SettingsInvalid for what its settings and maps forbid together."""
        wiring = self.wire(deployment, systems)
        return Flow(
            name=self.name,
            source_system=self.source,
            target_system=self.target,
            company=deployment.company,
            feed=wiring.feed,
            routes={route.name: self._with_policy(route, deployment) for route in wiring.routes},
            mapper=wiring.mapper,
            numbered=wiring.numbered,
            number_column=wiring.number_column,
            name_columns=wiring.name_columns,
            lookup=wiring.lookup,
            basis=wiring.basis,
            finders=wiring.finders,
            parents=self.parents,
            parents_by_key=self.parents_by_key,
            comes_back_from=self.comes_back_from,
            looks_first=self.looks_first,
            off=wiring.off,
            filters={**self.filters, **filters_in_words(deployment.maps, self.name)},
            results=self._results(deployment, systems),
        )

    def _with_policy(self, route: Route, deployment: "Deployment") -> Route:
        """A route with what the map document decides about changes of others."""
        policy = deployment.policy_of(self.name)
        return replace(
            route,
            on_conflict=OnConflict(policy.on_conflict or route.on_conflict),
            on_target_deleted=OnTargetDeleted(policy.on_target_deleted or route.on_target_deleted),
        )

    def _results(self, deployment: "Deployment", systems: Systems) -> ResultRows | None:
        """Where the results of its records are written; None if the document names no columns for them."""
        columns = deployment.result_columns.get(self.name)
        if columns is None:
            return None
        id_column = f"{self.sales_table}id"
        table = RecordTable(
            table=WriteTable(self.results_in, self.sales_table, id_column),
            key_column=id_column,
            columns=tuple(columns.named.values()),
            also_read=(),
            late=frozenset(),
            status_of={},
            already={},
        )
        target = DataverseTarget(
            systems.dataverse,
            table,
            self.name,
            bulk_rows=deployment.settings.BULK_ROWS,
            acts_for=columns.written_for or "",
        )
        watched = self.watched(columns, deployment, systems) if self.watched is not None and columns.of_target else None
        return ResultRows(columns, self.row_in_sales or (lambda row: row.id), target, watched)


@dataclass(frozen=True, eq=False)
class Flows:
    """The flows of an app, in order."""

    specs: tuple[FlowSpec, ...]

    def __iter__(self) -> Iterator[FlowSpec]:
        return iter(self.specs)

    def __getitem__(self, name: str) -> FlowSpec:
        """A flow by name. Raises KeyError."""
        return {flow.name: flow for flow in self.specs}[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(flow.name for flow in self.specs)

    @cached_property
    def settings(self) -> type[Settings]:
        """The model of all settings: those of the app, then those of each flow."""
        # The fields of the last base come first.
        bases = tuple(dict.fromkeys(flow.settings for flow in reversed(self.specs)))
        return create_model("Settings", __base__=bases or Settings)

    @cached_property
    def value_maps(self) -> type[ValueMaps]:
        """The model of the map document."""
        results = part_of_results({flow.name: flow.result_columns for flow in self.specs if flow.results_in})
        return model_of(
            [ResultMaps, *(flow.value_maps for flow in self.specs)],
            lengths=[part for flow in self.specs for part in flow.lengths],
            parts=[part for flow in self.specs for part in flow.ownership],
            flows={flow.name: flow.policies for flow in self.specs},
            further={"results": results},
        )

    def knowing(self, part: str) -> tuple[str, ...]:
        """The flows that know a part of the map document; own value maps belong to any mapping."""
        return tuple(flow.name for flow in self.specs if part in (*flow.value_maps.model_fields, "value_maps"))

    def read_settings(self, environ: Mapping[str, str]) -> Settings:
        """The settings of an environment. Raises SettingsInvalid."""
        return self.settings.read(environ)

    def read_map_document(self, source: str | None) -> ValueMaps:
        """The map document (shared/mapping/value_maps.py). Raises SettingsInvalid."""
        return read_map_document(source, self.value_maps)

    def deployment(self, settings: Settings) -> "Deployment":
        """What these settings of the flows mean, with the map document that they name. Raises SettingsInvalid."""
        try:
            deployment = Deployment(self, settings, self.read_map_document(settings.MAP_DOCUMENT))
            deployment.check()
        except MapInvalid as invalid:
            found = map_source(settings.MAP_DOCUMENT)
            of_names = mistakes_of_names(found, self.value_maps, lambda maps: Deployment(self, settings, maps).check())
            mistakes = (*invalid.mistakes, *of_names.mistakes)
            raise mistaken(found.name, found.located(mistakes), left_out=of_names.left_out) from None
        return deployment


@dataclass(frozen=True, slots=True)
class Deployment:
    """The flows of an app, and what an organisation has decided about them. The document is read once."""

    flows: Flows
    settings: Settings
    maps: ValueMaps
    made: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was made for it once: see once_per_deployment in shared/flows/choices.py."""

    @property
    def company(self) -> str:
        """The legal entity of F&O, as the state of the sync knows it."""
        return self.settings.COMPANY.casefold()

    @property
    def result_columns(self) -> Mapping[str, ResultColumns]:
        """The columns for the results of records, by flow."""
        return self.maps.result_columns if isinstance(self.maps, ResultMaps) else {}

    def check(self) -> None:
        """Raises SettingsInvalid that names what the map document has wrong about any flow."""
        try:
            self.require_sound()
        except MapInvalid as invalid:
            # What a mapping uses is known of a sound one alone.
            raise mistaken("the map document", invalid.mistakes, left_out=bool(self.result_columns)) from None
        self.check_results()

    def check_results(self) -> None:
        """Raises SettingsInvalid if a result would change what a mapping reads or writes, and so answer itself."""
        mistakes = []
        for name, columns in self.result_columns.items():
            entity_set = self.flows[name].results_in
            used = {
                column: flow.name
                for flow in self.flows
                for table in flow.required_columns(self).sales
                if table.entity_set == entity_set
                for column in table.columns
            }
            mistakes += [
                f"results.{name}.{part} is {column}, which the mapping of {used[column]} uses: name another column"
                for part, column in columns.named.items()
                if column in used
            ]
        if mistakes:
            raise mistaken("the map document", mistakes)

    def policy_of(self, flow: str) -> Policy:
        """What the map document decides about rows in the target."""
        return as_known_to(MapDocument, self.maps).policies.get(flow, Policy())

    def looks_for_conflicts(self, flow: str) -> bool:
        """Whether changes of others in the target count."""
        said = self.policy_of(flow).on_conflict
        return said is not None and OnConflict(said).looks

    def adopts(self, flow: str) -> bool:
        """Whether a row that is there before the first write is taken over: as the map document says, otherwise as the
        setting does."""
        said = self.policy_of(flow).on_existing or getattr(self.settings, f"{self.flows[flow].prefix}_ON_EXISTING")
        return bool(said == "adopt")

    def settings_for(self, model: type[_Settings]) -> _Settings:
        """The settings as one flow knows them. Raises TypeError for settings that were read without this flow."""
        if not isinstance(self.settings, model):
            raise TypeError(f"the settings were read without those of {model.__name__}")
        return self.settings

    def require_sound(self) -> None:
        """Raises SettingsInvalid that names everything that the map document has wrong about any flow."""
        mistakes: list[MapMistake] = []
        for flow in self.flows:
            mistakes += flow.policies.mistakes(flow.name, self.policy_of(flow.name))
            try:
                flow.tables(self)
            except MapInvalid as invalid:
                mistakes += invalid.mistakes
        if mistakes:
            raise mistaken("the map document", mistakes)

    def wired(self, systems: Systems) -> dict[str, Flow]:
        """Every flow by name. Raises SettingsInvalid."""
        try:
            return {flow.name: flow.wired(self, systems) for flow in self.flows}
        except SettingsInvalid:
            self.require_sound()
            raise
