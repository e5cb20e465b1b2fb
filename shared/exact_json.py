"""JSON whose numbers stay exact: a fraction is a Decimal when read and is written digit by digit, never a float.

It is the parser of every border: answers of both systems, queue messages, documents, and cells of our tables.
"""

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from shared.records import Json
from shared.visible import whole_characters

MAX_DEPTH = 64
"""How deep lists and objects may be nested; an answer of either system has less than ten levels."""
MAX_EXPONENT = 400
"""How many digits a fraction may have before or behind its point by its exponent; a double has 308 at most."""


class NotJson(ValueError):
    """A text is not JSON, or is beyond any sensible size; the message says what, and shows nothing of it."""


# `json.dumps` would make an encoder for each text. This one is written in C; it knows no Decimal.
_without_decimals = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def loads(text: str | bytes) -> Json:
    """Parse JSON text. Raises ValueError for anything that is not JSON, NaN and Infinity included; NotJson, which is
    one, also for what is nested deeper than MAX_DEPTH and for a fraction beyond MAX_EXPONENT."""
    try:
        written = text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass")
        value: Json = _decode(written)
    except RecursionError:
        value = None
        too_deep = True
    else:
        # Most texts have fewer brackets than levels are allowed.
        too_deep = written.count("[") + written.count("{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH)
    if too_deep:
        raise NotJson(f"it is nested deeper than {MAX_DEPTH} levels")
    return value


def dumps(value: Json) -> str:
    """Write JSON without blanks and without exponents; keys keep their order. Half of a surrogate pair is written as
    its number, so that every text can be stored and read back unchanged."""
    return whole_characters(_written(value))


def encoded(value: Json) -> bytes:
    """The same for a request. Raises UnicodeEncodeError for half of a surrogate pair, which no system takes."""
    return _written(value).encode()


def indented(value: Json) -> str:
    """The same as a text for people: each entry has a line of its own, and two more blanks before it than its object
    or list."""
    return whole_characters(_indented(value, ""))


def with_member(text: str, name: str, value: Json) -> str:
    """The text of a JSON object that has members, with one of them replaced, or added at the end: every other character
    stays as it is."""
    written = indented(value).replace("\n", "\n  ")
    end = 0
    for key, begin, end in _members(text):
        if key == name:
            return f"{text[:begin]}{written}{text[end:]}"
    return f"{text[:end]},\n  {_without_decimals(name)}: {written}{text[end:]}"


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """The members of a JSON object: the name of each, and where its value begins and ends."""
    scan = json.JSONDecoder().raw_decode
    at = text.index("{")
    while text[at] != "}":
        key, at = scan(text, _filled(text, at + 1))
        begin = _filled(text, _filled(text, at) + 1)
        end = scan(text, begin)[1]
        yield key, begin, end
        at = _filled(text, end)


def _filled(text: str, at: int) -> int:
    """The next place that holds no white space."""
    while text[at].isspace():
        at += 1
    return at


def _written(value: Json) -> str:
    try:
        return _without_decimals(value)
    except TypeError:
        return _digit_by_digit(value)


def _digit_by_digit(value: Json) -> str:
    # Texts are most of a record, and come first.
    if isinstance(value, str):
        return _without_decimals(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        members = [f"{_without_decimals(key)}:{_digit_by_digit(each)}" for key, each in value.items()]
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_digit_by_digit, value)) + "]"
    if type(value) is int:
        # The encoder would be made anew for each number.
        return str(value)
    return _without_decimals(value)


def _indented(value: Json, blanks: str) -> str:
    deeper = f"{blanks}  "
    match value:
        case list() if value:
            entries = [_indented(each, deeper) for each in value]
            begin, end = "[]"
        case dict() if value:
            entries = [f"{_without_decimals(key)}: {_indented(each, deeper)}" for key, each in value.items()]
            begin, end = "{}"
        case _:
            return _written(value)
    lines = ",\n".join(f"{deeper}{entry}" for entry in entries)
    return f"{begin}\n{lines}\n{blanks}{end}"


def _is_deeper(value: Json, most: int) -> bool:
    """Level by level: a walk that calls itself would end where Python's own limit is."""
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(most):
        if not level:
            return False
        level = [
            part
            for each in level
            for part in (each.values() if isinstance(each, dict) else each)
            if isinstance(part, list | dict)
        ]
    return bool(level)


def _fraction(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("Infinity")
    if not number.is_finite() or abs(number.adjusted()) > MAX_EXPONENT:
        raise NotJson(f"a number has more than {MAX_EXPONENT} digits by its exponent")
    return number


def _refuse(constant: str) -> Json:
    raise NotJson(f"{constant} is not JSON")


# `json.loads` would make a decoder for each text.
_decode = json.JSONDecoder(parse_float=_fraction, parse_constant=_refuse).decode
