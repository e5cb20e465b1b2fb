"""The hooks of azd, each beside programs that stand in for `az` and `azd` and answer as recorded."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from p2c.loaded_functions import loaded_functions
from shared.flows.checks import Check, CheckResult
from tests.infra.names import functions
from tests.infra.snapshots import NETWORK, read_snapshot
from tests.support.project import ROOT

HOOKS = ROOT / "infra" / "hooks"
# A program that answers with what is recorded for the call, and writes every call down.
STAND_IN = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
call = " ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]])
with (folder / "calls").open("a") as calls:
    calls.write(call + "\\n")
for beginning, answers in json.loads((folder / "answers.json").read_text()):
    if call.startswith(beginning):
        taken = folder / ("taken " + beginning.replace("/", "_"))
        number = int(taken.read_text()) if taken.exists() else 0
        taken.write_text(str(number + 1))
        said, code = answers[min(number, len(answers) - 1)]
        (sys.stderr if code else sys.stdout).write(said)
        sys.exit(code)
sys.exit("nothing is recorded for: " + call)
"""
AZD: Mapping[str, str] = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
    "AZURE_TENANT_ID": "00000000-0000-0000-0000-000000000002",
    "AZURE_RESOURCE_GROUP": "rg-contoso",
    "FUNCTION_APP_NAME": "func-contoso",
    "STORAGE_ACCOUNT_NAME": "stcontoso",
    "SYNC_IDENTITY_CLIENT_ID": "00000000-0000-0000-0000-00000000000c",
    "DATAVERSE_URL": "https://contoso.crm4.dynamics.com",
    "FINOPS_URL": "https://contoso.operations.dynamics.com/",
    "COMPANY": "usmf",
}
Answer = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a hook has ended, and what it has called."""

    code: int
    said: str
    failed: str
    calls: Sequence[str]


@dataclass(frozen=True, slots=True)
class Desk:
    """A computer with `az` and `azd`, and no other Python packages than Python's own."""

    folder: Path

    def run(
        self, hook: str, *arguments: str, answers: Mapping[str, Sequence[Answer]], environ: Mapping[str, str] = AZD
    ) -> Ended:
        """Run a hook as azd does."""
        (self.folder / "answers.json").write_text(json.dumps(list(answers.items())), encoding="utf-8")
        ended = subprocess.run(
            [sys.executable, "-S", str(HOOKS / f"{hook}.py"), *arguments],
            env={"PATH": str(self.folder), **environ},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        calls = self.folder / "calls"
        made = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
        return Ended(ended.returncode, ended.stdout, ended.stderr, made)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    for name in ("az", "azd"):
        program = tmp_path / name
        program.write_text(STAND_IN.format(python=sys.executable, folder=str(tmp_path)), encoding="utf-8")
        program.chmod(0o755)
    return Desk(tmp_path)


def providers(**states: str) -> Answer:
    """What `az provider list` says: everything is registered, but for these."""
    usual = ["App", "Insights", "ManagedIdentity", "Network", "OperationalInsights", "Storage", "Web", "Compute"]
    listed = [{"name": f"Microsoft.{each}", "state": states.get(each, "Registered")} for each in usual]
    return json.dumps(listed), 0


def loaded(names: Sequence[str]) -> Answer:
    """What `az functionapp function list` says."""
    return json.dumps([f"func-contoso/{name}" for name in names]), 0


def test_what_is_not_registered_is_registered_in_the_subscription_of_the_environment(desk: Desk) -> None:
    answers = {
        "az provider list": [providers(App="NotRegistered", Web="Unregistered")],
        "az provider register": [("", 0)],
    }
    ended = desk.run("register_providers", answers=answers)
    assert ended.code == 0, ended.failed
    registered = [call for call in ended.calls if call.startswith("az provider register")]
    assert [call.split()[4] for call in registered] == ["Microsoft.App", "Microsoft.Web"]
    assert all(f"--wait --subscription {AZD['AZURE_SUBSCRIPTION_ID']}" in call for call in registered)
    assert "Registering the resource provider Microsoft.App" in ended.said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "shared/mapping/nowhere.yaml",
            "MAP_DOCUMENT is shared/mapping/nowhere.yaml, and there is no such file",
        ),
        ("examples/contoso.yaml", "and the package has only what is in `shared`"),
        ("/etc/contoso.json", "and the package has only what is in `shared`"),
        ("/home/site/wwwroot/", "MAP_DOCUMENT is set, and the package has only"),
        ("shared/../README.md", "MAP_DOCUMENT is set, and the package has only"),
        ("AccountKey=abc123", "MAP_DOCUMENT is set, and the package has only"),
    ],
)
@pytest.mark.parametrize("hook", ["register_providers", "vendor_packages"])
def test_a_map_document_that_the_package_lacks_ends_azd_before_anything_is_deployed(
    desk: Desk, hook: str, given: str, said: str
) -> None:
    ended = desk.run(hook, answers={}, environ={**AZD, "MAP_DOCUMENT": given})
    assert (ended.code, ended.calls) == (1, [])
    assert said in ended.failed
    assert "abc123" not in ended.failed
    assert len(ended.failed.splitlines()) == 1


@pytest.mark.parametrize(
    "given", ["", "shared/mapping/value_maps.json", "/home/site/wwwroot/shared/mapping/value_maps.json"]
)
def test_a_map_document_that_is_in_the_package_is_taken(desk: Desk, given: str) -> None:
    ended = desk.run(
        "register_providers", answers={"az provider list": [providers()]}, environ={**AZD, "MAP_DOCUMENT": given}
    )
    assert ended.code == 0, ended.failed


def test_nothing_is_registered_twice(desk: Desk) -> None:
    ended = desk.run("register_providers", answers={"az provider list": [providers()]})
    assert (ended.code, len(ended.calls)) == (0, 1)


def test_every_provider_of_the_templates_is_registered_and_that_which_the_network_lends_itself_to() -> None:
    sys.path.insert(0, str(HOOKS))
    try:
        from register_providers import PROVIDERS
    finally:
        sys.path.remove(str(HOOKS))
    used = {resource.kind.partition("/")[0] for resource in read_snapshot(NETWORK).resources}
    # These are there in every subscription.
    assert set(PROVIDERS) == used - {"Microsoft.Authorization", "Microsoft.Resources"} | {"Microsoft.App"}


def test_a_hook_that_is_run_by_hand_asks_azd_for_its_values(desk: Desk) -> None:
    answers = {
        "azd env get-value AZURE_SUBSCRIPTION_ID": [("subscription-of-azd\n", 0)],
        "az provider list": [providers()],
    }
    ended = desk.run("register_providers", answers=answers, environ={})
    assert ended.code == 0, ended.failed
    assert ended.calls[-1].count("--subscription subscription-of-azd") == 1


def test_who_is_not_signed_in_is_told_how(desk: Desk) -> None:
    refused = ("Please run 'az login' to setup account.", 1)
    ended = desk.run("register_providers", answers={"az provider list": [refused]})
    assert ended.code == 1
    assert "Please run 'az login'" in ended.failed
    assert "Traceback" not in ended.failed


def test_a_program_that_is_not_installed_is_named(desk: Desk) -> None:
    (desk.folder / "az").unlink()
    ended = desk.run("register_providers", answers={})
    assert ended.code == 1
    assert "`az` is not installed" in ended.failed


def test_a_deployment_whose_functions_are_all_loaded_passes_once_the_last_one_is_there(desk: Desk) -> None:
    answers = {"az functionapp function list": [loaded([]), loaded(functions()[:3]), loaded(functions())]}
    ended = desk.run("count_functions", "--pause-s", "0", answers=answers)
    assert ended.code == 0, ended.failed
    assert f"All {len(functions())} functions of func-contoso are loaded." in ended.said
    assert "--name func-contoso --resource-group rg-contoso" in ended.calls[-1]


@pytest.mark.parametrize("lacking", [functions(), ["sweep"]])
def test_a_deployment_that_lacks_functions_fails_with_their_names_and_where_to_look(
    desk: Desk, lacking: list[str]
) -> None:
    there = [name for name in functions() if name not in lacking]
    ended = desk.run(
        "count_functions",
        "--attempts",
        "2",
        "--pause-s",
        "0",
        answers={"az functionapp function list": [loaded(there)]},
    )
    assert ended.code == 1
    assert f"func-contoso lacks {', '.join(lacking)}." in ended.failed
    assert "Deployment Center" in ended.failed
    assert ".python_packages" in ended.failed
    assert len(ended.calls) == 2


def looked(desk: Desk, answer: Answer, environ: Mapping[str, str] = AZD) -> list[Check]:
    """What `p2c preflight` says of the functions."""
    (desk.folder / "answers.json").write_text(json.dumps([("az functionapp function list", [answer])]))
    return list(loaded_functions({"PATH": str(desk.folder), **environ}))


def test_preflight_names_the_functions_that_the_host_has_not_loaded(desk: Desk) -> None:
    (check,) = looked(desk, loaded([name for name in functions() if name not in ("sweep", "contacts_pull")]))
    assert (check.verdict, check.found) == (CheckResult.WRONG, "it lacks contacts_pull, sweep")
    (check,) = looked(desk, loaded(functions()))
    assert check.verdict is CheckResult.WELL


def test_preflight_says_why_it_cannot_see_the_functions(desk: Desk) -> None:
    (check,) = looked(desk, ("Please run 'az login' to setup account.", 1))
    assert check.verdict is CheckResult.BY_HAND
    assert "Please run 'az login'" in check.found


def test_preflight_asks_nobody_for_functions_where_no_deployment_is_named(desk: Desk) -> None:
    assert looked(desk, loaded([]), {"FUNCTION_APP_NAME": "func-contoso"}) == []
    assert not (desk.folder / "calls").exists()


def test_the_next_steps_have_every_address_filled_in(desk: Desk) -> None:
    ended = desk.run("next_steps", answers={})
    assert ended.code == 0, ended.failed
    assert [value for value in AZD.values() if value.rstrip("/") not in ended.said] == []
    assert "{" not in ended.said
    assert "dynamics.com//" not in ended.said
    assert (
        "Start: accounts and products first, then contacts, then quotations, then orders, then ordersback, "
        "then invoices." in ended.said
    )


def test_the_next_steps_use_commands_that_exist() -> None:
    from p2c.__main__ import app

    known = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    text = (HOOKS / "next_steps.py").read_text(encoding="utf-8")
    named = {line.split()[1] for line in text.splitlines() if line.strip().startswith("./p2c.sh")}
    assert named
    assert named <= known


def azd_hooks() -> dict[str, dict[str, Any]]:
    """Every hook of azure.yaml by its event."""
    content = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    return {**content["hooks"], **content["services"]["sync"]["hooks"]}


def test_azd_calls_every_hook_on_every_system() -> None:
    called = {event: (hook["posix"]["run"], hook["windows"]["run"]) for event, hook in azd_hooks().items()}
    scripts = {"preprovision": "register_providers", "postup": "next_steps"}
    scripts |= {"prepackage": "vendor_packages", "postdeploy": "count_functions"}
    assert called == {
        event: (f"python3 infra/hooks/{name}.py", f"python infra/hooks/{name}.py") for event, name in scripts.items()
    }
    assert {file.stem for file in HOOKS.glob("*.py")} == {*scripts.values(), "cli", "map_document"}


def test_what_is_told_to_a_person_stays_on_the_screen() -> None:
    assert azd_hooks()["postup"]["posix"]["interactive"] is True
