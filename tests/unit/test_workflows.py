"""What the workflows may do: pinned actions, least permissions, no secrets, nothing of an event in a shell."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# PyYAML comes without types.
yaml: Any = importlib.import_module("yaml")

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+){2}$")
LOCAL = re.compile(r"uses: \./\.github/workflows/[\w-]+\.yml$")
READ_ONLY = {"contents": "read"}
# What may be put into a shell line: nothing that whoever triggers the workflow can word.
INTERPOLATED = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)

every_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)


def read(name: str) -> dict[Any, Any]:
    """A workflow by its name. YAML takes the key `on` for a truth value: see triggers."""
    loaded = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def triggers(workflow: dict[Any, Any]) -> dict[str, Any]:
    """What starts a workflow."""
    found = workflow[True]
    assert isinstance(found, dict)
    return found


def jobs(workflow: dict[Any, Any]) -> dict[str, dict[str, Any]]:
    """The jobs of a workflow by id."""
    found = workflow["jobs"]
    assert isinstance(found, dict)
    return found


def steps(workflow: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    """Every step of a workflow."""
    for job in jobs(workflow).values():
        yield from job.get("steps", ())


def commands(job: dict[str, Any]) -> str:
    """All that a job runs."""
    return "\n".join(step.get("run", "") for step in job.get("steps", ()))


def test_there_are_workflows_for_tests_and_releases() -> None:
    assert {file.stem for file in WORKFLOWS} >= {"test", "release"}


@every_workflow
def test_every_action_is_pinned_by_commit_with_its_version_beside_it(file: Path) -> None:
    used = [
        line.strip().removeprefix("- ") for line in file.read_text(encoding="utf-8").splitlines() if "uses:" in line
    ]
    assert used
    assert [line for line in used if not PINNED.match(line) and not LOCAL.match(line)] == []


def test_one_version_of_an_action_has_one_commit() -> None:
    texts = "\n".join(file.read_text(encoding="utf-8") for file in WORKFLOWS)
    pins = set(re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40}) # (\S+)", texts))
    assert len({(action, version) for action, _, version in pins}) == len({(of, commit) for of, commit, _ in pins})


@every_workflow
def test_a_workflow_may_only_read_unless_a_job_says_otherwise(file: Path) -> None:
    assert read(file.stem)["permissions"] == READ_ONLY


def test_only_the_deployment_may_ask_for_an_identity_and_only_the_bills_of_materials_may_write() -> None:
    granted = {
        (file.stem, job): of["permissions"]
        for file in WORKFLOWS
        for job, of in jobs(read(file.stem)).items()
        if "permissions" in of
    }
    assert granted == {
        ("release", "sbom"): {"contents": "write"},
        ("release", "deploy"): {"contents": "read", "id-token": "write"},
    }


@every_workflow
def test_nothing_runs_with_rights_on_the_code_of_strangers(file: Path) -> None:
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers(read(file.stem)))


@every_workflow
def test_no_secret_is_used(file: Path) -> None:
    expressions = INTERPOLATED.findall(file.read_text(encoding="utf-8"))
    named = {of for text in expressions for of in re.findall(r"\bsecrets\b\s*\.?\s*(\w*)", text)}
    assert named <= {"GITHUB_TOKEN"}
    assert [job for job, of in jobs(read(file.stem)).items() if "secrets" in of] == []


@every_workflow
def test_a_shell_line_holds_no_expression(file: Path) -> None:
    assert [step["run"] for step in steps(read(file.stem)) if INTERPOLATED.search(step.get("run", ""))] == []


@every_workflow
def test_every_job_has_a_time_limit(file: Path) -> None:
    assert [job for job, of in jobs(read(file.stem)).items() if "steps" in of and "timeout-minutes" not in of] == []


@every_workflow
def test_a_checkout_leaves_no_token_behind(file: Path) -> None:
    checkouts = [step for step in steps(read(file.stem)) if "actions/checkout" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_changes_run_what_a_developer_runs_on_every_supported_python() -> None:
    workflow = read("test")
    assert {"push", "pull_request"} <= set(triggers(workflow))
    job = jobs(workflow)["test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    assert [step["with"]["node-version"] for step in job["steps"] if "setup-node" in step.get("uses", "")] == ["20"]
    assert commands(job).strip() == "make test"


def test_the_audit_is_judged_by_our_own_script_even_when_the_tool_fails() -> None:
    job = jobs(read("test"))["audit"]
    (judging,) = (step for step in job["steps"] if "audit.py" in step.get("run", ""))
    assert judging["if"] == "${{ !cancelled() }}"
    audited = re.findall(r"--requirement (\S+)", commands(job))
    assert "--strict" in commands(job)
    assert audited == ["requirements-dev.txt", "requirements-worker.txt"]
    assert judging["run"].split()[-len(audited) :] == audited
    assert "npm audit" in commands(job)


def test_the_development_requirements_hold_those_of_the_app() -> None:
    runtime, development = (
        set(re.findall(r"^(\S+==\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert runtime - development == set(), "the audit looks at the development requirements only"


def test_a_release_is_tested_before_anything_leaves() -> None:
    release = jobs(read("release"))
    assert release["test"]["uses"] == "./.github/workflows/test.yml"
    assert "workflow_call" in triggers(read("test"))
    assert release["sbom"]["needs"] == "test"
    assert set(release["deploy"]["needs"]) == {"test", "sbom"}


def test_a_release_carries_the_bills_of_materials_of_app_and_tools() -> None:
    text = commands(jobs(read("release"))["sbom"])
    made = set(re.findall(r"(?:--output-file|>) (\S+\.cdx\.json)", text))
    (attached,) = re.findall(r"gh release upload (.+)", text)
    assert made == {"sbom-app.cdx.json", "sbom-development.cdx.json", "sbom-npm.cdx.json"}
    assert made <= set(attached.split())


def test_a_deployment_waits_for_its_environment_and_shows_what_it_will_change() -> None:
    deploy = jobs(read("release"))["deploy"]
    assert deploy["environment"] == "production"
    ran = re.findall(r"azd (provision --preview|provision|deploy)\b", commands(deploy))
    assert ran == ["provision --preview", "provision", "deploy"]
    assert "--federated-credential-provider github" in " ".join(commands(deploy).split())


def test_a_deployment_is_configured_by_variables_only() -> None:
    deploy = jobs(read("release"))["deploy"]
    values = [*deploy["env"].values(), *(value for step in deploy["steps"] for value in step.get("env", {}).values())]
    assert values
    assert [value for value in values if not re.fullmatch(r"\$\{\{ vars\.\w+ \}\}", value)] == []


def test_dependencies_of_every_kind_are_renewed_in_groups() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {of["package-ecosystem"] for of in updates} == {"pip", "npm", "github-actions"}
    assert all(of["groups"] for of in updates)
