"""What must hold between what is deployed and the code. Each check returns what is wrong, a line each."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from shared.flows.registry import FLOWS
from shared.state.storage.account import TABLES
from tests.infra.names import names, schedule_settings, trigger_queues
from tests.infra.snapshots import Snapshot

Check = Callable[[Snapshot], list[str]]

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

# Values that Azure's types leave open: any text would be compiled.
MEMBERS: Mapping[tuple[str, str], Any] = {
    ("Microsoft.Insights/scheduledQueryRules", "kind"): "LogAlert",
    ("Microsoft.Storage/storageAccounts", "kind"): "StorageV2",
    ("Microsoft.Web/serverfarms", "sku.name"): "FC1",
    ("Microsoft.Web/serverfarms", "sku.tier"): "FlexConsumption",
    ("Microsoft.Web/serverfarms", "properties.reserved"): True,
    ("Microsoft.Web/sites", "kind"): "functionapp,linux",
    ("Microsoft.Web/sites", "identity.type"): "UserAssigned",
    ("Microsoft.Web/sites", "properties.functionAppConfig.deployment.storage.type"): "blobContainer",
    ("Microsoft.Web/sites", "properties.functionAppConfig.deployment.storage.authentication.type"): (
        "UserAssignedIdentity"
    ),
    ("Microsoft.Web/sites", "properties.functionAppConfig.runtime.name"): "python",
}

# What must never be otherwise, whatever a linter thinks of it.
HARDENED: Mapping[tuple[str, str], Any] = {
    ("Microsoft.Insights/components", "properties.DisableLocalAuth"): True,
    ("Microsoft.OperationalInsights/workspaces", "properties.features.disableLocalAuth"): True,
    ("Microsoft.Storage/storageAccounts", "properties.allowBlobPublicAccess"): False,
    ("Microsoft.Storage/storageAccounts", "properties.allowSharedKeyAccess"): False,
    ("Microsoft.Storage/storageAccounts", "properties.minimumTlsVersion"): "TLS1_2",
    ("Microsoft.Storage/storageAccounts", "properties.supportsHttpsTrafficOnly"): True,
    ("Microsoft.Web/sites", "properties.httpsOnly"): True,
    ("Microsoft.Web/sites/basicPublishingCredentialsPolicies", "properties.allow"): False,
}
_SCHEMAS = Path(__file__).parent / "data"


def settings(snapshot: Snapshot) -> list[str]:
    """Every setting of the code is given, and no other; those that the host reads have the code's defaults."""
    given = snapshot.app_settings
    known = set(FLOWS.settings.model_fields) - LOCAL_ONLY | PLATFORM
    missing = (f"app.bicep: the app setting {name} is missing; add it" for name in known - set(given))
    unknown = (f"app.bicep: the app setting {name} is not known to the code; remove it" for name in set(given) - known)
    other = (
        f"app.bicep: {name} is {given.get(name, '')!r} by default, and {default!r} in the code; make them equal"
        for name, default in names()["readByTheHost"].items()
        if given.get(name) != default
    )
    return sorted([*missing, *unknown, *other])


def schedules(snapshot: Snapshot) -> list[str]:
    """Every setting that a trigger names is set."""
    named = schedule_settings()
    given = snapshot.app_settings
    return [
        f"app.bicep: {name} is not set, and a trigger needs it; set it" for name in sorted(named) if not given.get(name)
    ]


def queues(snapshot: Snapshot) -> list[str]:
    """Queues and tables are those of the code, and the triggers listen to no other."""
    made = {each.name for each in snapshot.of("Microsoft.Storage/storageAccounts/queueServices/queues")}
    needed = {queue for flow in FLOWS for queue in flow.queues}
    wrong = [f"storage.bicep: the queue {name} is missing; add it" for name in needed - made]
    wrong += [f"storage.bicep: no code knows the queue {name}; remove it" for name in made - needed]
    tables = {each.name for each in snapshot.of("Microsoft.Storage/storageAccounts/tableServices/tables")}
    wrong += [f"storage.bicep: the table {name} is missing; add it" for name in set(TABLES) - tables]
    wrong += [f"storage.bicep: no code knows the table {name}; remove it" for name in tables - set(TABLES)]
    wrong += [f"function_app.py: the queue {name} is not made; add it" for name in trigger_queues() - made]
    return sorted(wrong)


def members(snapshot: Snapshot) -> list[str]:
    """Values that the compiler lets pass are those that Azure knows."""
    return list(_other_values(snapshot, MEMBERS))


def hardening(snapshot: Snapshot) -> list[str]:
    """Nothing is more open than it must be."""
    return list(_other_values(snapshot, HARDENED))


def _other_values(snapshot: Snapshot, wanted: Mapping[tuple[str, str], Any]) -> Iterator[str]:
    for (kind, path), value in wanted.items():
        found = snapshot.of(kind)
        if not found:
            yield f"{kind} is missing; add it"
        for resource in found:
            actual = value_at(resource.body, path)
            if actual != value:
                yield f"{path} of {kind} is {actual!r}; it must be {value!r}"


def value_at(body: Any, path: str) -> Any:
    """The value at a path of names, None where there is none."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def runtime(snapshot: Snapshot) -> list[str]:
    """The site has the Python that the packages are for."""
    python = value_at(snapshot.one("Microsoft.Web/sites").body, "properties.functionAppConfig.runtime.version")
    wanted = names()["python"]
    return [] if python == wanted else [f"app.bicep: the site has Python {python!r}, the packages are for {wanted!r}"]


def tags(snapshot: Snapshot) -> list[str]:
    """What carries tags carries azd's, and the app that of its service."""
    name = snapshot.one("Microsoft.Resources/resourceGroups").body["tags"]["azd-env-name"]
    wrong = [
        f"{resource.kind} {resource.name} has not the tag azd-env-name={name}; azd would not find it"
        for resource in snapshot.resources
        if "tags" in resource.body and resource.body["tags"].get("azd-env-name") != name
    ]
    wrong += [
        f"{resource.kind} {resource.name} has no tags"
        for resource in snapshot.resources
        if _takes_tags(resource.body) and "tags" not in resource.body
    ]
    return wrong


def _takes_tags(body: Mapping[str, Any]) -> bool:
    return "location" in body


def one_group(snapshot: Snapshot) -> list[str]:
    """Everything lies in the resource group, so that `azd down` takes it away."""
    group = snapshot.one("Microsoft.Resources/resourceGroups").id
    _, _, subscription, _, name = group.split("/")
    # An id that only the deployment knows is an expression.
    within = (group, f"[extensionResourceId('{group}", f"[resourceId('{subscription}', '{name}', ")
    return [
        f"{resource.kind} {resource.name} lies outside the resource group: `azd down` would leave it"
        for resource in snapshot.resources
        if not resource.id.startswith(within)
    ]


def parameters_file(root: Path) -> list[str]:
    """Every setting that a deployment may choose can be given by azd, by its own name, and no other."""
    file = json.loads((root / "infra" / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    listed, known = file["settings"]["value"], set(names()["settings"])
    wrong = [f"main.parameters.json: the setting {name} cannot be given by azd; add it" for name in known - set(listed)]
    wrong += [f"main.parameters.json: no code knows the setting {name}; remove it" for name in set(listed) - known]
    wrong += [
        f"main.parameters.json: the setting {name} comes from {value}; write ${{{name}}}"
        for name, value in listed.items()
        if value != f"${{{name}}}"
    ]
    declared = set(
        re.findall(r"^param (\w+)", (root / "infra" / "main.bicep").read_text(encoding="utf-8"), re.MULTILINE)
    )
    wrong += [f"main.parameters.json: {name} is not declared in main.bicep; remove it" for name in set(file) - declared]
    wrong += [f"main.parameters.json: {name} of main.bicep is missing; add it" for name in declared - set(file)]
    return sorted(wrong)


def azure_yaml(root: Path, snapshot: Snapshot) -> list[str]:
    """azure.yaml has the form that azd reads, and names the app as the template does."""
    content = yaml.safe_load((root / "azure.yaml").read_text(encoding="utf-8"))
    wrong = _against("azure.yaml.schema.json", content, "azure.yaml")
    tagged = snapshot.one("Microsoft.Web/sites").body["tags"].get("azd-service-name")
    if set(content.get("services", {})) != {tagged}:
        wrong.append(f"azure.yaml: the services are {sorted(content['services'])}; the template tags {[tagged]}")
    return wrong


def host_json(root: Path) -> list[str]:
    """host.json has the form that the host reads, and the timeout that the code reckons with."""
    content = json.loads((root / "host.json").read_text(encoding="utf-8"))
    wrong = _against("host.schema.json", content, "host.json")
    timeout = FLOWS.settings.model_fields["AzureFunctionsJobHost__functionTimeout"].default
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
