"""What must hold between the templates and the code. Each check returns what is wrong, a line each."""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from shared.flows import FLOWS
from shared.settings import Settings
from shared.state.queues import HOLD_SUFFIX, POISON_SUFFIX
from shared.state.storage import TABLES
from tests.infra.deployment import Deployment, deploy
from tests.infra.findings import Findings
from tests.infra.syntax import parts, read_source, text
from tests.infra.templates import MINIMAL, ROOT, WHOLE

Check = Callable[[Path], list[str]]

# Settings of the platform, which the code does not read (docs/infrastructure.md).
PLATFORM = frozenset(
    {
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "AzureWebJobsStorage__blobServiceUri",
        "AzureWebJobsStorage__clientId",
        "AzureWebJobsStorage__credential",
        "PYTHON_THREADPOOL_THREAD_COUNT",
    }
)
# A connection string holds a key: it is for the emulator only.
LOCAL_ONLY = frozenset({"AzureWebJobsStorage"})

# What each identity needs, where, and why.
ROLES: Mapping[tuple[str, str, str], str] = {
    (
        "app",
        "storage",
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    ): "Storage Blob Data Owner: package and leases of the host",
    (
        "app",
        "storage",
        "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    ): "Storage Queue Data Contributor: triggers, poison queues",
    ("app", "storage", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"): "Storage Table Data Contributor: the state",
    ("app", "insights", "3913510d-42f4-4e42-8a64-420c390055eb"): "Monitoring Metrics Publisher: telemetry",
    ("operators", "storage", "974c5e8b-45b9-4653-ba55-5f855dd0fb88"): "Storage Queue Data Contributor: repairs",
    ("operators", "storage", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"): "Storage Table Data Contributor: repairs",
}
_SCOPES = {"storageAccounts": "storage", "components": "insights"}
_SCHEMAS = Path(__file__).parent / "data"


def templates(root: Path) -> list[str]:
    """Files parse, types, versions, properties and parameters exist and fit, with and without a virtual network."""
    return sorted({str(found) for given in (MINIMAL, WHOLE) for found in _deployed(root, given).findings})


def settings(root: Path) -> list[str]:
    """Every setting of the code is in the template, and the other way round; with the same defaults."""
    (given,) = [
        of.properties for of in _deployed(root, MINIMAL).of("Microsoft.Web/sites/config") if of.name == "appsettings"
    ]
    known = set(Settings.model_fields) - LOCAL_ONLY | PLATFORM
    missing = (f"app.bicep: the app setting {name} is missing; add it" for name in known - set(given))
    unknown = (f"app.bicep: the app setting {name} is not known to the code; remove it" for name in set(given) - known)
    return sorted([*missing, *unknown, *_unsettable(root), *_other_defaults(given)])


def _unsettable(root: Path) -> Iterator[str]:
    file = json.loads((root / "infra" / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    names = {name.strip("${}") for name in _texts(file)}
    declared = read_source(root / "infra" / "main.bicep", Findings()).parameters["flowSettings"].value
    listed = {text(parts(of)[0]) for of in parts(declared)}
    for name in file["flowSettings"]["value"].keys() ^ listed:
        yield f"main.bicep: flowSettings and main.parameters.json differ in {name}; have it in both"
    for name in set(Settings.model_fields) - LOCAL_ONLY - {"AZURE_CLIENT_ID"}:
        if name not in names and not name.startswith("AzureWebJobsStorage__"):
            yield f"main.parameters.json: the setting {name} cannot be given by azd; add it"


def _texts(of: Any) -> Iterator[str]:
    if isinstance(of, dict):
        for value in of.values():
            yield from _texts(value)
    elif isinstance(of, str):
        yield of


def _other_defaults(given: Mapping[str, str]) -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        value = given.get(name, "")
        read_by_the_host = name.endswith("_SCHEDULE") or name.startswith("AzureFunctionsJobHost__")
        if read_by_the_host and value != field.default:
            yield f"app.bicep: {name} is {value!r} by default, and {field.default!r} in the code; make them equal"


def schedules(root: Path) -> list[str]:
    """Every setting that a trigger names is set."""
    named = set(re.findall(r"%(\w+)%", (ROOT / "function_app.py").read_text(encoding="utf-8")))
    (given,) = [
        of.properties for of in _deployed(root, MINIMAL).of("Microsoft.Web/sites/config") if of.name == "appsettings"
    ]
    return [
        f"app.bicep: {name} is not set, and a trigger needs it; set it" for name in sorted(named) if not given.get(name)
    ]


def queues(root: Path) -> list[str]:
    """Queues and tables are those of the code, and the triggers listen to no other."""
    deployment = _deployed(root, MINIMAL)
    made = {of.name for of in deployment.of("Microsoft.Storage/storageAccounts/queueServices/queues")}
    needed = {flow + suffix for flow in FLOWS for suffix in ("", POISON_SUFFIX, HOLD_SUFFIX)}
    wrong = [f"storage.bicep: the queue {name} is missing; add it" for name in needed - made]
    wrong += [f"storage.bicep: no code knows the queue {name}; remove it" for name in made - needed]
    tables = {of.name for of in deployment.of("Microsoft.Storage/storageAccounts/tableServices/tables")}
    wrong += [f"storage.bicep: the table {name} is missing; add it" for name in set(TABLES) - tables]
    wrong += [f"storage.bicep: no code knows the table {name}; remove it" for name in tables - set(TABLES)]
    wrong += [f"function_app.py: the queue {name} is not made by storage.bicep; add it" for name in _triggers() - made]
    return sorted(wrong)


def _triggers() -> set[str]:
    tree = ast.parse((ROOT / "function_app.py").read_text(encoding="utf-8"))
    keywords = (keyword for node in ast.walk(tree) if isinstance(node, ast.Call) for keyword in node.keywords)
    return {ast.literal_eval(keyword.value) for keyword in keywords if keyword.arg == "queue_name"}


def roles(root: Path) -> list[str]:
    """Identities have the roles that they need and no other, on single resources only."""
    given = set()
    for of in _deployed(root, WHOLE).of("Microsoft.Authorization/roleAssignments"):
        scope = of.body.get("scope")
        kind = scope.kind.rpartition("/")[2] if scope is not None else "the resource group"
        whom = "operators" if of.properties["principalType"] == "Group" else "app"
        given.add((whom, _SCOPES.get(kind, kind), of.properties["roleDefinitionId"].rpartition("/")[2]))
    missing = [
        f"access.bicep: {who} on {where} lacks {ROLES[who, where, role]}" for who, where, role in ROLES.keys() - given
    ]
    more = [
        f"access.bicep: {who} on {where} has the role {role}, which nothing needs"
        for who, where, role in given - ROLES.keys()
    ]
    return sorted(missing + more)


def hardening(root: Path) -> list[str]:
    """What must never be otherwise, whatever a linter thinks of it."""
    deployment = _deployed(root, MINIMAL)
    must: list[tuple[str, str, Any]] = [
        ("Microsoft.Storage/storageAccounts", "allowSharedKeyAccess", False),
        ("Microsoft.Storage/storageAccounts", "allowBlobPublicAccess", False),
        ("Microsoft.Storage/storageAccounts", "supportsHttpsTrafficOnly", True),
        ("Microsoft.Storage/storageAccounts", "minimumTlsVersion", "TLS1_2"),
        ("Microsoft.Insights/components", "DisableLocalAuth", True),
        ("Microsoft.Web/sites", "httpsOnly", True),
        ("Microsoft.Web/sites/basicPublishingCredentialsPolicies", "allow", False),
    ]
    return [
        f"{of.file.name}:{of.line}: {name} of {of.symbol} is {of.properties.get(name)!r}; it must be {value!r}"
        for kind, name, value in must
        for of in deployment.of(kind)
        if of.properties.get(name) != value
    ]


def azure_yaml(root: Path) -> list[str]:
    """azure.yaml has the form that azd reads, and names the app as the template does."""
    content = yaml.safe_load((root / "azure.yaml").read_text(encoding="utf-8"))
    wrong = _against("azure.yaml.schema.json", content, "azure.yaml")
    named = {
        of.body["tags"].get("azd-service-name")
        for of in _deployed(root, MINIMAL).of("Microsoft.Web/sites")
        if "tags" in of.body
    }
    if set(content.get("services", {})) != named:
        wrong.append(f"azure.yaml: the services are {sorted(content['services'])}; the template tags {sorted(named)}")
    return wrong


def host_json(root: Path) -> list[str]:
    """host.json has the form that the host reads, and the timeout that the code reckons with."""
    content = json.loads((root / "host.json").read_text(encoding="utf-8"))
    wrong = _against("host.schema.json", content, "host.json")
    timeout = Settings.model_fields["AzureFunctionsJobHost__functionTimeout"].default
    if content.get("functionTimeout") != timeout:
        wrong.append(f"host.json: functionTimeout is {content.get('functionTimeout')!r}, and {timeout!r} in the code")
    return wrong


def _against(schema: str, content: Any, file: str) -> list[str]:
    known = json.loads((_SCHEMAS / schema).read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(known)(known)
    return [
        f"{file}: {'.'.join(map(str, error.absolute_path)) or 'top'}: {error.message}"
        for error in validator.iter_errors(content)
    ]


def _deployed(root: Path, given: Mapping[str, str]) -> Deployment:
    return deploy(root / "infra", given)
