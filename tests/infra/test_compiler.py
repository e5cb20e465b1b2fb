"""Microsoft's compiler and its linter say nothing of the templates, and the snapshots are what the templates make.

Where there is no compiler these tests are left out, and a line at the end says so. Everything else reads the snapshots.
"""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra import compiler
from tests.infra.checks import members
from tests.infra.roles import named_after_their_owner, roles
from tests.infra.snapshots import INFRA, NETWORK, SNAPSHOTS, change, copied, parameters_files, read_snapshot
from tests.support.project import ROOT

needs_the_compiler = pytest.mark.skipif(compiler.compiler() is None, reason=compiler.MISSING)


@pytest.fixture(scope="module")
def bicep() -> Iterator[compiler.Compiler]:
    with compiler.running() as running:
        yield running


@needs_the_compiler
def test_every_template_has_the_form_of_the_compiler(bicep: compiler.Compiler, tmp_path: Path) -> None:
    infra = copied(tmp_path) / "infra"
    assert bicep.format_all(infra) == ""
    files = [*INFRA.glob("*.bicep"), *parameters_files()]
    other = [file.name for file in files if file.read_bytes() != (infra / file.relative_to(INFRA)).read_bytes()]
    assert other == [], "run `make infra`"


@needs_the_compiler
@pytest.mark.parametrize("parameters", parameters_files(), ids=lambda file: file.stem)
def test_the_snapshot_is_what_the_templates_make_and_the_compiler_says_nothing(
    bicep: compiler.Compiler, parameters: Path, tmp_path: Path
) -> None:
    made = copied(tmp_path) / "infra" / "snapshots" / parameters.name
    snapshot = made.with_suffix(".snapshot.json")
    snapshot.unlink()
    assert bicep.write_snapshot(made) == ""
    kept = (SNAPSHOTS / snapshot.name).read_text(encoding="utf-8").splitlines()
    different = list(difflib.unified_diff(kept, snapshot.read_text(encoding="utf-8").splitlines(), lineterm=""))
    assert different == [], "run `make infra`, and look at the difference before you commit it"


def test_every_rule_of_the_linter_is_an_error_but_for_the_one_that_follows_the_day() -> None:
    text = (INFRA / "bicepconfig.json").read_text(encoding="utf-8")
    levels = dict(re.findall(r'"([a-z-]+)": \{ "level": "(\w+)" \}', text))
    assert len(levels) > 40
    assert {rule for rule, level in levels.items() if level != "error"} == {"use-recent-api-versions"}


# --- mistakes --------------------------------------------------------------------------------------------------------

# What is wrong, in which file, what stands there, what is written instead, and how the compiler names it.
COMPILED = {
    "property": ("storage.bicep", "allowBlobPublicAccess:", "allowBlobPublicAcces:", '"allowBlobPublicAcces"'),
    "type": ("app.bicep", "httpsOnly: true", "httpsOnly: 'yes'", 'The property "httpsOnly" expected'),
    "version": ("app.bicep", "serverfarms@2025-03-01", "serverfarms@2025-03-11", "serverfarms@2025-03-11"),
    "parameter": ("main.bicep", "    dailyCapGb: dailyCapGb\n", "", '"dailyCapGb"'),
    "file": ("workbook.bicep", "queries/throughput.kql", "queries/through.kql", "through.kql"),
    "rule": ("alerts.bicep", "measure: 'pulls'", "measures: 'pulls'", '"measures"'),
    "unused": ("network.bicep", "param token string\n", "param token string\nparam colour string\n", '"colour"'),
}


@needs_the_compiler
def test_a_mistake_in_a_template_is_found_and_named(bicep: compiler.Compiler, tmp_path: Path) -> None:
    """All of them at once."""
    infra = copied(tmp_path) / "infra"
    for file, old, new, _ in COMPILED.values():
        change(infra / file, old, new)
    said = bicep.build(infra / "main.bicep").splitlines()
    missed = [
        mistake
        for mistake, (file, _, _, named) in COMPILED.items()
        if not any(f"/{file}(" in line and named in line for line in said)
    ]
    assert missed == []
    # A snapshot of mistaken modules is not made, either.
    assert '"colour"' in bicep.write_snapshot(infra / "snapshots" / f"{NETWORK}.bicepparam")


@needs_the_compiler
def test_mistakes_that_the_compiler_lets_pass_are_found_in_the_snapshot(
    bicep: compiler.Compiler, tmp_path: Path
) -> None:
    """A tier that there is not; roles on the whole resource group, missing ones, and some named after nobody."""
    infra = copied(tmp_path) / "infra"
    change(infra / "app.bicep", "'FlexConsumption'", "'FlexConsumptio'")
    change(infra / "access.bicep", "[blobDataOwner, queueDataContributor, ", "[blobDataOwner, ")
    change(infra / "access.bicep", "guid(storage.id, appPrincipalId, role)", "guid(storage.id, role)")
    change(infra / "access.bicep", "    scope: storage\n", "")
    assert bicep.write_snapshot(infra / "snapshots" / f"{NETWORK}.bicepparam") == ""
    mistaken = read_snapshot(NETWORK, infra / "snapshots")
    assert members(mistaken) == [
        "sku.tier of Microsoft.Web/serverfarms is 'FlexConsumptio'; it must be 'FlexConsumption'"
    ]
    assert len(named_after_their_owner(mistaken)) == 2
    wrong = roles(mistaken)
    assert [line for line in wrong if "app on the resource group has the role" in line]
    assert [line for line in wrong if "app on storage account lacks Storage Queue Data Contributor" in line]


# --- where the compiler is found -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [".azd/bin/bicep", ".azure/bin/bicep", "on the path/bicep"])
def test_the_compiler_of_azd_of_az_or_of_the_path_is_found(place: str, tmp_path: Path) -> None:
    program = tmp_path / place
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert compiler.found({"HOME": str(tmp_path), "PATH": str(tmp_path / "on the path")}) == program


def test_the_compiler_that_is_named_comes_first_and_a_wrong_name_is_reported(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    assert compiler.found({"BICEP": str(tmp_path / "mine"), "PATH": ""}) == tmp_path / "mine"
    with pytest.raises(FileNotFoundError, match=r"BICEP is .*other"):
        compiler.found({"BICEP": str(tmp_path / "other"), "PATH": ""})


def test_where_there_is_no_compiler_nothing_is_found(tmp_path: Path) -> None:
    assert compiler.found({"HOME": str(tmp_path), "PATH": str(tmp_path)}) is None


def test_the_workflow_installs_a_compiler_before_it_tests() -> None:
    setup = (ROOT / ".github" / "actions" / "setup" / "action.yml").read_text(encoding="utf-8")
    assert "az bicep install --version v0.49.2" in setup
