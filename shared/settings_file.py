"""Settings in a file of the form of local.settings.json. It holds keys: nothing of its content stands in a message."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from shared.discretion import named
from shared.errors import FileUnreadable, SettingsInvalid
from shared.text_files import MISSING, read_text


class ValuesInvalid(SettingsInvalid):
    """Some values of a file cannot be settings. `others` are those that can, and what stands in for the rest: with them
    a caller finds every other mistake, too."""

    def __init__(self, message: str, others: Mapping[str, str]) -> None:
        super().__init__(message)
        self.others = others


def read_settings_file(file: Path, *, if_missing: str = MISSING) -> dict[str, str]:
    """The settings of a file by name. Raises SettingsInvalid, in one sentence with the file, in quotes where a shell
    wants them, and the remedy; ValuesInvalid if only values are wrong. `if_missing` is the remedy for a file that does
    not exist."""
    quoted = shlex.quote(str(file))
    document = _document(file, quoted, if_missing)
    if not isinstance(document, dict) or not isinstance(document.get("Values"), dict):
        raise SettingsInvalid(
            f'{quoted} has no object "Values": put the settings there, as in local.settings.json.example'
        )
    if document.get("IsEncrypted") is True:
        raise SettingsInvalid(f"{quoted} is encrypted: run `func settings decrypt` first")
    values: Mapping[str, object] = document["Values"]
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    wrong = sorted(named(name) for name in values.keys() - texts.keys())
    damaged = sorted(named(name) for name, value in texts.items() if not _can_be_set(name) or not _can_be_set(value))
    mistakes = [f"the values of {', '.join(wrong)} must be strings: put them in quotes"] if wrong else []
    mistakes += [f"{', '.join(damaged)} holds a character that no setting may have: correct it"] if damaged else []
    if mistakes:
        numbers = {name: json.dumps(value) for name, value in values.items() if isinstance(value, int | float)}
        usable = {name: value for name, value in {**texts, **numbers}.items() if _can_be_set(name + value)}
        raise ValuesInvalid(f"{quoted}: {'; '.join(mistakes)}", usable)
    return texts


def _can_be_set(text: str) -> bool:
    """Whether a variable of the environment takes it."""
    return "\0" not in text and text.encode("utf-8", "ignore").decode() == text


def _document(file: Path, name: str, if_missing: str) -> object:
    # Errors of the parser hold the whole document, so none of them is chained.
    try:
        return json.loads(read_text(file, name, if_missing=if_missing))
    except FileUnreadable as unreadable:
        refusal = str(unreadable)
    except json.JSONDecodeError as wrong:
        refusal = f"{name} is not JSON: look at line {wrong.lineno}, column {wrong.colno}"
    except (ValueError, RecursionError):
        refusal = f"{name} is not JSON that can be read: a number is too long, or it is nested too deeply"
    raise SettingsInvalid(refusal)
