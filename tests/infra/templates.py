"""The templates of the project, as a whole and with mistakes in them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
_CARRIED = ("infra", "azure.yaml", "host.json", ".funcignore", "requirements.txt")

MINIMAL: Mapping[str, str] = {
    "AZURE_ENV_NAME": "contoso-test",
    "AZURE_LOCATION": "westeurope",
    "DATAVERSE_URL": "https://contoso.crm4.dynamics.com",
    "FINOPS_URL": "https://contoso.operations.dynamics.com",
    "COMPANY": "usmf",
    "ALERT_EMAIL": "first@contoso.com",
}
"""What azd knows when only that is given that has no default."""

WHOLE: Mapping[str, str] = {
    **MINIMAL,
    "USE_VIRTUAL_NETWORK": "true",
    "OPERATOR_GROUP_ID": "operators",
    "MORE_ALERT_EMAILS": '["second@contoso.com"]',
}
"""Everything that can be asked for."""


def copied(folder: Path) -> Path:
    """A copy of what is deployed, for mistakes; the folder of the copy."""
    for name in _CARRIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy(source, folder / name)
    return folder


def change(file: Path, old: str, new: str) -> None:
    """Make a mistake in a file: `old` must stand there."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{old!r} does not stand in {file.name} any more: choose another mistake"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
