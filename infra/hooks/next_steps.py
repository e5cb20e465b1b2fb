"""Says what to do next, with the addresses filled in: azd calls it at the end of `azd up`."""

from collections.abc import Mapping, Sequence

from cli import names, run, tell, value

TEXT = """
The sync is deployed, and every flow is paused: nothing is read or written until you resume it.

1. Give the app access. In both systems its name is the client id of its identity:
     {client}
   - Sales:  {dataverse}: application user with the role of docs/setup.md, section 6
             (https://admin.powerplatform.microsoft.com, Environments, Settings, Application users)
   - F&O:    {finops}/?cmp={company}: System administration, Setup, Microsoft Entra applications:
             a row with the client id and the app's user (docs/setup.md, section 7)
2. Give yourself access: operators need two roles on the storage account.
     azd env set OPERATOR_GROUP_ID OBJECT-ID-OF-A-GROUP
     azd provision
3. Check, with your own rights, whether everything is in place, and what would be written:
     set -a; eval "$(azd env get-values)"; set +a
     ./p2c.sh preflight
     ./p2c.sh plan {first}
4. Start: {order}.
     ./p2c.sh resume {first}

Open it in the portal: https://portal.azure.com/#@{tenant}/resource/subscriptions/{subscription}/resourceGroups/{group}/overview
Function app {app}, storage account {storage}. The workbook "Prospect to cash" shows every flow.
"""

PLACES = {
    "client": "SYNC_IDENTITY_CLIENT_ID",
    "dataverse": "DATAVERSE_URL",
    "finops": "FINOPS_URL",
    "company": "COMPANY",
    "tenant": "AZURE_TENANT_ID",
    "subscription": "AZURE_SUBSCRIPTION_ID",
    "group": "AZURE_RESOURCE_GROUP",
    "app": "FUNCTION_APP_NAME",
    "storage": "STORAGE_ACCOUNT_NAME",
}


def next_steps() -> None:
    """Print the next steps."""
    flows = {flow["name"]: flow["parents"] for flow in names()["flows"]}
    given = {place: value(name).rstrip("/") for place, name in PLACES.items()}
    tell(TEXT.format_map({**given, "first": next(iter(flows)), "order": order_of(flows)}))


def order_of(flows: Mapping[str, Sequence[str]]) -> str:
    """The flows, by their parents, in the order in which they start: a record waits for its parents."""
    started: list[str] = []
    groups = []
    while ready := [name for name, parents in flows.items() if name not in started and set(parents) <= {*started}]:
        started += ready
        groups.append(" and ".join(ready))
    return " first, then ".join([groups[0], ", then ".join(groups[1:])]) if groups[1:] else groups[0]


if __name__ == "__main__":
    run(next_steps)
