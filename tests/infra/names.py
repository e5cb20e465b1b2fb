"""What the code says of itself: the flows, and the names of functions, queues, tables and settings."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from function_app import app_of
from local.requirements import SITE_PYTHON
from shared.flows.registry import FLOWS
from shared.state.storage.account import TABLES

# The host starts nothing without a schedule, and takes a time limit that is not given for its own.
_READ_BY_THE_HOST = ("_SCHEDULE", "functionTimeout")
# What the templates know by themselves: the storage account, the identity, and what they ask for by name.
_GIVEN = ("AzureWebJobsStorage", "AZURE_CLIENT_ID", "DATAVERSE_URL", "FINOPS_URL", "COMPANY")


# The functions that serve all flows.
_FOR_ALL = ("sweep", "reconcile", "cleanup")


def names() -> dict[str, Any]:
    """What the code says of itself."""
    chosen = {name: field.default for name, field in FLOWS.settings.model_fields.items() if not name.startswith(_GIVEN)}
    return {
        "python": SITE_PYTHON,
        "flows": [{"name": flow.name, "parents": [*flow.parents, *flow.starts_after]} for flow in FLOWS],
        "functions": functions(),
        "queues": sorted(queue for flow in FLOWS for queue in flow.queues),
        "tables": sorted(TABLES),
        "settings": sorted(chosen),
        "readByTheHost": {name: chosen[name] for name in sorted(chosen) if name.endswith(_READ_BY_THE_HOST)},
    }


def functions() -> list[str]:
    """The functions of the app, by name."""
    return sorted([*_FOR_ALL, *(name for flow in FLOWS for name in flow.functions)])


def trigger_queues() -> set[str]:
    """The queues that the app listens to."""
    return {str(trigger["queueName"]) for trigger in _triggers().values() if "queueName" in trigger}


def schedule_settings() -> set[str]:
    """The settings that say when the timers of the app run."""
    return {str(trigger["schedule"]).strip("%") for trigger in _triggers().values() if "schedule" in trigger}


def timers() -> list[str]:
    """The functions that a timer starts, in the order of the app."""
    return [name for name, trigger in _triggers().items() if "schedule" in trigger]


@cache
def _triggers() -> Mapping[str, Mapping[str, object]]:
    found = {str(made.get_function_name()): made.get_trigger() for made in app_of(FLOWS).get_functions()}
    return {name: trigger.get_dict_repr() for name, trigger in found.items() if trigger is not None}
