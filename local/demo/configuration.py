"""What the demo runs: the app with the settings of its user, and the flow that it watches."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.demo import environment
from local.demo.errors import UserMistake
from local.demo.flows import Watched
from shared import bootstrap
from shared.errors import SettingsInvalid
from shared.mapping import accounts
from shared.settings import Settings

# Stands for the demo's own addresses until they are known, so that all settings can be judged before the start.
_NOT_KNOWN_YET: Mapping[str, str] = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DATAVERSE_URL": "http://127.0.0.1:1",
    "FINOPS_URL": "http://127.0.0.1:2",
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """`settings` are the app settings but for the demo's own addresses; `notes` are for the user."""

    settings: Mapping[str, str]
    flow: Watched
    notes: tuple[str, ...]


def read_configuration(environ: Mapping[str, str]) -> Configuration:
    """Read what the user has set, as the app will. Raises UserMistake with every mistake in one message."""
    chosen = {name: value for name, value in environ.items() if value.strip()}
    try:
        settings = Settings.read({**environment.QUICK, **_NOT_KNOWN_YET, **chosen})
        mapper = bootstrap.account_mapper(settings)
    except SettingsInvalid as invalid:
        raise UserMistake(str(invalid)) from invalid
    flow = Watched(
        name=bootstrap.ACCOUNTS,
        route="customer",
        mapper=mapper,
        source_set=accounts.ENTITY_SET,
        id_column=accounts.ID_COLUMN,
        select=mapper.select,
        expand=mapper.table.expand,
        target_set=accounts.TARGET_SET,
        key_field=accounts.KEY_FIELD,
        fields=mapper.table.target_fields,
        company=settings.COMPANY.casefold(),
        adopt=settings.ACCOUNTS_ON_EXISTING == "adopt",
    )
    notes = tuple(
        f"{name} is set in your environment and not used: the demo reaches its own systems only."
        for name in sorted(environment.OWN & chosen.keys())
    )
    known = frozenset(Settings.model_fields)
    return Configuration(environment.app_settings({}, chosen, known), flow, notes)
