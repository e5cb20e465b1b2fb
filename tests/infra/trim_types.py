"""Cut a file of resource types down to those that the templates use: python -m tests.infra.trim_types WHOLE.json

The whole file has the same form: types of Azure/bicep-types-az by name (data/README.md).
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.infra.deployment import deploy
from tests.infra.resource_types import FILE
from tests.infra.templates import WHOLE


def trimmed(whole: Mapping[str, Any], used: set[str]) -> dict[str, Any]:
    """Only the used resource types, with everything that they refer to, without descriptions."""
    resources = {name: {"body": whole["resources"][name]["body"]} for name in sorted(used)}
    types: dict[str, Any] = {}
    open_ = [of["body"] for of in resources.values()]
    while open_:
        name = open_.pop()
        if name not in types:
            types[name] = _without_texts(whole["types"][name])
            open_ += list(_references(types[name]))
    return {"resources": resources, "types": dict(sorted(types.items()))}


def _without_texts(of: Any) -> Any:
    match of:
        case dict():
            return {name: _without_texts(value) for name, value in of.items() if name != "d" or isinstance(value, dict)}
        case list():
            return [_without_texts(value) for value in of]
    return of


def _references(of: Any) -> Iterator[str]:
    match of:
        case {"ref": str() as name}:
            yield name
        case dict():
            for value in of.values():
                yield from _references(value)
        case list():
            for value in of:
                yield from _references(value)


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    names = {resource.type for resource in deploy(environment=WHOLE).resources}
    FILE.write_text(json.dumps(trimmed(given, names), indent=1) + "\n", encoding="utf-8")
