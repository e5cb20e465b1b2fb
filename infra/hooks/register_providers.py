"""Registers the resource providers that the templates need, where they are not yet: `azd provision` calls it first.

A template registers most of them by itself. Microsoft.App it does not: the virtual network lends a part of itself to
it, and is refused while it is not registered. A preview (`azd provision --preview`) runs no hooks: on a new
subscription run this by hand before it.
"""

from cli import az, run, tell, value
from map_document import require_map_document

PROVIDERS = (
    "Microsoft.App",
    "Microsoft.Insights",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.Storage",
    "Microsoft.Web",
)


def register() -> None:
    """Register what is missing, one after the other, and wait for it: some minutes at most. Before that, the map
    document must be there: what is provisioned names it."""
    require_map_document()
    subscription = ("--subscription", value("AZURE_SUBSCRIPTION_ID"))
    listed = az("provider", "list", "--query", "[].{name:namespace, state:registrationState}", *subscription)
    registered = {each["name"].casefold() for each in listed if each["state"] == "Registered"}
    missing = [name for name in PROVIDERS if name.casefold() not in registered]
    for name in missing:
        tell(f"Registering the resource provider {name} in the subscription (once; it may take minutes) ...")
        az("provider", "register", "--namespace", name, "--wait", *subscription)
    tell(f"Resource providers registered: {', '.join(PROVIDERS)}.")


if __name__ == "__main__":
    run(register)
