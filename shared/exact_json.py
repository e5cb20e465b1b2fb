"""JSON whose numbers stay exact: a fraction is a Decimal when read and is written digit by digit, never a float."""

import json
from decimal import Decimal

from shared.records import Json

# `json.dumps` would make an encoder for each text.
_text = json.JSONEncoder(ensure_ascii=False).encode


def loads(text: str | bytes) -> Json:
    """Parse JSON text. Raises ValueError for anything that is not JSON, NaN and Infinity included."""
    value: Json = json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    return value


def dumps(value: Json) -> str:
    """Write JSON without blanks and without exponents; keys keep their order."""
    match value:
        case None | bool() | int():
            return json.dumps(value)
        case str():
            return _text(value)
        case Decimal():
            return format(value, "f")
        case list():
            return "[" + ",".join(map(dumps, value)) + "]"
        case dict():
            return "{" + ",".join(f"{_text(key)}:{dumps(of)}" for key, of in value.items()) + "}"


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is not JSON")
