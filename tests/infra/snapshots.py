"""What a deployment makes of the templates, as Microsoft's compiler predicts it: infra/snapshots.

`make infra` writes the snapshots, and a test holds them to the templates wherever there is a compiler. So whatever
reads them needs none. What only a deployment knows, such as an address, stays an expression in brackets.
"""

import copy
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.project import ROOT

INFRA = ROOT / "infra"
SNAPSHOTS = INFRA / "snapshots"
DEFAULT, NETWORK = "default", "network"
"""What azd makes when only that is given that has no default; and everything that can be asked for."""
_CARRIED = ("infra", "azure.yaml", "host.json")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as it is sent to Azure."""

    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Its type, such as Microsoft.Storage/storageAccounts."""
        return str(self.body["type"])

    @property
    def id(self) -> str:
        """Where it lies."""
        return str(self.body["id"])

    @property
    def name(self) -> str:
        """Its own name, without those of its parents."""
        return last_name(str(self.body["name"]))

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its properties, empty where it has none."""
        found: Mapping[str, Any] = self.body.get("properties") or {}
        return found


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a deployment makes."""

    content: Mapping[str, Any]

    @property
    def resources(self) -> list[Resource]:
        """Every resource."""
        return [Resource(body) for body in self.content["predictedResources"]]

    def of(self, kind: str) -> list[Resource]:
        """The resources of a type."""
        return [resource for resource in self.resources if resource.kind == kind]

    def one(self, kind: str, name: str = "") -> Resource:
        """The resource of a type that there is once, or that has a name."""
        (found,) = (resource for resource in self.of(kind) if name in ("", resource.name))
        return found

    @property
    def app_settings(self) -> Mapping[str, str]:
        """The settings that the app gets."""
        return self.one("Microsoft.Web/sites/config", "appsettings").properties

    def changed(self, change: Callable[[Any], object]) -> "Snapshot":
        """The same with a mistake: `change` gets the resources by type and name, as in `of["TYPE/NAME"]`."""
        content: Any = copy.deepcopy(self.content)
        change({f"{body['type']}/{last_name(body['name'])}": body for body in content["predictedResources"]})
        return Snapshot(content)


def last_name(name: str) -> str:
    """The last part of a name; one that only a deployment knows stays an expression."""
    return name if name.startswith("[") else name.rpartition("/")[2]


def read_snapshot(name: str, folder: Path = SNAPSHOTS) -> Snapshot:
    """A snapshot by the name of its parameters file."""
    return Snapshot(json.loads((folder / f"{name}.snapshot.json").read_text(encoding="utf-8")))


def parameters_files(infra: Path = INFRA) -> list[Path]:
    """The parameters of each snapshot."""
    return sorted((infra / "snapshots").glob("*.bicepparam"))


def copied(folder: Path) -> Path:
    """A copy of what is deployed, for mistakes; the folder of the copy."""
    for name in _CARRIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def change(file: Path, old: str, new: str) -> None:
    """Make a mistake in a file: `old` must stand there."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{old!r} does not stand in {file.name} any more: choose another mistake"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
