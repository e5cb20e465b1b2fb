"""Every kind of resource that is deployed: what for, and what it costs while nothing happens, in US dollars a month.

The prices are the list-price assumptions of docs/setup.md, section 11.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.infra.snapshots import DEFAULT, NETWORK, read_snapshot


@dataclass(frozen=True, slots=True)
class Item:
    """A kind of resource, with how many there are as a rule and with everything that can be asked for."""

    purpose: str
    what: str
    usual: int
    whole: int
    idle: str


_NOTHING = "nothing"
KINDS: Mapping[str, tuple[str, str, str]] = {
    "Microsoft.Resources/resourceGroups": ("all", "resource group", _NOTHING),
    "Microsoft.Storage/storageAccounts": ("state", "storage account", "about 2.50: transactions of host and timers"),
    "Microsoft.Storage/storageAccounts/blobServices": ("state", "blob service", _NOTHING),
    "Microsoft.Storage/storageAccounts/blobServices/containers": ("state", "container of the package", _NOTHING),
    "Microsoft.Storage/storageAccounts/queueServices": ("state", "queue service", _NOTHING),
    "Microsoft.Storage/storageAccounts/queueServices/queues": (
        "state", "queue: `FLOW`, `FLOW-poison`, `FLOW-hold`", _NOTHING,
    ),
    "Microsoft.Storage/storageAccounts/tableServices": ("state", "table service", _NOTHING),
    "Microsoft.Storage/storageAccounts/tableServices/tables": ("state", "table", _NOTHING),
    "Microsoft.Authorization/locks": ("state", "lock against deletion", _NOTHING),
    "Microsoft.ManagedIdentity/userAssignedIdentities": ("access", "identity of the app", _NOTHING),
    "Microsoft.Authorization/roleAssignments": ("access", "role assignment", _NOTHING),
    "Microsoft.Web/serverfarms": ("app", "Flex Consumption plan", _NOTHING),
    "Microsoft.Web/sites": ("app", "function app", "about 6.50: the seconds of its timers"),
    "Microsoft.Web/sites/config": ("app", "app settings", _NOTHING),
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": ("app", "ban of passwords for publishing", _NOTHING),
    "Microsoft.OperationalInsights/workspaces": ("monitoring", "Log Analytics workspace", "0 to 2.70: what is logged"),
    "Microsoft.Insights/components": ("monitoring", "Application Insights", _NOTHING),
    "Microsoft.Insights/actionGroups": ("monitoring", "action group: who is notified", _NOTHING),
    "Microsoft.Insights/scheduledQueryRules": ("monitoring", "alert rule", "0.50 or 1.50 each: 15.50"),
    "Microsoft.Insights/workbooks": ("monitoring", "workbook", _NOTHING),
    "Microsoft.Network/virtualNetworks": ("network", "virtual network", _NOTHING),
    "Microsoft.Network/privateEndpoints": ("network", "private endpoint", "7.30 each: 21.90"),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": ("network", "entry in a name zone", _NOTHING),
    "Microsoft.Network/privateDnsZones": ("network", "private name zone", "0.50 each: 1.50"),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": ("network", "link of a name zone", _NOTHING),
}  # fmt: skip


def inventory() -> list[Item]:
    """What the snapshots hold, in the order of KINDS. Raises LookupError for a kind that is not listed there."""
    usual, whole = ([resource.kind for resource in read_snapshot(name).resources] for name in (DEFAULT, NETWORK))
    if unknown := {*usual, *whole} - KINDS.keys():
        raise LookupError(f"tests/infra/inventory.py does not say what {', '.join(sorted(unknown))} is for and costs")
    return [
        Item(purpose, what, usual.count(kind), whole.count(kind), idle) for kind, (purpose, what, idle) in KINDS.items()
    ]
