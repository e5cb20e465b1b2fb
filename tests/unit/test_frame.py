"""What editors, containers and forums read of this project is in its form and names what exists."""

import importlib.util
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pre_commit.clientlib import load_config

from local.azurite import SCRIPT
from tests.infra.names import timers
from tests.support.project import ROOT, project_files

TARGETS = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
RULES = set(re.findall(r"^\$\((\w+)\):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
VARIABLES = dict(re.findall(r"^(\w+) :?= (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
# What is called by name alone, and where it comes from.
TOOLS = {"make", "npm", "npx", "func"}
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
GUIDES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("debugging", "demo", "simulators")),
    ROOT / ".github" / "pull_request_template.md",
]


def read_jsonc(name: str) -> Any:
    """JSON with comments that have a line of their own."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return json.loads("\n".join(line for line in lines if not line.lstrip().startswith("//")))


def made() -> set[str]:
    """What make can be asked for: its commands, and the files that it makes."""
    files = set()
    for name in RULES:
        path = VARIABLES[name]
        while "$" in path:
            path = re.sub(r"\$\((\w+)\)", lambda each: VARIABLES[each[1]], path)
        files.add(path)
    return TARGETS | files


def unknown(command: str) -> list[str]:
    """What a command line names that does not exist: tools, modules, targets of make, options of pytest's files."""
    wrong = []
    for part in re.split(r"&&|;", command):
        words = part.split()
        program, rest = words[0], words[1:]
        if program == ".venv/bin/python" and rest[0] == "-m":
            wrong += [rest[1]] if importlib.util.find_spec(rest[1]) is None else []
        elif program == "make":
            wrong += [word for word in rest if "=" not in word and word not in made()]
        elif program.startswith(".venv/bin/"):
            wrong += [] if (ROOT / program).exists() else [program]
        elif program == ".":
            wrong += [] if rest[0] == ".state/local.env" else [part]
        elif program not in TOOLS:
            wrong.append(program)
    return wrong


def test_a_name_that_does_not_exist_is_found() -> None:
    assert unknown("make checks && .venv/bin/ruffs . && .venv/bin/python -m local.systemz; mak check") == [
        "checks",
        ".venv/bin/ruffs",
        "local.systemz",
        "mak",
    ]
    assert unknown("make check ARGS=x && .venv/bin/python -m local.systems") == []


def tasks() -> dict[str, Any]:
    """The editor's tasks by name."""
    found = {task["label"]: task for task in read_jsonc(".vscode/tasks.json")["tasks"]}
    assert found
    return found


def launches() -> list[dict[str, Any]]:
    """What the editor can debug."""
    found: list[dict[str, Any]] = read_jsonc(".vscode/launch.json")["configurations"]
    assert found
    return found


def test_every_task_calls_what_exists() -> None:
    assert {label: wrong for label, task in tasks().items() if (wrong := unknown(task["command"]))} == {}
    assert [each for task in tasks().values() for each in task.get("dependsOn", []) if each not in tasks()] == []


def test_a_task_in_the_background_says_when_it_is_ready() -> None:
    ready = {label: task["problemMatcher"]["background"]["endsPattern"] for label, task in tasks().items()
             if task.get("isBackground")}  # fmt: skip
    assert ready["simulators"] == "^what came of it:"
    assert '"what came of it:' in (ROOT / "local" / "systems.py").read_text(encoding="utf-8")
    assert all(ready.values())


def test_every_launch_starts_a_module_of_the_environment_or_waits_for_a_task() -> None:
    modules = [launch["module"] for launch in launches() if launch["request"] == "launch"]
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    named = {launch["preLaunchTask"] for launch in launches() if "preLaunchTask" in launch}
    assert named - tasks().keys() == set()


def test_what_is_attached_to_listens_on_that_port() -> None:
    attached = [launch for launch in launches() if launch["request"] == "attach"]
    assert attached
    for launch in attached:
        arguments = tasks()[launch["preLaunchTask"]]["options"]["env"]["languageWorkers__python__arguments"]
        assert arguments == f"-m debugpy --listen {launch['connect']['host']}:{launch['connect']['port']}"
    assert importlib.util.find_spec("debugpy") is not None


def test_the_editor_offers_every_timer_of_the_app() -> None:
    (timer,) = read_jsonc(".vscode/launch.json")["inputs"]
    assert timer["options"] == timers()


def test_editor_and_container_recommend_the_same_extensions() -> None:
    container = read_jsonc(".devcontainer/devcontainer.json")["customizations"]["vscode"]["extensions"]
    assert read_jsonc(".vscode/extensions.json")["recommendations"] == container
    assert len(set(container)) == len(container)


def test_the_editor_judges_with_the_tools_of_the_lock() -> None:
    settings = read_jsonc(".vscode/settings.json")
    assert settings["ruff.importStrategy"] == settings["mypy-type-checker.importStrategy"] == "fromEnvironment"
    assert settings["python.defaultInterpreterPath"].endswith("/.venv/bin/python")


def test_the_container_has_what_the_project_needs_in_pinned_versions() -> None:
    container = read_jsonc(".devcontainer/devcontainer.json")
    assert re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:3\.12-\w+", container["image"])
    features = {name.rpartition("/")[2].partition(":")[0]: options for name, options in container["features"].items()}
    assert features.keys() == {"node", "azure-cli", "azd"}
    assert [name for name in container["features"] if not re.search(r":\d+$", name)] == []
    assert features["node"]["version"] == "22"
    assert features["azure-cli"]["installBicep"] is True
    assert re.search(r"azure-functions-core-tools@4\.\d+\.\d+$", container["onCreateCommand"])


def test_the_container_calls_what_exists() -> None:
    container = read_jsonc(".devcontainer/devcontainer.json")
    called = [container[f"{step}Command"] for step in ("onCreate", "updateContent", "postCreate")]
    assert [wrong for command in called for wrong in unknown(command)] == []


def test_the_hooks_before_a_commit_are_the_tools_of_the_lock_and_fetch_nothing() -> None:
    config = load_config(str(ROOT / ".pre-commit-config.yaml"))
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    hooks = {hook["id"]: hook for hook in config["repos"][0]["hooks"]}
    assert hooks.keys() >= {"ruff-format", "ruff-check", "mypy", "codespell"}
    assert {hook["language"] for hook in hooks.values()} == {"unsupported"}, "nothing is installed for them"
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["lint"]
    locked = {re.match(r"[\w-]+", each)[0] for each in lint if isinstance(each, str)}  # type: ignore[index]
    programs = {Path(hook["entry"].split()[0]) for hook in hooks.values()}
    assert {program.name for program in programs} <= locked
    assert [str(program) for program in programs if not (ROOT / program).exists()] == []


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.stem)
def test_a_form_has_what_the_forum_asks_of_it(file: Path) -> None:
    form = yaml.safe_load(file.read_text(encoding="utf-8"))
    if file.stem == "config":
        assert form == {"blank_issues_enabled": False}
        return
    assert {"name", "description", "body"} <= form.keys()
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(re.fullmatch(r"[a-z]+", part["id"]) and part["attributes"]["label"] for part in asked)
    assert any(part.get("validations", {}).get("required") for part in asked)


def test_the_forms_name_flows_and_files_that_exist() -> None:
    bug = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text(encoding="utf-8"))
    (flow,) = (part for part in bug["body"] if part.get("id") == "flow")
    assert flow["attributes"]["options"] == [name.removesuffix("_pull") for name in timers() if name.endswith("_pull")]
    texts = "\n".join(file.read_text(encoding="utf-8") for file in FORMS)
    assert [name for name in re.findall(r"[A-Z]+\.md", texts) if not (ROOT / name).exists()] == []


def commands_in(guide: Path) -> Iterator[str]:
    """The commands of a guide, from its blocks and its lines, that a reader would call in the project's folder."""
    text = guide.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`((?:make|\.venv/bin/)[^`]*)`", text)
    yield from (line for line in [*lines, *inline] if re.match(r"make |\.venv/bin/", line))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_calls_what_exists(guide: Path) -> None:
    commands = list(commands_in(guide))
    assert commands
    assert {command: wrong for command in commands if (wrong := unknown(re.sub(r'"[^"]*"', "x", command)))} == {}


@pytest.mark.parametrize(
    "guide", [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "debugging.md"], ids=lambda guide: guide.stem
)
def test_a_guide_names_files_that_exist(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    tracked = {file.relative_to(ROOT).as_posix() for file in project_files()}
    folders = {parent.as_posix() for name in tracked for parent in Path(name).parents}
    named = re.findall(r"`((?:shared|tests|local|docs|infra|p2c|benchmarks|requirements|\.\w+)/[\w./-]*)`", text)
    written = {".state/local.settings.json", ".state/local.env"}
    assert named
    assert [name for name in named if name.rstrip("/") not in tracked | folders | written and "FLOW" not in name
            and not name.startswith(".venv/")] == []  # fmt: skip


def test_the_storage_emulator_of_the_tasks_is_the_one_that_npm_installs() -> None:
    wanted = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert SCRIPT.parts[0] in wanted
    assert tasks()["storage emulator"]["command"].startswith(f"npx {SCRIPT.parts[0]} --skipApiVersionCheck")


def test_the_changelog_has_the_version_of_the_project_released_and_room_for_the_next() -> None:
    sections = re.findall(r"^## \[([^\]]+)\](?: - (\S+))?$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert [name for name, _ in sections[:2]] == ["Unreleased", version]
    days = [date.fromisoformat(day) for _, day in sections[1:]]
    assert days == sorted(days, reverse=True)


@pytest.mark.process
@pytest.mark.parametrize("target", ["test", "demo"])
def test_a_functions_host_that_is_named_gets_a_python_of_its_own_unless_that_is_named_too(
    target: str, tmp_path: Path
) -> None:
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".") and entry.name != "node_modules":
            (tmp_path / entry.name).symlink_to(entry)
    named = {"PATH": os.environ["PATH"], "FUNCTIONS_HOST": "/opt/func"}
    own = "requirements/host.txt"
    assert own in what_make_would_do(target, tmp_path, named)
    assert own not in what_make_would_do(target, tmp_path, {**named, "FUNCTIONS_HOST_PYTHON": "/opt/python"})
    assert own not in what_make_would_do(target, tmp_path, {"PATH": os.environ["PATH"]})


@pytest.mark.process
@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 2), (2, 2), (130, 2)])
def test_make_ends_with_2_where_the_demo_ends_with_another_code_and_names_that(
    tmp_path: Path, code: int, ends: int
) -> None:
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
    python.chmod(0o755)
    command = ["make", "--old-file=.venv/.ready", "--old-file=node_modules/.ready", "demo"]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == ends
    assert (f"Error {code}\n" in ended.stderr) == bool(code)


def what_make_would_do(target: str, folder: Path, environment: dict[str, str]) -> str:
    """The commands of a target where nothing is installed."""
    command = ["make", "--dry-run", target]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
