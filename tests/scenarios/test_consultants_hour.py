"""Whoever follows the hour of docs/adding-a-field.md gets the output that is written down there."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.finops.settings import Settings as FinopsSettings
from local.simulator.owncolumns import read_own_columns
from shared.mapping.map_source import SHIPPED
from tests.support.operator import operated, p2c, p2c_in
from tests.support.product import Product
from tests.support.project import ROOT
from tests.unit.local import dataverse_world, finops_environment

CONTOSO = ROOT / "examples" / "contoso.yaml"
PAGE = (ROOT / "docs" / "adding-a-field.md").read_text(encoding="utf-8").split("## A field of a standard map")[0]
IDS = (
    "0603d6a8-1c2e-4ccd-a18a-d1b34ff7fb70",
    "c1501819-1217-438f-89c3-17abbde114af",
    "f52d9b51-53d1-4c2c-8d0a-6a7a6c8e7a55",
)
RETAIL = {"customertypecode": 3, "sic": "Retail", "donotphone": True, "yominame": "Lit", "new_tier": 100000000}


def transcripts() -> Iterator[tuple[list[str], str]]:
    """The arguments of each p2c of the page with its output, in order."""
    for block in re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL):
        for command, output in re.findall(r"^\$ ([^\n]+)\n((?:(?!\$ )[^\n]*\n)*)", block, flags=re.MULTILINE):
            program, *arguments = shlex.split(command)
            if program == "p2c":
                yield arguments, output


def said_by(sync: Product, arguments: list[str]) -> str:
    """What p2c says: on the product, or on a document alone."""
    if arguments[:2] == ["map", "check"] and "--live" not in arguments:
        return p2c_in({}, *arguments).output
    with operated(sync):
        return p2c(*arguments)


def same(text: str) -> list[str]:
    """The words of an output: where its lines break depends on the width of the screen."""
    return text.split()


# What Microsoft's library does not know are Contoso's own columns.
@pytest.mark.odata_refused("Contoso", "new_")
def test_the_hour_of_a_consultant_goes_as_it_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (written,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    file = tmp_path / "shared" / "mapping" / "contoso.json"
    file.parent.mkdir(parents=True)
    shutil.copy(SHIPPED, file)
    monkeypatch.chdir(tmp_path)
    own = read_own_columns(CONTOSO)
    with (
        dataverse_world.dataverse(own=CONTOSO) as sales,
        finops_environment.environment(FinopsSettings(), own=own) as finops,
    ):
        sync = Product(sales, finops)
        sync.account("ACC-1001", accountid=IDS[0], name="Litware", **RETAIL)
        sync.account("ACC-1002", accountid=IDS[1], name="Fabrikam", customertypecode=3, sic="Fishing")
        sync.account("ACC-1003", accountid=IDS[2], name="Northwind", customertypecode=1)
        sync.tick()
        followed = 0
        for arguments, output in transcripts():
            said = said_by(sync, arguments)
            assert same(said) == same(output), said
            followed += 1
            if "learn" in arguments:
                learned = json.loads(file.read_text(encoding="utf-8"))
                file.write_text(json.dumps({**learned, **json.loads(f"{{{written}}}")}), encoding="utf-8")
            if "has 1 mistake" in output:
                file.write_text(file.read_text(encoding="utf-8").replace("nmae", "name"), encoding="utf-8")
    assert followed == 4
    assert len(json.loads(f"{{{written}}}")["fields"]["accounts"]) == 10
