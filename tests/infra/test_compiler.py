"""Microsoft's compiler and its linter say nothing of the templates, and the snapshots are what the templates make.

Where there is no compiler these tests are left out, and a line at the end says so. Everything else reads the snapshots.
"""

from pathlib import Path

import pytest

from tests.infra import compiler
from tests.infra.checks import Check, members
from tests.infra.roles import named_after_their_owner, roles
from tests.infra.snapshots import INFRA, NETWORK, change, copied, parameters_files, read_snapshot
from tests.support.project import ROOT

needs_the_compiler = pytest.mark.skipif(compiler.compiler() is None, reason=compiler.MISSING)


@needs_the_compiler
def test_the_compiler_says_nothing_of_any_template() -> None:
    assert compiler.build(INFRA / "main.bicep") == ""


@needs_the_compiler
@pytest.mark.parametrize("file", [*sorted(INFRA.glob("*.bicep")), *parameters_files()], ids=lambda file: file.name)
def test_every_template_has_the_form_of_the_compiler(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == compiler.formatted(file), "run `make infra`"


@needs_the_compiler
@pytest.mark.parametrize("parameters", parameters_files(), ids=lambda file: file.stem)
def test_the_snapshot_is_what_the_templates_make(parameters: Path) -> None:
    assert compiler.differences(parameters) == "", "run `make infra`, and look at the difference before you commit it"


@needs_the_compiler
@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        pytest.param(
            "storage.bicep", "allowBlobPublicAccess:", "allowBlobPublicAcces:", "allowBlobPublicAcces", id="property"
        ),
        pytest.param(
            "app.bicep", "httpsOnly: true", "httpsOnly: 'yes'", 'The property "httpsOnly" expected', id="type"
        ),
        pytest.param(
            "app.bicep", "sites@2025-03-01", "sites@2025-03-11", "Microsoft.Web/sites@2025-03-11", id="version"
        ),
        pytest.param("main.bicep", "    dailyCapGb: dailyCapGb\n", "", "dailyCapGb", id="parameter"),
        pytest.param("alerts.bicep", "queries/lag.kql", "queries/lags.kql", "lags.kql", id="file"),
        pytest.param("alerts.bicep", "measure: 'pulls'", "measures: 'pulls'", "measures", id="rule"),
        pytest.param(
            "monitoring.bicep",
            "param token string\n",
            "param token string\nparam colour string = ''\n",
            "colour",
            id="unused",
        ),
    ],
)
def test_a_mistake_in_a_template_is_found_and_named(file: str, old: str, new: str, named: str, tmp_path: Path) -> None:
    infra = copied(tmp_path) / "infra"
    change(infra / file, old, new)
    assert named in compiler.build(infra / "main.bicep")


@needs_the_compiler
def test_a_change_of_a_template_shows_in_the_snapshot(tmp_path: Path) -> None:
    infra = copied(tmp_path) / "infra"
    change(infra / "storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true")
    assert "allowSharedKeyAccess" in compiler.differences(infra / "snapshots" / "default.bicepparam")


@needs_the_compiler
@pytest.mark.parametrize(
    ("file", "old", "new", "check", "named"),
    [
        ("app.bicep", "'FlexConsumption'", "'FlexConsumptio'", members, "sku.tier of Microsoft.Web/serverfarms"),
        (
            "access.bicep",
            "[blobDataOwner, queueDataContributor, tableDataContributor]",
            "[blobDataOwner, tableDataContributor]",
            roles,
            "app on storage account lacks Storage Queue Data Contributor",
        ),
        ("access.bicep", "    scope: storage\n", "", roles, "which nothing needs"),
        (
            "access.bicep",
            "guid(storage.id, appPrincipalId, role)",
            "guid(storage.id, role)",
            named_after_their_owner,
            "does not follow from the principal id",
        ),
    ],
    ids=["member", "missing role", "scope", "name of a role assignment"],
)
def test_a_mistake_that_the_compiler_lets_pass_is_found_in_its_snapshot(
    file: str, old: str, new: str, check: Check, named: str, tmp_path: Path
) -> None:
    infra = copied(tmp_path) / "infra"
    change(infra / file, old, new)
    assert compiler.write_snapshot(infra / "snapshots" / f"{NETWORK}.bicepparam") == ""
    assert named in "\n".join(check(read_snapshot(NETWORK, infra / "snapshots")))


# --- where the compiler is found -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [".azd/bin/bicep", ".azure/bin/bicep", "on the path/bicep"])
def test_the_compiler_of_azd_of_az_or_of_the_path_is_found(place: str, tmp_path: Path) -> None:
    program = tmp_path / place
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert compiler.found({"HOME": str(tmp_path), "PATH": str(tmp_path / "on the path")}) == program


def test_the_compiler_that_is_named_comes_first_and_a_wrong_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    assert compiler.found({"BICEP": str(tmp_path / "mine"), "PATH": ""}) == tmp_path / "mine"
    with pytest.raises(FileNotFoundError, match=r"BICEP is .*other"):
        compiler.found({"BICEP": str(tmp_path / "other"), "PATH": ""})


def test_where_there_is_no_compiler_nothing_is_found(tmp_path: Path) -> None:
    assert compiler.found({"HOME": str(tmp_path), "PATH": str(tmp_path)}) is None


def test_the_workflow_installs_a_compiler_before_it_tests() -> None:
    setup = (ROOT / ".github" / "actions" / "setup" / "action.yml").read_text(encoding="utf-8")
    assert "az bicep install --version v0.49.2" in setup
