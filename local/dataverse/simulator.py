"""Puts the parts of the simulator together."""

from collections.abc import Mapping
from pathlib import Path

from local.dataverse.organisation import Organisation
from local.dataverse.protection import Protection
from local.dataverse.schema import Schema
from local.dataverse.seeds import seed
from local.dataverse.service import Service
from local.dataverse.settings import Settings
from local.simulator.auth import Clock, TokenCheck, system_clock
from local.simulator.exchanges import ExchangeLog
from local.simulator.faults import Faults
from local.simulator.server import Simulator, Tls
from shared.records import Json


def build_organisation(
    schema: Schema,
    *,
    file: Path | None = None,
    clock: Clock = system_clock,
    settings: Settings | None = None,
    settings_row: Mapping[str, Json] | None = None,
    random_seed: int | None = None,
) -> Organisation:
    """An organisation with the rows that each one has; those of the file, where it exists, stay.

    `settings_row` overrules columns of a new organization row, such as pricingdecimalprecision; `random_seed` makes
    ids and number suffixes the same in every run (not for a file that is opened again: its ids are taken).
    """
    organisation = Organisation(schema, clock=clock, file=file, settings=settings, seed=random_seed)
    seed(organisation, settings_row)
    return organisation


def build_simulator(  # noqa: PLR0917 - the parts of a simulator in their fixed order
    organisation: Organisation,
    token_check: TokenCheck,
    faults: Faults,
    exchanges: ExchangeLog,
    admin_token: str,
    tls: Tls | None = None,
) -> Simulator:
    """The server of an organisation, with its controls `privileges`, `links` and `protection`."""
    switches = organisation.switches
    service = Service(organisation)
    protection = Protection(organisation.settings.limits, service)
    return Simulator(
        "dataverse",
        service.handle,
        token_check,
        faults,
        exchanges,
        admin_token,
        tls,
        guard=protection.guard,
        controls={
            "privileges": switches.privileges,
            "links": switches.links,
            "protection": protection.control,
        },
        clock=organisation.clock,
    )
