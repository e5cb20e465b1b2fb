"""What the demo runs: the app with the user's settings, and the flows that it watches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from local.demo import environment
from local.demo.accounts import watched_accounts
from local.demo.additions import Additions
from local.demo.contacts import watched_contacts
from local.demo.errors import UserMistake
from local.demo.flows import Watched
from local.demo.invoices import watched_invoices
from local.demo.orders import watched_orders
from local.demo.ordersback import watched_orders_back
from local.demo.products import watched_products
from local.demo.quotations import watched_quotations
from local.simulator.owncolumns import read_object
from shared import exact_json
from shared.errors import SettingsInvalid
from shared.flows.invoices.settings import InvoiceSettings
from shared.flows.ordersback.settings import OrdersBackSettings
from shared.flows.registry import FLOWS
from shared.flows.spec import Deployment
from shared.mapping.map_source import SHIPPED, require_readable
from shared.records import Json

MAP_DOCUMENT = "MAP_DOCUMENT"
# A placeholder for the demo's own addresses until they are known, so that all settings can be checked before the start.
_NOT_KNOWN_YET: Mapping[str, str] = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DATAVERSE_URL": "http://127.0.0.1:1",
    "FINOPS_URL": "http://127.0.0.1:2",
}
# A few records are in step at once where every flow looks often. Of their messages one is worked on at a time: what one
# worker has claimed while another wants it comes back only after some time.
BRISK: Mapping[str, str] = {
    **{flow.schedule_setting: "*/2 * * * * *" for flow in FLOWS},
    "AzureFunctionsJobHost__extensions__queues__batchSize": "1",
    "AzureFunctionsJobHost__extensions__queues__newBatchThreshold": "0",
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """`settings` are the app settings except for the demo's own addresses; `claim_live_s` is how long the claim of a
    worker that died holds others off; `notes` are for the user. `value_maps` is the text of the map document
    that goes with the sample records, None if the user has named their own or the shipped one is sufficient.
    """

    settings: Mapping[str, str]
    flows: tuple[Watched, ...]
    company: str
    claim_live_s: float
    change_limits: tuple[int, int]
    value_maps: str | None
    notes: tuple[str, ...]

    def may_change(self, records: int) -> int:
        """How many of so many records may change at once without the flow asking an operator."""
        count, percent = self.change_limits
        return min(records, max(count, records * percent // 100))

    def settings_in(self, folder: Path) -> dict[str, str]:
        """The app settings; a map document that goes with the records is written into the folder."""
        if self.value_maps is None:
            return dict(self.settings)
        file = folder / "value_maps.json"
        file.write_text(self.value_maps, encoding="utf-8")
        return {**self.settings, MAP_DOCUMENT: str(file)}


def read_configuration(
    environ: Mapping[str, str],
    *,
    unit_group: str | None = None,
    units: Mapping[str, str] | None = None,
    hasty: bool = False,
    brisk: bool = False,
    map_file: Path | None = None,
) -> Configuration:
    """Read what the user has set, as the app will. Raises UserMistake with every mistake in one message.

    `unit_group` is the one of the sample records, `units` their units (symbol in F&O, name in Sales); `hasty` shortens
    the life of a dead worker's claims, `brisk` is for a few records that should soon be in step. `map_file` is the map
    document, whatever the environment names; the units and the unit group of the records take the place of its own.
    """
    chosen = {name: value for name, value in environ.items() if value.strip()}
    if map_file is not None:
        chosen[MAP_DOCUMENT] = str(map_file)
    quick = {**environment.QUICK, **(environment.HASTY if hasty else {}), **(BRISK if brisk else {})}
    known = {**quick, **environment.without_foreign(chosen), **_NOT_KNOWN_YET}
    value_maps = None
    try:
        if map_file is not None:
            require_readable(map_file)
        if unit_group is not None and (map_file is not None or MAP_DOCUMENT not in chosen):
            # Its mistakes are told with its own name and lines, before the units are put in.
            FLOWS.deployment(FLOWS.read_settings(known))
            value_maps = _with_units(map_file or SHIPPED, unit_group, units or {})
        settings = FLOWS.read_settings({**known, **({} if value_maps is None else {MAP_DOCUMENT: value_maps})})
        deployment = FLOWS.deployment(settings)
        flows = tuple(replace(each, additions=Additions.of(deployment, each.name)) for each in _watched(deployment))
    except SettingsInvalid as invalid:
        text = str(invalid)
        raise UserMistake(text if map_file is None else text.replace(MAP_DOCUMENT, "--map", 1)) from invalid
    notes = tuple(
        f"{name} is set in your environment and ignored: the demo uses its own systems only."
        for name in sorted(environment.OWN & chosen.keys())
    )
    return Configuration(
        settings=environment.app_settings({}, chosen, frozenset(FLOWS.settings.model_fields), quick),
        flows=flows,
        company=settings.COMPANY.casefold(),
        claim_live_s=settings.claim_live_s,
        change_limits=(settings.GONE_LIMIT_COUNT, settings.CHANGE_LIMIT_PERCENT),
        value_maps=value_maps,
        notes=notes,
    )


def _watched(deployment: Deployment) -> Iterator[Watched]:
    """The flows that are on, in the order in which they are pulled."""
    yield watched_accounts(deployment)
    yield watched_contacts(deployment)
    yield watched_products(deployment)
    yield watched_quotations(deployment)
    yield watched_orders(deployment)
    if deployment.settings_for(OrdersBackSettings).ORDERS_BACK != "off":
        yield watched_orders_back(deployment)
    if deployment.settings_for(InvoiceSettings).INVOICES != "off":
        yield watched_invoices(deployment)


def _with_units(document: Path, group: str, units: Mapping[str, str]) -> str:
    """A right map document for an organisation with another unit group, and with these units in addition to those of
    the document that have different names in the two systems."""
    content = read_object(document)
    defaults, shipped = content["defaults"], content["units"]
    assert isinstance(defaults, dict)
    assert isinstance(shipped, list)
    taken = {name.casefold() for name in (*units, *units.values())}
    others = [pair for pair in shipped if isinstance(pair, dict) and not _names_one_of(pair, taken)]
    own: list[Json] = [{"sales": name, "finops": symbol} for symbol, name in units.items()]
    return exact_json.dumps({**content, "defaults": {**defaults, "unit_group": group}, "units": [*own, *others]})


def _names_one_of(pair: Mapping[str, Json], names: set[str]) -> bool:
    return any(str(pair[side]).casefold() in names for side in ("sales", "finops"))
