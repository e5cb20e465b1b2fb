"""What a message may show of a value.

A setting may hold a key or a password, and so may a value that was put there by mistake. So one rule applies to every
message about settings and the files that they name: a value is shown only where its kind cannot hold a
secret (a choice, a number, a schedule, a code), and only when it also looks harmless, which is short words and numbers.
It is shown whole or not at all: part of a secret is also a secret. An address, a connection string and the content of a
file that could not be read are never shown. No error that carries such a value is chained.
"""

import re
from decimal import Decimal

HIDDEN = "set (its value is not shown)"
_LONGEST = 64
# Words of letters may be long, also with the end of a sentence or a year behind them; with digits and signs among them,
# what is long may be a key. An operator has signs only.
_RUN = re.compile(r"[^\W\d]{0,40}(?:[!?]|[_-]\d{1,4})?|[\w.:*/%+\-'’()&$\[\]]{1,16}|[<>=!&|~^]{1,3}")


def is_harmless(text: str) -> bool:
    """Whether a text looks like words and numbers, and not like a key."""
    runs = re.split(r"[ ,]", text)
    return len(text) <= _LONGEST and text.isprintable() and all(_RUN.fullmatch(run) for run in runs)


def shown(value: object) -> str:
    """A value of a kind that cannot hold a secret, for a message."""
    match value:
        case None | bool():
            return repr(value)
        case str():
            return repr(value) if is_harmless(value) else HIDDEN
        case int() | float() | Decimal():
            return str(value) if is_harmless(str(value)) else HIDDEN
        case list():
            return "a list"
        case dict():
            return "an object"
    return HIDDEN


def named(name: object) -> str:
    """The name of an entry of a document, for a message."""
    text = str(name)
    return text if is_harmless(text) else "(a name that is not shown)"


def placed(name: object) -> str:
    """The name of an entry, or a position, as a part of a place in a document: one that would not be seen is quoted."""
    return named(name) if str(name).strip() else repr(str(name))
