"""What is wrong with the form of a map document, in words: what pydantic refuses, told by place, value and remedy."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from shared.discretion import named, placed, shown
from shared.mapping.spelling import nearest

# Parts of a place that are pydantic's names for the branches of a union.
_BRANCHES = frozenset({"str", "bool", "int", "decimal", "constrained-int"})
# What pydantic puts behind the name of an entry if the name itself is wrong.
_NAME = "[key]"
# The branch of a union whose message names every kind of value.
_ANY_VALUE = "bool_type"
_QUOTED = re.compile("'([^']+)'")
# The forms of an entry of `fields` that are no words.
_NO_WORDS = ("ownership", "override")
# An entry of `fields` is at: fields, mapping, field, branch.
_DEPTH_OF_ENTRIES = 4
_PATTERNS = {
    r"\S": "write at least one character that is not blank",
    r"^[A-Z]{2}$": "write the ISO 3166 code, two capital letters such as US",
    r"^[A-Z]{3}$": "write the ISO 4217 code, three capital letters such as USD",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "write the logical name of a column of that table, such as accountnumber",
    r"^[a-z][a-z0-9_]*$": "write small letters, digits and underscores, such as pilot",
    r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$": "write the logical name of a column, such as "
    "industrycode, or of one behind a lookup, such as primarycontactid.fullname",
}
_KINDS = {
    "string_type": "a text in quotes",
    "string_too_short": "at least one character",
    "string_too_long": "at most ten characters",
    "dict_type": "an object in braces",
    "model_type": "an object in braces",
    "list_type": "a list in brackets",
    "bool_type": "true, false, a text or a number",
    "int_type": "a whole number without quotes",
    "is_instance_of": "a number",
    "greater_than": "a whole number above 0, or null for no limit",
    "greater_than_equal": "a whole number from 0 to 6",
    "less_than_equal": "a whole number from 0 to 6",
}


def mistakes_of_form(invalid: ValidationError, model: type[BaseModel]) -> list[str]:
    """Each mistake once, by its place, value and remedy: a value that fits no branch of a union is told as one."""
    found: dict[tuple[str, bool], str] = {}
    for error in invalid.errors():
        place = _place(error["loc"])
        at = place, _is_of_name(error)
        if at not in found or error["type"] == _ANY_VALUE:
            found[at] = _mistake(error, place, model)
    return list(found.values())


def _place(location: Sequence[str | int]) -> str:
    """Where a mistake is: the names and positions that lead there, from 0. A mistake of a name has the place of what it
    names."""
    return ".".join(placed(part) for part in location if part != _NAME and not _is_branch(part)) or "the document"


def _is_branch(part: str | int) -> bool:
    """Whether a part of a place is only the name of a branch of a union."""
    return part in _BRANCHES or str(part).startswith(("<", "list["))


def _mistake(error: Mapping[str, Any], place: str, model: type[BaseModel]) -> str:
    """A mistake by its place, value and remedy."""
    match error["type"]:
        case "union_tag_invalid":
            words = re.findall(r"<(\w+)>", error["ctx"]["expected_tags"])
            wrong = error["ctx"]["tag"].strip("<>")
            words = [word for word in words if word not in _NO_WORDS]
            return f"{place}.word is {shown(wrong)}: write {', '.join(words)}{_meant(wrong, words)}"
        case "missing":
            # A document is read as a whole: a part that somebody forgot must not be the one that ships.
            whole = (
                "" if "." in place else "begin with a copy of shared/mapping/value_maps.json, which has every part, or "
            )
            return f"{place} is missing: {whole}add it"
        case "extra_forbidden":
            *within, name = error["loc"]
            known = _names_at(model, within)
            entry = _entry_called(within)
            if not entry:
                return f"{place} is unknown: correct the name, or remove it{_meant(str(name), known)}"
            helps = "remove it" if "word" in known else "give it a `word`, or remove it"
            helps += f"{_meant(str(name), known)}; it takes {', '.join(known)}"
            return f"{place}: {entry} takes no `{named(name)}`: {helps}"
    value = error["input"]
    if error["type"] == "value_error" and (_is_of_name(error) or isinstance(value, dict | list)):
        # Its own sentence says what is wrong.
        return f"{place}: {_remedy(error)}"
    if _is_of_name(error):
        return f"{place} is {'unknown' if error['type'] == 'literal_error' else 'a wrong name'}: {_remedy(error)}"
    return f"{place} is {'empty' if value is None else shown(value)}: {_remedy(error)}"


def _is_of_name(error: Mapping[str, Any]) -> bool:
    """Whether the name of an entry is wrong, and not its value."""
    return tuple(error["loc"][-1:]) == (_NAME,)


def _entry_called(place: Sequence[str | int]) -> str:
    """What an entry of `fields` at a place is called: its last part is its branch. Empty for any other place."""
    if len(place) != _DEPTH_OF_ENTRIES or place[0] != "fields":
        return ""
    word = str(place[-1]).strip("<>")
    return "an entry without a `word`" if word in _NO_WORDS else f"`{word}`"


def _meant(name: str, known: Iterable[str]) -> str:
    """Which known name was meant, to be told after the remedy; empty if none is like it."""
    close = nearest(name, known)
    return f" (did you mean {close}?)" if close else ""


def _names_at(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The names that a part of the document at a place may have."""
    found: list[Any] = [model]
    for part in place:
        if str(part).startswith("<"):
            of_word = [each for each in found if _is_part(each) and _is_of_word(each, str(part).strip("<>"))]
            found = of_word or found
        elif not _is_branch(part):
            found = [inner for each in found for inner in _inside(each, part)]
    return [field.alias or name for each in found if _is_part(each) for name, field in each.model_fields.items()]


def _is_of_word(form: type[BaseModel], word: str) -> bool:
    """Whether an entry of `fields` has this form if it has this word, or none."""
    own = form.model_fields.get("word")
    return word in _NO_WORDS if own is None else word in get_args(own.annotation)


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    """The types of what is in a value of this type under a name, or at a position."""
    if _is_part(kind):
        yield from (
            each
            for name, field in kind.model_fields.items()
            if part in (name, field.alias)
            for each in _branches(field.annotation)
        )
    elif arguments := get_args(kind):
        yield from _branches(arguments[-1])


def _branches(kind: Any) -> Iterator[Any]:
    """The types that a value of this type may be of."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _branches(get_args(kind)[0])
    elif origin in (Union, UnionType):
        yield from (branch for each in get_args(kind) for branch in _branches(each))
    else:
        yield kind


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _remedy(error: Mapping[str, Any]) -> str:
    context: Mapping[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "string_pattern_mismatch":
            return _PATTERNS[context["pattern"]]
        case "literal_error":
            expected = str(context["expected"])
            return f"write {expected}{_meant(str(error['input']), _QUOTED.findall(expected))}"
        case "value_error":
            return str(error["msg"]).removeprefix("Value error, ")
        case "too_short":
            return f"write at least {context['min_length']} of them"
        case kind if kind in _KINDS:
            return f"write {_KINDS[kind]}"
    return str(error["msg"])
