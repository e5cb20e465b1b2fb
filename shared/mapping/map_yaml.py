"""YAML that means the same as JSON: the other form of the map document.

A value has the types of JSON and no others. So the country NO is a text and not false, a day is a text and not a date,
and 0012 keeps its zeros. The name of an entry is always a text. What JSON lacks is refused: anchors with their aliases,
tags, several documents, and names that are no texts.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import yaml

from shared import exact_json
from shared.discretion import named, placed
from shared.mapping import syntax_mistakes
from shared.records import Json

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# How a mistake begins that has its line already.
_LINE = re.compile(r"line ([0-9]+): ")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# The parser in C reads ten times as fast; a Python without it has the other.
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class NotYaml(ValueError):
    """A text is no YAML that means JSON; the message says what and in which line, and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`value` is what a text means. `lines` are the lines, from 1, of its places, such as `defaults.site` or
    `units.0.sales`. `doubled` says which names occur twice in one object: their last value counts."""

    value: Json
    lines: Mapping[str, int]
    doubled: tuple[str, ...]


def read(text: str) -> Reading:
    """What a YAML text means. Raises NotYaml."""
    building = _Building()
    try:
        for event in yaml.parse(text, _LOADER):
            building.take(event)
    except (yaml.YAMLError, UnicodeError) as wrong:
        refusal = syntax_mistakes.of_yaml(wrong, text)
    else:
        return building.reading()
    raise NotYaml(refusal)


def dumps(value: Json) -> str:
    """Write YAML that `read` takes for the same value; entries keep their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def with_part(text: str, name: str, value: Json) -> str:
    """The text of an object with one of its entries replaced, or added at the end. Every other line stays as it is,
    with its comments, if the entries begin lines of their own. Raises NotYaml."""
    found = read(text)
    content = found.value if isinstance(found.value, dict) else {}
    wanted = {**content, name: value}
    lines = text.splitlines(keepends=True)
    begins = sorted(found.lines[each] - 1 for each in content if each in found.lines)
    begin = found.lines[name] - 1 if name in found.lines else len(lines)
    end = next((each for each in begins if each > begin), len(lines))
    while end > begin + 1 and not lines[end - 1].partition("#")[0].strip():
        end -= 1
    before = "".join(lines[:begin])
    changed = (before if before.endswith("\n") else f"{before}\n") + dumps({name: value}) + "".join(lines[end:])
    return changed if _means(changed, wanted) else dumps(wanted)


def _means(text: str, value: Json) -> bool:
    try:
        return exact_json.dumps(read(text).value) == exact_json.dumps(value)
    except NotYaml:
        return False


@dataclass
class _Open:
    """A list or object that has begun, at a place. `name` is that of the entry whose value comes next."""

    value: list[Json] | dict[str, Json]
    place: str
    name: str | None = None
    lines: dict[str, int] = field(default_factory=dict)


class _Building:
    """Makes a value of the parser's events, without calling itself: a nesting of any depth is refused, not met."""

    def __init__(self) -> None:
        self._value: Json = None
        self._documents = 0
        self._open: list[_Open] = []
        self._lines: dict[str, list[int]] = {}
        self._doubled: list[str] = []

    def reading(self) -> Reading:
        """What was built. A place that cannot be told from another has no line."""
        lines = {place: found[0] for place, found in self._lines.items() if len(found) == 1}
        return Reading(self._value, lines, tuple(self._doubled))

    def take(self, event: yaml.Event) -> None:
        """Take the next event. Raises NotYaml."""
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                _require(self._documents == 1, event, "a second document begins; remove it")
            case yaml.AliasEvent():
                raise _refusal(event, "an alias (*NAME) has no meaning in JSON; write the value again")
            case yaml.ScalarEvent():
                self._require_plain(event)
                self._take_scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._require_plain(event)
                self._begin(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()

    def _require_plain(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        _require(event.anchor is None, event, "an anchor (&NAME) has no meaning in JSON; remove it")
        _require(event.tag is None, event, "a tag (!NAME) has no meaning in JSON; write a text in quotes instead")

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        within = self._open[-1] if self._open else None
        if within is not None and isinstance(within.value, dict) and within.name is None:
            self._name(within, event)
        else:
            self._put(event, _meant(event))

    def _name(self, within: _Open, event: yaml.ScalarEvent) -> None:
        """The name of an entry: a text, whatever it looks like."""
        line = _line(event)
        first = within.lines.setdefault(event.value, line)
        if event.value in within.value:
            told = f"line {line}: {named(event.value)!r} occurs more than once in one object, first in line {first}"
            self._doubled.append(f"{told}; keep one of them")
        within.name = event.value

    def _begin(self, event: yaml.CollectionStartEvent, value: list[Json] | dict[str, Json]) -> None:
        nested = len(self._open) < exact_json.MAX_DEPTH
        _require(nested, event, f"it is nested deeper than {exact_json.MAX_DEPTH} levels")
        within = self._open[-1] if self._open else None
        is_name = within is not None and isinstance(within.value, dict) and within.name is None
        _require(not is_name, event, "the name of an entry is a list or an object; write a text")
        self._open.append(_Open(value, self._put(event, value)))

    def _put(self, event: yaml.NodeEvent, value: Json) -> str:
        """Put a value where it belongs; the place."""
        if not self._open:
            self._value = value
            return ""
        within = self._open[-1]
        if isinstance(within.value, list):
            part, line = str(len(within.value)), _line(event)
            within.value.append(value)
        else:
            name = within.name or ""
            within.value[name], within.name = value, None
            part, line = placed(name), within.lines[name]
        place = f"{within.place}.{part}" if within.place else part
        self._lines.setdefault(place, []).append(line)
        return place


def _meant(event: yaml.ScalarEvent) -> Json:
    """The value of a scalar: of JSON's types, if it is not in quotes."""
    text = event.value
    if not event.implicit[0]:
        return text
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if not _NUMBER.fullmatch(text):
        return text
    try:
        return exact_json.loads(text)
    except ValueError:
        number = "a number has more digits than any value of either system"
    raise _refusal(event, number)


def _line(event: yaml.Event) -> int:
    assert event.start_mark is not None
    return event.start_mark.line + 1


def _require(holds: bool, event: yaml.Event, otherwise: str) -> None:
    if not holds:
        raise _refusal(event, otherwise)


def _refusal(event: yaml.Event, what: str) -> NotYaml:
    assert event.start_mark is not None
    return NotYaml(f"line {event.start_mark.line + 1}, column {event.start_mark.column + 1}: {what}")


class _Dumper(yaml.SafeDumper):
    """Writes texts in quotes that any reader of YAML would take for something else, and numbers digit by digit."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature is the library's
        """Write the same value twice rather than once with an alias."""
        return True


_NUMBER_TAG = "tag:yaml.org,2002:float"
# The numbers of YAML 1.2 (10.3.2), which an editor reads: to it 08 and 0o7 are numbers.
_NUMBER_OF_ANY = re.compile(r"^(?:0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$")
_Dumper.add_implicit_resolver(_NUMBER_TAG, _NUMBER_OF_ANY, list("-+.0123456789"))
# Line breaks of YAML that are none to an editor.
_RARE_BREAKS = re.compile("[\x85\u2028\u2029]")


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _RARE_BREAKS.search(text) else None)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Decimal, lambda dumper, number: dumper.represent_scalar(_NUMBER_TAG, format(number, "f")))


def located(mistakes: tuple[str, ...], lines: Mapping[str, int]) -> Iterator[str]:
    """Mistakes that begin with their place, each with its line, as far as the place or what holds it has one, in the
    order of the lines; at the end those without one."""
    return iter(sorted(_with_lines(mistakes, lines), key=_line_of))


def _line_of(mistake: str) -> float:
    told = _LINE.match(mistake)
    return int(told[1]) if told else math.inf


def _with_lines(mistakes: tuple[str, ...], lines: Mapping[str, int]) -> Iterator[str]:
    for mistake in mistakes:
        ends = (end for end in range(len(mistake), 0, -1) if mistake[end : end + 1] in ("", ".", ":", " "))
        line = next((lines[mistake[:end]] for end in ends if mistake[:end] in lines), None)
        yield mistake if line is None else f"line {line}: {mistake}"
