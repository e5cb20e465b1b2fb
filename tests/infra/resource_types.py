"""Resource types as Azure publishes them: which properties there are, and what they take."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.infra.expressions import Runtime

FILE = Path(__file__).parent / "data" / "bicep-types.json"
_OF_BICEP = frozenset({"scope", "parent", "dependsOn"})
# A truth value is an int, too: what comes first counts.
_KINDS = ((dict, "object"), (list, "array"), (bool, "bool"), (int, "int"), (str, "string"))


class ResourceTypes:
    """The types that the templates may use."""

    def __init__(self, file: Path = FILE) -> None:
        content = json.loads(file.read_text(encoding="utf-8"))
        self._types: Mapping[str, Any] = content["types"]
        self._resources: Mapping[str, Any] = content["resources"]

    def unknown(self, name: str) -> str:
        """What is wrong with a type and its version, empty when it is known."""
        if name in self._resources:
            return ""
        kind, _, version = name.partition("@")
        others = sorted(known.partition("@")[2] for known in self._resources if known.partition("@")[0] == kind)
        if others:
            return f"the API version {version!r} of {kind} is not known; use {' or '.join(others)}"
        return f"the resource type {kind!r} is not known; correct it, or add it to {FILE.name}"

    def mistakes(self, name: str, body: Mapping[str, Any], *, existing: bool) -> Iterator[str]:
        """What is wrong with the properties of a resource of a known type."""
        given = {key: value for key, value in body.items() if key not in _OF_BICEP}
        yield from self._object(given, {"ref": self._resources[name]["body"]}, "", complete=not existing, top=True)

    def readable(self, name: str, path: list[str]) -> bool:
        """Whether a resource of a known type has such a property to read."""
        of: Mapping[str, Any] | None = {"ref": self._resources[name]["body"]}
        for step in path:
            described = self._types[of["ref"]] if of is not None and "ref" in of else {}
            if not described or "variants" in described or "additional" in described:
                return True
            of = described["properties"].get(step)
            if of is None:
                return False
        return True

    def _object(
        self, value: Mapping[str, Any], of: Mapping[str, Any], where: str, *, complete: bool, top: bool = False
    ) -> Iterator[str]:
        described = self._types[of["ref"]]
        known, other = self._properties(described, value), described.get("additional")
        for name, given in value.items():
            place = f"{where}.{name}".lstrip(".")
            property_ = known.get(name, other)
            if property_ is None:
                yield f"the property {place!r} is not known{_near(name, known)}"
            elif property_.get("readOnly") and not (top and name == "name"):
                yield f"the property {place!r} can only be read; remove it"
            else:
                yield from self._value(given, property_, place)
        if complete:
            yield from (f"the property {f'{where}.{name}'.lstrip('.')!r} is missing" for name in _needed(known, value))

    def _properties(self, described: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
        known = dict(described.get("properties", {}))
        variant = described.get("variants", {}).get(value.get(described.get("discriminator", "")))
        return {**known, **self._types[variant["ref"]].get("properties", {})} if variant else known

    def _value(self, value: Any, of: Mapping[str, Any], place: str) -> Iterator[str]:
        if value is None or "anyOf" in of or of.get("t") == "any":
            return
        expected = "object" if "ref" in of else "string" if "enum" in of else of.get("t")
        if _kind(value) != expected:
            yield f"the property {place!r} takes {expected} and is {value!r}"
        elif isinstance(value, dict):
            yield from self._object(value, of, place, complete=True)
        elif isinstance(value, list):
            for item in value:
                yield from self._value(item, of["items"], f"{place}[]")
        else:
            yield from _scalar(value, of, place)


def _kind(value: Any) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "something else")


def _scalar(value: str | int, of: Mapping[str, Any], place: str) -> Iterator[str]:
    if isinstance(value, Runtime):
        return
    if "enum" in of and value not in of["enum"]:
        yield f"the property {place!r} is {value!r}; it takes {', '.join(map(repr, of['enum']))}"
    if isinstance(value, str):
        if "pattern" in of and not re.search(of["pattern"], value):
            yield f"the property {place!r} is {value!r}; it must match {of['pattern']}"
        if not of.get("minLength", 0) <= len(value) <= of.get("maxLength", len(value)):
            yield f"the property {place!r} is {value!r}: {len(value)} characters are not allowed"
    elif not of.get("minValue", value) <= value <= of.get("maxValue", value):
        yield f"the property {place!r} is {value}; it takes {of.get('minValue')} to {of.get('maxValue')}"


def _needed(known: Mapping[str, Any], value: Mapping[str, Any]) -> Iterator[str]:
    for name, of in known.items():
        if of.get("required") and not of.get("readOnly") and name not in value:
            yield name


def _near(name: str, known: Mapping[str, Any]) -> str:
    like = [other for other in known if other.lower() == name.lower()]
    return f"; write {like[0]!r}" if like else "; correct or remove it"


@cache
def resource_types() -> ResourceTypes:
    """The types that are carried here."""
    return ResourceTypes()
