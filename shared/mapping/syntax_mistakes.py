"""What is wrong with the text of a map document, in words: where it is, what stands there, and what helps.

The parsers speak of tokens, scalars and flow nodes, and quote the text, which may be secret. So only signs of the
language itself are shown here.
"""

import json
import re
from typing import NamedTuple

import yaml
from yaml.reader import Reader

_BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_CLOSE = "close it, or put the whole text in quotes"
_QUOTE = "put the whole text in quotes"
_INDENT = "indent the entries of one object alike"
_ESCAPE = 'write a quote within a text as \\"'
# What Python says of a text that is no JSON, as it begins.
_JSON = {
    "Expecting property name": ("a name in double quotes is missing", "write it, or remove a comma before a brace"),
    "Expecting ',' delimiter": ("a comma or a closing bracket is missing", f"write it; {_ESCAPE}"),
    "Expecting ':' delimiter": ("the colon after a name is missing", "write it"),
    "Illegal trailing comma": ("a comma stands before a closing bracket", "remove it"),
    "Expecting value": ("a value is missing", "write one; a text is in double quotes"),
    "Extra data": ("something follows the end of the document", "remove it"),
    "Unterminated string": ("a text begins whose quote is not closed", f"close it; {_ESCAPE}"),
    "Invalid control character": ("a text holds a line break or a tab", "write \\n or \\t"),
    "Invalid \\": ("a backslash begins no escape", "write \\\\ for a backslash"),
}


class _Kind(NamedTuple):
    """One kind of mistake: the pattern of what the parsers say, what stands there in words, and what helps. With
    `from_start` the mistake is told where the part begins that has it, such as a text with an open quote."""

    pattern: str
    what: str
    helps: str
    from_start: bool = False


# The first that is found counts. Of YAML's two parsers each words a few of them otherwise.
_YAML = (
    _Kind("tab at the place", "a tab stands where only blanks may", "write blanks instead"),
    _Kind("quoted scalar: .*(stream|document)", "a text begins whose quote is not closed", _CLOSE, from_start=True),
    _Kind("quoted scalar", "a backslash begins no escape", "write \\\\ for it, or put the text in single quotes"),
    _Kind(
        "flow sequence", "a comma or ']' is missing after the '[' of {start}", "write it; a text with [ needs quotes"
    ),
    _Kind(
        "flow mapping", "a comma or '}}' is missing after the '{{' of {start}", "write it; a text with { needs quotes"
    ),
    _Kind("simple key.*.*begins with a bracket", "{sign} begins and is not closed", _CLOSE, from_start=True),
    _Kind("simple key", "this line has no colon after a name", "write NAME: VALUE, or indent it", from_start=True),
    _Kind("(an alias|an anchor|a tag|a block scalar|tag handle)", "{sign} begins a value", _QUOTE, from_start=True),
    _Kind("directive|incompatible", "a line that begins with '%' is no part of a map document", "remove it"),
    _Kind("mapping values.*.*after a colon", "a colon with a blank behind it stands in a value", _QUOTE),
    _Kind("mapping values", "this entry is indented deeper than those before it", _INDENT),
    _Kind("sequence entries", "an item of a list stands in the line of a name", "begin a new line for it"),
    _Kind(
        "document start", "something follows the end of the document", "remove it, or put a text with quotes in others"
    ),
    _Kind("block collection", "something stands between the items of a list", "begin it with '- ', or indent it more"),
    _Kind("block mapping.*.*first in its line", "this line is not indented as those before it", _INDENT),
    _Kind("block mapping", "something follows the end of a value", _QUOTE),
    _Kind("any token|node content", "{sign} stands where a value begins", _QUOTE),
    _Kind("", "what stands there is not YAML", "a text with a colon, a quote or a # needs quotes"),
)


def of_json(wrong: json.JSONDecodeError) -> str:
    """Why a text is not JSON, in a sentence."""
    found = next((told for begin, told in _JSON.items() if wrong.msg.startswith(begin)), None)
    what, helps = found or ("what stands there is not JSON", "correct it")
    return f"line {wrong.lineno}, column {wrong.colno}: {what}; {helps}"


def of_yaml(wrong: yaml.YAMLError | UnicodeError, text: str) -> str:
    """Why a text is not YAML, in a sentence."""
    if not isinstance(wrong, yaml.MarkedYAMLError) or wrong.problem_mark is None:
        return _of_character(text)
    end, start = wrong.problem_mark, wrong.context_mark or wrong.problem_mark
    said = "; ".join([f"{wrong.context}: {wrong.problem}", *_facts(_line(end, text), end.column, _sign(start, text))])
    kind = next(each for each in _YAML if re.search(each.pattern, said))
    place = start if kind.from_start else end
    sign = _sign(place, text)
    what = kind.what.format(sign=repr(sign) if sign else "the end of the document", start=_where(start))
    return f"{_where(place)}: {what}; {kind.helps}"


def _facts(line: str, column: int, sign_at_start: str) -> list[str]:
    """What the patterns ask beside the words of the parsers."""
    before = line[:column]
    facts = {
        "tab at the place": line[column : column + 1] == "\t",
        "begins with a bracket": sign_at_start in {"[", "{"},
        "after a colon": ": " in before,
        "first in its line": not before.strip(),
    }
    return [fact for fact, holds in facts.items() if holds]


def _of_character(text: str) -> str:
    found = Reader.NON_PRINTABLE.search(text)
    helps = "write it as an escape in double quotes"
    if found is None:
        return f"it holds a character that YAML does not take; {helps}"
    lines = _BREAKS.split(text[: found.start()])
    code = f"U+{ord(found.group()):04X}"
    return f"line {len(lines)}, column {len(lines[-1]) + 1}: YAML does not take the character {code}; {helps}"


def _where(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _line(mark: yaml.Mark, text: str) -> str:
    lines = _BREAKS.split(text)
    return lines[mark.line] if mark.line < len(lines) else ""


def _sign(mark: yaml.Mark, text: str) -> str:
    """The sign at a place; empty at the end of a line."""
    return _line(mark, text)[mark.column : mark.column + 1]
