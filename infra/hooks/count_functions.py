"""Compares the functions that the host has loaded with those of the app: azd calls it after each deployment.

A package that does not load leaves the app without a single function, and nothing else says so.
"""

import argparse
import time

from cli import Failed, az, names, run, tell, value

REMEDY = """\
The package was uploaded, but the host did not load all of it. Check
  - the deployment's log: Azure portal, the function app, Deployment, Deployment Center, Logs;
  - the worker's errors: `exceptions | where timestamp > ago(30m)` in Application Insights, Logs;
  - the packages: .python_packages must be those of Python {python} (infra/hooks/vendor_packages.py rebuilds it);
  - the settings: a missing or wrong schedule disables only its own function.
Then `azd deploy` again. Nothing is lost meanwhile."""


def count(attempts: int, pause_s: float) -> None:
    """Wait until every function is there. Raises Failed that names the missing ones."""
    expected = set(names()["functions"])
    app, group = value("FUNCTION_APP_NAME"), value("AZURE_RESOURCE_GROUP")
    lacking = expected
    for attempt in range(attempts):
        time.sleep(pause_s if attempt else 0)
        lacking = expected - _loaded(app, group)
        if not lacking:
            tell(f"All {len(expected)} functions of {app} are loaded.")
            return
        tell(f"{len(expected) - len(lacking)} of {len(expected)} functions of {app} are loaded ...")
    raise Failed(f"{app} lacks {', '.join(sorted(lacking))}.\n{REMEDY.format(python=names()['python'])}")


def missing() -> set[str]:
    """The functions that are missing now."""
    return set(names()["functions"]) - _loaded(value("FUNCTION_APP_NAME"), value("AZURE_RESOURCE_GROUP"))


def _loaded(app: str, group: str) -> set[str]:
    where = ("--name", app, "--resource-group", group, "--subscription", value("AZURE_SUBSCRIPTION_ID"))
    return {name.rpartition("/")[2] for name in az("functionapp", "function", "list", *where, "--query", "[].name")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--attempts", type=int, default=20, help="how often to ask the host")
    parser.add_argument("--pause-s", type=float, default=15, help="seconds between two questions")
    parser.add_argument("--missing", action="store_true", help="ask once, and print the names of the missing ones")
    given = parser.parse_args()
    run((lambda: tell("\n".join(sorted(missing())))) if given.missing else lambda: count(given.attempts, given.pause_s))
