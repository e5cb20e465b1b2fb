"""The files outside of the code that name flows, functions, queues or settings, as the code wants them. `make infra`
writes them, a test compares them."""

import json
import re
from collections.abc import Mapping

from shared.flows.registry import FLOWS
from shared.settings import SCHEDULE, schedules
from tests.infra.names import names, timers
from tests.support.project import ROOT

NAMES = "infra/names.json"
PARAMETERS = "infra/main.parameters.json"
EXAMPLE = "local.settings.json.example"
LAUNCH = ".vscode/launch.json"
FORM = ".github/ISSUE_TEMPLATE/bug.yml"


def derived() -> Mapping[str, str]:
    """Each file, by its path, with the text that it should have."""
    return {
        NAMES: _json(names()),
        PARAMETERS: _parameters(),
        EXAMPLE: _example(),
        LAUNCH: _replaced(LAUNCH, r'(?<="options": \[\n)(?: +"\w+",?\n)+', _options()),
        FORM: _replaced(FORM, r"(?<=label: Which flow\?\n      multiple: true\n      options: )\[.*\]", _flows()),
    }


def write() -> list[str]:
    """Write them; the paths of those that were not as they should be."""
    other = {path: text for path, text in derived().items() if _text(path) != text}
    for path, text in other.items():
        (ROOT / path).write_text(text, encoding="utf-8")
    return sorted(other)


def _parameters() -> str:
    """What azd passes on: every setting under its own name."""
    content = json.loads(_text(PARAMETERS))
    content["parameters"]["settings"]["value"] = {name: f"${{{name}}}" for name in names()["settings"]}
    return _json(content)


def _example() -> str:
    """The settings of a developer: the host needs every schedule."""
    content = json.loads(_text(EXAMPLE))
    kept = {name: value for name, value in content["Values"].items() if not name.endswith(SCHEDULE)}
    content["Values"] = {**kept, **schedules(FLOWS.settings)}
    return _json(content)


def _options() -> str:
    return ",\n".join(f'        "{name}"' for name in timers()) + "\n"


def _flows() -> str:
    return f"[{', '.join(FLOWS.names)}]"


def _replaced(path: str, pattern: str, by: str) -> str:
    """A file with the one place of this form replaced. Raises LookupError where there is no such place, or another."""
    text, count = re.subn(pattern, lambda _: by, _text(path))
    if count != 1:
        raise LookupError(f"{path} has {count} places of the form {pattern}")
    return text


def _json(content: object) -> str:
    return json.dumps(content, indent=2) + "\n"


def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
