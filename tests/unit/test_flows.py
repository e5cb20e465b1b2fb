"""Nothing outside of a flow's folder names a flow: what concerns flows is derived from what they say of themselves."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from shared.flows.registry import FLOWS
from tests.support.project import ROOT, project_files

LIST = Path("shared/flows/registry.py")
# What quotations and orders share is in a folder of both, and so is what orders and invoices of F&O share.
FOLDERS = [LIST.parent / name for name in (*FLOWS.names, "sales_documents", "finops_documents")]
DEPLOYED = ("shared", "p2c", "infra", "function_app.py")


def neutral(suffixes: set[str]) -> list[Path]:
    """The files of the product that have one of these endings and belong to no flow."""
    found = [file.relative_to(ROOT) for file in project_files() if file.suffix in suffixes]
    ours = [file for file in found if file.parts[0] in DEPLOYED and file != LIST]
    return [file for file in ours if not any(file.is_relative_to(folder) for folder in FOLDERS)]


def named(code: str) -> Iterator[str]:
    """The texts of a module, and the modules that it imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield ".".join(node.module.split(".")[:3])


def test_no_module_outside_of_its_folder_names_a_flow() -> None:
    names = {*FLOWS.names, *(f"shared.flows.{name}" for name in FLOWS.names)}
    files = neutral({".py"})
    assert len(files) > 100
    # To parse every module takes a second.
    near = re.compile(rf"""['"]({"|".join(FLOWS.names)})['"]|shared\.flows\.""")
    texts = {str(file): (ROOT / file).read_text(encoding="utf-8") for file in files}
    found = {file: names & {*named(text)} for file, text in texts.items() if near.search(text)}
    assert {file: told for file, told in found.items() if told} == {}


def test_no_template_and_no_query_names_a_flow() -> None:
    quoted = re.compile(rf"""['"]({"|".join(FLOWS.names)})['"]""")
    files = neutral({".bicep", ".kql"})
    assert len(files) > 20
    assert [str(file) for file in files if quoted.search((ROOT / file).read_text(encoding="utf-8"))] == []
