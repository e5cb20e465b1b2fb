"""What the workflows may do: pinned actions, least permissions, no secrets, nothing of an event in a shell."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.requirements import SITE_PYTHON
from tests.support.project import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+){2}$")
OUR_OWN = re.compile(r"uses: \$/(\.github/(?:workflows/[\w-]+\.yml|actions/[\w-]+))$")
READ_ONLY = {"contents": "read"}
# What may be put into a shell line: nothing that whoever triggers the workflow can word.
INTERPOLATED = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)

every_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)


def read(name: str) -> dict[Any, Any]:
    """A workflow by its name. YAML takes the key `on` for a truth value: see triggers."""
    loaded = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def action(name: str) -> dict[str, Any]:
    """An action of our own by its name."""
    file = ROOT / ".github" / "actions" / name / "action.yml"
    loaded: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
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


def uses(file: Path) -> list[str]:
    """Every line that names an action or a workflow."""
    return [
        line.strip().removeprefix("- ") for line in file.read_text(encoding="utf-8").splitlines() if "uses:" in line
    ]


def script(name: str) -> Any:
    """A script of the workflows, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".github" / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_workflows_for_changes_nights_and_releases() -> None:
    assert {file.stem for file in WORKFLOWS} >= {"test", "codeql", "nightly", "release"}


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_action_is_pinned_by_commit_with_its_version_beside_it(file: Path) -> None:
    assert uses(file)
    assert [line for line in uses(file) if not PINNED.match(line) and not OUR_OWN.match(line)] == []


def test_our_own_actions_and_workflows_are_there() -> None:
    named = {ROOT / found[1] for file in WORKFLOWS for line in uses(file) if (found := OUR_OWN.match(line))}
    assert {path.name for path in named} == {"setup", "azure", "test.yml"}
    assert [path for path in named if not path.is_file() and not (path / "action.yml").is_file()] == []


def test_an_action_has_one_version_everywhere() -> None:
    texts = "\n".join(file.read_text(encoding="utf-8") for file in [*WORKFLOWS, *ACTIONS])
    pins = set(re.findall(r"uses: ([\w.-]+/[\w.-]+)\S*@([0-9a-f]{40}) # (\S+)", texts))
    assert len(pins) == len({action for action, _, _ in pins})


@every_workflow
def test_a_workflow_may_only_read_unless_a_job_says_otherwise(file: Path) -> None:
    assert read(file.stem)["permissions"] == READ_ONLY


def test_only_preview_and_deployment_may_ask_for_an_identity_and_only_two_jobs_may_write() -> None:
    granted = {
        (file.stem, job): each["permissions"]
        for file in WORKFLOWS
        for job, each in jobs(read(file.stem)).items()
        if "permissions" in each
    }
    assert granted == {
        ("codeql", "analyze"): {"contents": "read", "security-events": "write"},
        ("release", "sbom"): {"contents": "write"},
        ("release", "preview"): {"contents": "read", "id-token": "write"},
        ("release", "deploy"): {"contents": "read", "id-token": "write"},
    }


@every_workflow
def test_nothing_runs_with_rights_on_the_code_of_strangers(file: Path) -> None:
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers(read(file.stem)))


@every_workflow
def test_no_secret_is_used(file: Path) -> None:
    expressions = INTERPOLATED.findall(file.read_text(encoding="utf-8"))
    named = {each for text in expressions for each in re.findall(r"\bsecrets\b\s*\.?\s*(\w*)", text)}
    assert named <= {"GITHUB_TOKEN"}
    assert [job for job, each in jobs(read(file.stem)).items() if "secrets" in each] == []


@every_workflow
def test_a_shell_line_holds_no_expression(file: Path) -> None:
    assert [step["run"] for step in steps(read(file.stem)) if INTERPOLATED.search(step.get("run", ""))] == []


@every_workflow
def test_every_job_has_a_time_limit(file: Path) -> None:
    assert [
        job for job, each in jobs(read(file.stem)).items() if "steps" in each and "timeout-minutes" not in each
    ] == []


@every_workflow
def test_a_checkout_leaves_no_token_behind(file: Path) -> None:
    checkouts = [step for step in steps(read(file.stem)) if "actions/checkout" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_changes_run_what_a_developer_runs_on_every_supported_python() -> None:
    workflow = read("test")
    assert {"push", "pull_request"} <= set(triggers(workflow))
    job = jobs(workflow)["test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert commands(job).strip() == "make test"


def test_what_is_installed_is_kept_between_runs_by_the_lock_files() -> None:
    steps = action("setup")["runs"]["steps"]
    (node, uv) = (step for step in steps[1:] if "uses" in step)
    assert node["with"] == {"node-version": "22", "cache": "npm", "cache-dependency-path": "package-lock.json"}
    assert re.findall(r"hashFiles\((.+)\)", uv["with"]["key"]) == ["'uv.lock', 'requirements/*.txt'"]
    assert "inputs.python" in uv["with"]["key"]


def test_a_release_is_made_from_no_cache() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    assert "actions/cache" not in text
    assert "actions/setup\n" not in text
    assert re.findall(r"^ +cache:", text, re.MULTILINE) == []


def test_a_night_runs_the_long_tests_and_every_benchmark() -> None:
    workflow = read("nightly")
    assert "schedule" in triggers(workflow)
    ran = {name: commands(job).strip() for name, job in jobs(workflow).items()}
    assert ran["tests"] == "make nightly"
    assert ran["benchmarks"].startswith("make bench")
    assert "--flow" not in ran["benchmarks"], "all flows"


def test_each_night_plays_ten_thousand_other_histories() -> None:
    ran = commands(jobs(read("nightly"))["histories"]).strip()
    assert ran.startswith("make simulate")
    assert "--seeds 10000" in ran
    assert "GITHUB_RUN_NUMBER" in ran


def test_each_night_another_sample_of_mutants_of_every_part_is_judged() -> None:
    ran = commands(jobs(read("nightly"))["mutants"]).strip()
    assert ran.startswith("make mutate")
    assert "--seed $GITHUB_RUN_NUMBER" in ran
    assert "--part" not in ran


def test_the_coverage_of_a_change_is_measured_against_its_floor() -> None:
    job = jobs(read("test"))["coverage"]
    assert [line for line in commands(job).splitlines() if line] == [
        "make coverage",
        "python .github/scripts/floor.py .base/pyproject.toml pyproject.toml",
    ]
    report = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]["report"]
    assert report["fail_under"] > 0


@pytest.mark.parametrize(
    ("before", "after", "code"), [("90", "90", 0), ("90", "91.5", 0), ("90", "89", 1), ("90", None, 1), (None, "90", 0)]
)
def test_the_floor_of_the_coverage_only_rises(
    before: str | None, after: str | None, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for name, floor in (("base", before), ("change", after)):
        file = tmp_path / f"{name}.toml"
        file.write_text(f"[tool.coverage.report]\nfail_under = {floor}\n" if floor else "", encoding="utf-8")
        files.append(str(file))
    assert script("floor").main(files) == code
    assert ("test what the change adds" in capsys.readouterr().err) == (code == 1)


@pytest.mark.process
@pytest.mark.parametrize(
    ("says", "ends", "passes"),
    [
        ("", 0, True),
        ("WARNING: The configuration value of bicep.use_binary_from_path has been set to 'false'.", 0, True),
        (
            "WARNING: /src/infra/app.bicep(3,7) : Warning no-unused-params: Parameter is declared but never used.",
            0,
            False,
        ),
        ("ERROR: /src/infra/app.bicep(3,7) : Error BCP057: The name does not exist.", 1, False),
        ("ERROR: the compiler is not there", 1, False),
    ],
)
def test_a_warning_of_the_templates_compiler_fails_as_an_error_does(
    says: str, ends: int, passes: bool, tmp_path: Path
) -> None:
    (step,) = (step for step in jobs(read("test"))["infrastructure"]["steps"] if step.get("shell") == "bash")
    compiler = tmp_path / "az"
    compiler.write_text(f'#!/bin/sh\necho template\necho "{says}" >&2\nexit {ends}\n', encoding="utf-8")
    compiler.chmod(0o755)
    ended = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode == 0) == passes
    assert says in ended.stdout


def test_the_audit_is_judged_by_our_own_script_even_when_the_tool_fails() -> None:
    job = jobs(read("test"))["audit"]
    (judging,) = (step for step in job["steps"] if "audit.py" in step.get("run", ""))
    assert judging["if"] == "${{ !cancelled() }}"
    audited = re.findall(r"--requirement (\S+)", commands(job))
    assert "--strict" in commands(job)
    assert audited == ["requirements-dev.txt", "requirements/uv.txt", "requirements/worker.txt"]
    assert judging["run"].split()[-len(audited) :] == audited
    assert "npm audit" in commands(job)


@pytest.mark.process
def test_the_audit_holds_what_is_deployed_and_what_audits() -> None:
    (exporting,) = re.findall(
        r"^uv (export .+) --output-file \S+$", commands(jobs(read("test"))["audit"]), re.MULTILINE
    )
    uv = Path(sys.executable).with_name("uv")
    ended = subprocess.run(
        [str(uv), *exporting.split(), "--offline", "--project", str(ROOT)], capture_output=True, text=True, check=False
    )
    audited = set(re.findall(r"^([\w.-]+==[^\s;]+)", ended.stdout, re.MULTILINE))
    deployed = re.sub(r"\[[\w,-]+\]", "", (ROOT / "requirements.txt").read_text(encoding="utf-8"))
    runtime = set(re.findall(r"^([\w.-]+==[^\s;]+)", deployed, re.MULTILINE))
    assert runtime
    assert runtime - audited == set()
    assert {pin.partition("==")[0] for pin in audited} >= {"pytest", "ruff", "pip-audit", "cyclonedx-bom"}


def test_a_release_is_tested_and_previewed_before_anything_leaves() -> None:
    release = jobs(read("release"))
    assert release["test"]["needs"] == "version"
    assert release["test"]["uses"] == "$/.github/workflows/test.yml"
    assert "workflow_call" in triggers(read("test"))
    assert release["sbom"]["needs"] == "test"
    assert set(release["preview"]["needs"]) == {"test", "sbom"}
    assert release["deploy"]["needs"] == "preview"


@pytest.mark.parametrize(
    ("tag", "version", "code"), [("v1.2.3", "1.2.3", 0), ("1.2.3", "1.2.3", 1), ("v1.2.4", "1.2.3", 1)]
)
def test_a_release_whose_tag_is_not_the_version_ends_at_once(
    tag: str, version: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(f'[project]\nversion = "{version}"\n', encoding="utf-8")
    assert script("version").main([tag, str(project)]) == code
    assert (f"tag it v{version}" in capsys.readouterr().err) == (code == 1)
    assert ".github/scripts/version.py" in commands(jobs(read("release"))["version"])


def test_a_release_carries_the_bills_of_materials_of_app_and_tools() -> None:
    text = commands(jobs(read("release"))["sbom"])
    made = set(re.findall(r"(?:--output-file|>) (\S+\.cdx\.json)", text))
    (attached,) = re.findall(r"gh release upload (.+)", text)
    assert made == {"sbom-app.cdx.json", "sbom-development.cdx.json", "sbom-npm.cdx.json"}
    assert made <= set(attached.split())


def test_the_bill_of_the_app_is_of_what_the_site_installs_with_its_python() -> None:
    job = jobs(read("release"))["sbom"]
    text = " ".join(commands(job).replace("\\\n", " ").split())
    assert f"uv venv --quiet --python {SITE_PYTHON} .deployed" in text
    assert "--require-hashes --requirement requirements/site.txt" in text
    # Installed packages tell their licences, pins do not.
    assert re.search(r"cyclonedx-py environment .* --output-file sbom-app.cdx.json .deployed", text)


def test_what_a_deployment_will_change_is_shown_in_a_job_before_the_one_that_waits_for_an_approval() -> None:
    release = jobs(read("release"))
    assert (release["preview"]["environment"], release["deploy"]["environment"]) == ("preview", "production")
    ran = re.findall(r"azd (provision --preview|provision|deploy)\b", commands(release["preview"]))
    assert ran == ["provision --preview"]
    ran = re.findall(r"azd (provision --preview|provision|deploy)\b", commands(release["deploy"]))
    assert ran == ["provision", "deploy"]
    # A preview runs no hooks.
    assert "infra/hooks/register_providers.py" in commands(release["preview"])
    for job in (release["preview"], release["deploy"]):
        assert [step["uses"] for step in job["steps"] if "uses" in step][1:] == ["$/.github/actions/azure"]


def test_az_and_azd_sign_in_without_a_secret() -> None:
    text = " ".join(step.get("run", "") for step in action("azure")["runs"]["steps"])
    assert "--federated-credential-provider github" in text
    assert "--federated-token" in text
    assert "::add-mask::" in text


def test_a_deployment_is_configured_by_variables_only() -> None:
    release = jobs(read("release"))
    values = [value for job in ("preview", "deploy") for value in release[job]["env"].values()]
    assert values
    assert [value for value in values if not re.fullmatch(r"\$\{\{ vars\.\w+ \}\}", value)] == []
    assert release["preview"]["env"] == release["deploy"]["env"]


@pytest.mark.process
def test_the_parameters_of_the_variables_reach_azd(tmp_path: Path) -> None:
    (step,) = (step for step in action("azure")["runs"]["steps"] if step.get("name") == "Parameters")
    azd = tmp_path / "azd"
    azd.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n', encoding="utf-8")
    azd.chmod(0o755)
    given = {"DATAVERSE_URL": "https://d", "FINOPS_URL": "https://f", "COMPANY": "usmf", "AZURE_ENV_NAME": "e"}
    given |= {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_LOCATION": "l", "AZD_PARAMETERS": "ALERT_EMAIL=a@b.c\r\nX=1=2\r\n"}
    subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **given},
        check=True,
    )
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert calls == [
        "env new e --subscription s --location l --no-prompt",
        "env set DATAVERSE_URL https://d",
        "env set FINOPS_URL https://f",
        "env set COMPANY usmf",
        "env set ALERT_EMAIL a@b.c",
        "env set X 1=2",
    ]


def test_dependencies_of_every_kind_are_renewed_in_groups() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {update["package-ecosystem"] for update in updates} == {
        "uv",
        "pip",
        "npm",
        "github-actions",
        "devcontainers",
    }
    assert all(update["groups"] and update["cooldown"]["default-days"] >= 7 for update in updates)
    folders = {
        ROOT / folder.strip("/")
        for update in updates
        for folder in update.get("directories", [update.get("directory")])
    }
    assert {action.parent for action in ACTIONS} <= folders
    assert [folder for folder in folders if not folder.is_dir()] == []


def test_what_is_written_from_the_lock_is_not_renewed_beside_it() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    (lock,) = (update for update in updates if update["package-ecosystem"] == "uv")
    assert lock["exclude-paths"] == ["requirements.txt", "requirements/**"]
    (pins,) = (update for update in updates if update["package-ecosystem"] == "pip")
    assert [pin["dependency-name"] for pin in pins["ignore"]] == ["pip"], "old ones on purpose"
