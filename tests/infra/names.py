"""infra/names.json: what the templates and the hooks take from the code. `make infra` writes it."""

import ast
import json
from typing import Any

from local.requirements import SITE_PYTHON
from shared.flows.wiring import FLOWS
from shared.settings import Settings
from shared.state.storage.account import TABLES
from shared.state.storage.queues import HOLD_SUFFIX, POISON_SUFFIX
from tests.support.project import ROOT

NAMES = ROOT / "infra" / "names.json"
# The host starts nothing without a schedule, and takes a time limit that is not given for its own.
_READ_BY_THE_HOST = ("_SCHEDULE", "functionTimeout")
# What the templates know by themselves: the storage account, the identity, and what they ask for by name.
_GIVEN = ("AzureWebJobsStorage", "AZURE_CLIENT_ID", "DATAVERSE_URL", "FINOPS_URL", "COMPANY")


def names() -> dict[str, Any]:
    """What the code says of itself."""
    chosen = {name: field.default for name, field in Settings.model_fields.items() if not name.startswith(_GIVEN)}
    return {
        "python": SITE_PYTHON,
        "functions": functions(),
        "queues": sorted(flow + suffix for flow in FLOWS for suffix in ("", HOLD_SUFFIX, POISON_SUFFIX)),
        "tables": sorted(TABLES),
        "settings": sorted(chosen),
        "readByTheHost": {name: chosen[name] for name in sorted(chosen) if name.endswith(_READ_BY_THE_HOST)},
    }


def functions() -> list[str]:
    """The functions of the app, by name."""
    return sorted(_arguments("function_name"))


def trigger_queues() -> set[str]:
    """The queues that the app listens to."""
    return set(_arguments("queue_trigger", "queue_name"))


def _arguments(decorator: str, keyword: str | None = None) -> list[str]:
    tree = ast.parse((ROOT / "function_app.py").read_text(encoding="utf-8"))
    found = []
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == decorator:
            named = [of.value for of in call.keywords if of.arg == keyword]
            found.append(ast.literal_eval(named[0] if keyword else call.args[0]))
    return found


def text() -> str:
    """The file as it should be."""
    return json.dumps(names(), indent=2) + "\n"
