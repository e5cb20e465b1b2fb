"""Map documents against the schemas of both systems, with the columns that only an organisation has: the examples, or
with --map and --schema those of your own (docs/adding-a-field.md)."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local.simulator.owncolumns import read_object, read_own_columns
from tests.support.operator import operated, p2c_in
from tests.support.product import Product
from tests.support.project import ROOT
from tests.unit.local import dataverse_world, finops_environment

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
NOTHING_OF_ONES_OWN: dict[str, Any] = {"own_columns": {}}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each example, or the one document of the command line."""
    if "document" in metafunc.fixturenames:
        given = metafunc.config.getoption("--map")
        files = [Path(given).resolve()] if given else EXAMPLES
        metafunc.parametrize("document", files, ids=[file.name for file in files])


@pytest.fixture
def schema(request: pytest.FixtureRequest, document: Path, tmp_path: Path) -> Path:
    """The file that says which columns both systems have beyond those that they are delivered with."""
    given = request.config.getoption("--schema")
    if given:
        return Path(given).resolve()
    return document if "own_columns" in read_object(document) else overlay(tmp_path, NOTHING_OF_ONES_OWN)


def overlay(folder: Path, content: Any) -> Path:
    """A file of columns."""
    file = folder / "own.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def missing(document: Path, schema: Path) -> list[str]:
    """What `p2c map check --live` finds wrong between systems with these columns."""
    with ExitStack() as stack:
        sales = stack.enter_context(dataverse_world.dataverse(own=schema))
        finops = stack.enter_context(finops_environment.environment(own=read_own_columns(schema)))
        stack.enter_context(operated(Product(sales, finops)))
        said = p2c_in({}, "map", "check", str(document), "--live", "--json").output
    return [f"{each['what']}: {each['found']}" for each in json.loads(said)["checks"] if each["verdict"] == "wrong"]


def test_there_is_an_example() -> None:
    assert [file.name for file in EXAMPLES] == ["contoso.yaml"]


def test_a_document_has_no_mistake(document: Path) -> None:
    ended = p2c_in({}, "map", "check", str(document))
    assert ended.exit_code == 0, ended.output


def test_both_systems_have_every_column_of_a_document_with_its_type(document: Path, schema: Path) -> None:
    assert missing(document, schema) == []


def test_a_column_that_the_systems_lack_or_have_with_another_type_is_named(tmp_path: Path) -> None:
    (document,) = EXAMPLES
    columns: Any = read_object(document)["own_columns"]
    del columns["accounts"]["new_tier"], columns["CustomersV3"]["ContosoSegment"]
    columns["contacts"]["new_keptinsales"] = {"type": "text"}
    told = "\n".join(missing(document, overlay(tmp_path, {"own_columns": columns})))
    assert all(name in told for name in ("new_tier", "ContosoSegment", "new_keptinsales")), told
