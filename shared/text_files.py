"""Text files as editors save them: UTF-8 with or without a byte order mark, UTF-16, UTF-32."""

import json
from pathlib import Path

from shared.errors import FileUnreadable

MISSING = "create it, or name another file"


def read_text(file: Path, name: str, *, if_missing: str = MISSING) -> str:
    """The text of a file that is called `name` in messages. Raises FileUnreadable; `if_missing` is what helps where
    there is no such file."""
    # Python's errors hold what they could not decode, so none of them is chained.
    try:
        return decoded(file.read_bytes())
    except UnicodeError:
        refusal = f"{name} is neither UTF-8 nor UTF-16: save it as UTF-8"
    except FileNotFoundError:
        refusal = f"{name} does not exist: {if_missing}"
    except OSError as wrong:
        refusal = f"{name} cannot be read ({wrong.strerror}): name a file that you may read"
    except ValueError:
        refusal = f"{name} cannot be read: its name holds a character that no name may have"
    raise FileUnreadable(refusal)


def decoded(content: bytes) -> str:
    """The text of these bytes, by their byte order mark or their pattern. Raises UnicodeError for another encoding."""
    return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
