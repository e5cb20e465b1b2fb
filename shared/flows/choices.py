"""What several flows make of settings, and how they reach F&O."""

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import TypeVar
from zoneinfo import ZoneInfo

from shared.clients.dataverse.lookup import LookupTable
from shared.clients.finops.environment import FinopsCollection, FinopsTable
from shared.flows.spec import Deployment
from shared.mapping.addresses import AddressRules
from shared.mapping.date_columns import SELECT, DateColumns, metadata_of
from shared.mapping.scope import Scope
from shared.settings import Settings
from shared.sync.flow import Route, TargetRules

_Made = TypeVar("_Made")


def scope_of(text: str, settings: Settings) -> Scope:
    """The records that belong to the first run: `all`, `linked`, or those changed since a day."""
    return Scope(text == "linked", None if text in ("all", "linked") else date.fromisoformat(text), zone_of(settings))


def zone_of(settings: Settings) -> ZoneInfo:
    """The time zone of the business."""
    return ZoneInfo(settings.BUSINESS_TIME_ZONE)


def address_rules_of(settings: Settings) -> AddressRules:
    """How addresses are carried over."""
    return AddressRules(
        leave_unknown_state_out=settings.UNKNOWN_STATE == "leave_out",
        send_state_without_list=settings.STATE_WITHOUT_LIST == "send",
        county=settings.MAP_COUNTY,
        street_number=settings.MAP_STREET_NUMBER,
    )


def how_dates_behave(columns: DateColumns) -> dict[str, LookupTable]:
    """The small tables that say how date columns of Sales behave."""
    return {metadata_of(table): LookupTable(SELECT) for table in columns}


def route_to(table: FinopsTable, name: str, rules: TargetRules, *, adopt: bool, moves: bool = False) -> Route:
    """A route to a collection of F&O whose rows are written one by one."""
    return Route(name, table.entity_set, FinopsCollection(table), rules, adopt_existing=adopt, moves=moves)


def once_per_deployment(make: Callable[[Deployment], _Made]) -> Callable[[Deployment], _Made]:
    """A mapping is made once for a deployment, whoever asks for it: checks, the wiring, and what a deployment needs. It
    is never changed."""

    @wraps(make)
    def made(deployment: Deployment) -> _Made:
        if make not in deployment.made:
            deployment.made[make] = make(deployment)
        found: _Made = deployment.made[make]
        return found

    return made
