"""No file of the project holds a secret; each shape of one is found."""

from pathlib import Path

import pytest

from tests.infra.secrets import secrets_in
from tests.support.project import ROOT, project_files

# Put together here, so that this file holds none.
KEY = "a1B2" * 21 + "cD"
MISTAKES = {
    "a connection string": f"AccountName=contoso;Account{''}Key={KEY}==",
    "a key of a storage account": f"key = '{KEY}=='",
    "a shared access signature": f"https://contoso.blob.core.windows.net/x?sv=1&si{''}g={'a%2F' * 12}",
    "a token": ".".join(
        ["ey" + "J" + "hbGciOiJSUzI1NiIsInR5cCI", "ey" + "J" + "hdWQiOiJodHRwczovL2EuYiJ9", "c2lnbmF0dXJlc2lnbmF0dXJl"]
    ),
    "a private key": "-----BEGIN RSA PRIV" + "ATE KEY-----",
    "a client secret": "abc8" + "Q~" + "x" * 34,
    "a key of Application Insights": "Instrumentation" + "Key=01234567-89ab-cdef-0123-456789abcdef",
}


def test_no_file_of_the_project_holds_a_secret() -> None:
    files = project_files()
    assert ROOT / "infra" / "main.bicep" in files
    assert secrets_in(ROOT, files) == []


@pytest.mark.parametrize("shape", MISTAKES)
def test_a_secret_in_a_file_is_found_and_not_repeated(shape: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(f"one\n{MISTAKES[shape]}\n", encoding="utf-8")
    found = secrets_in(tmp_path, [file])
    assert found
    assert found[0].startswith("settings.json:2: ")
    assert MISTAKES[shape] not in "".join(found)
    assert any(shape in told for told in found)
