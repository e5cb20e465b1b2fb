"""JSON files of an app, as editors save them. They may hold keys, so no message shows any of their content."""

import json
from pathlib import Path

from local.host.errors import SettingsInvalid

HIDDEN = "set (its value is not shown)"


def read_document(path: Path, missing: str) -> object:
    """The content of a JSON file; `missing` is the remedy if it does not exist. Raises SettingsInvalid without a
    chained error of the parser, which would hold the whole document."""
    try:
        content = path.read_bytes()
        return json.loads(content.decode(json.detect_encoding(content)).removeprefix("\ufeff"))
    except FileNotFoundError:
        refusal = f"{path} does not exist: {missing}"
    except OSError as error:
        refusal = f"{path} cannot be read ({error.strerror}): name a file that you may read"
    except UnicodeError:
        refusal = f"{path} is neither UTF-8 nor UTF-16: save it as UTF-8"
    except json.JSONDecodeError as error:
        refusal = f"{path} is not JSON: look at line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError):
        refusal = f"{path} is not JSON that can be read: a number is too long, or it is nested too deeply"
    raise SettingsInvalid(refusal)
