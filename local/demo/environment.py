"""The app settings of the demo: its own addresses and quick schedules, and the settings of its user."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from local import loopback
from local.demo.systems import Secrets
from shared.flows.registry import FLOWS
from shared.settings import schedules

# These lead to a system or prove an identity: the demo never takes them from outside, it must not reach anybody's
# real environment.
OWN = frozenset(
    {
        "AZURE_CLIENT_ID",
        "AzureWebJobsStorage",
        "AzureWebJobsStorage__queueServiceUri",
        "AzureWebJobsStorage__tableServiceUri",
        "DATAVERSE_URL",
        "FINOPS_URL",
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
    }
)
_FOREIGN = ("AZURE_", "MSI_", "IDENTITY_", "AZUREWEBJOBS")

# What the platform reads, as deployed (infra/app.bicep).
PLATFORM: Mapping[str, str] = {"FUNCTIONS_WORKER_RUNTIME": "python", "PYTHON_THREADPOOL_THREAD_COUNT": "110"}


def ticking(when: str, *functions: str) -> dict[str, str]:
    """The settings that make the timers of flows, or of other functions, tick."""
    of_flows = {flow.name: flow.schedule_setting for flow in FLOWS}
    return {of_flows.get(name, f"{name.upper()}_SCHEDULE"): when for name in functions}


# Far more often than in production, so there is something to watch; yet each look at Sales is a request.
QUICK: Mapping[str, str] = {
    **PLATFORM,
    **schedules(FLOWS.settings),
    **ticking("*/3 * * * * *", *FLOWS.names),
    **ticking("*/5 * * * * *", "sweep"),
    "COMPANY": "usmf",
    # There is more to see of a product that is gone in F&O than one that simply stays.
    "PRODUCTS_WHEN_VANISHED": "retire",
    # Off otherwise.
    "ORDERS_BACK": "all",
    "INVOICES": "on",
    "HISTORY_VALUES_DAYS": "30",
}

# What runs our modules meets nobody but on loopback, without TLS: to read the certificates that the system trusts, as
# aiohttp does when it is imported, takes a sixth of a second of each start.
WITHOUT_TLS: Mapping[str, str] = {"SSL_CERT_FILE": os.devnull}

# The claim of a worker that died holds others off for as long as it could still have worked, or a request of it could
# still arrive. If one is killed while the user watches, that is short: here nothing stalls, and nothing is far away.
HASTY: Mapping[str, str] = {
    "AzureFunctionsJobHost__functionTimeout": "00:00:40",
    "REQUEST_TIMEOUT_S": "10",
    "CLAIM_MARGIN_S": "5",
}


def app_settings(
    own: Mapping[str, str], environment: Mapping[str, str], known: frozenset[str], quick: Mapping[str, str] = QUICK
) -> dict[str, str]:
    """The settings of the app: `own` always, then those of `known` that the user has set, then the quick ones."""
    given = {
        name: value for name, value in environment.items() if name in (known | quick.keys()) - OWN and value.strip()
    }
    return {**quick, **given, **own}


def without_foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what leads to a real account, or proves who somebody is there."""
    kept = {name: value for name, value in environment.items() if not name.upper().startswith(_FOREIGN)}
    return {name: value for name, value in kept.items() if name not in OWN}


def child_environment(environment: Mapping[str, str], settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables of a child: nothing that leads to a real account, no proxy for loopback, output that
    is read as UTF-8."""
    output = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    return {**without_foreign(environment), **loopback.spared(environment), **output, **(settings or {})}


def write_private(file: Path, text: str) -> Path:
    """Write a file that only its owner may read, new or not."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    return file


def write_settings(file: Path, settings: Mapping[str, str]) -> Path:
    """Write the settings in the form of local.settings.json."""
    return write_private(file, json.dumps({"IsEncrypted": False, "Values": dict(settings)}))


def own_settings(*, storage: str, dataverse: str, finops: str, identity: str, shared: Secrets) -> dict[str, str]:
    """The settings that are the demo's own."""
    return {
        "AzureWebJobsStorage": storage,
        "DATAVERSE_URL": dataverse,
        "FINOPS_URL": finops,
        "IDENTITY_ENDPOINT": identity,
        "IDENTITY_HEADER": shared.identity_header,
    }
