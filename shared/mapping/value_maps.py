"""Value maps and defaults: the codes that belong to an organisation, as one validated document."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from shared import exact_json
from shared.discretion import named, shown
from shared.mapping.map_source import map_source, mistaken
from shared.mapping.spelling import nearest
from shared.mapping.text_lengths import PlacedTexts, longest_of
from shared.mapping.units import Units
from shared.records import Json


def _one_code_per_name(codes: dict[str, str]) -> dict[str, str]:
    """Names are compared without case and outer blanks: two that are then equal must mean the same."""
    by_name: dict[str, str] = {}
    for name, code in codes.items():
        if by_name.setdefault(folded(name), code) != code:
            codes_told = f"as {named(by_name[folded(name)])} and as {named(code)}"
            raise ValueError(f"{named(name)!r} is listed twice, {codes_told}; keep one of the two")
    return codes


Code = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
Iso2 = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Iso3 = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Length = Annotated[int, Field(gt=0)] | None
Owned = Literal["owned", "on_create", "fill_if_blank", "off"]
# How many decimals F&O keeps of an amount; its type holds six.
Decimals = Annotated[int, Field(ge=0, le=6)]


class Part(BaseModel):
    """A part of the document. A name that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Defaults(Part):
    """Codes for what the source does not contain; the customer group, site and warehouse must exist in F&O."""

    customer_group: Code
    site: str
    warehouse: str
    language: Code
    country: Iso2
    currency: Iso3
    unit_group: Code
    payment_terms: str = ""
    sales_tax_group: str = ""
    amount_decimals: Decimals = 4

    def value(self, name: str) -> str | None:
        """A default by name; a blank one is not sent."""
        value: str = getattr(self, name)
        return value or None


class ValueMaps(Part):
    """The codes of the document, without those that belong to one flow only (its model extends this one). Names of
    countries and states are compared trimmed, without case, and without accents if that leaves one name.

    The parts of `text_lengths` are those of the mappings of the flows.
    """

    defaults: Defaults
    countries: Annotated[dict[Code, Iso2], AfterValidator(_one_code_per_name)]
    states: dict[Iso2, Annotated[dict[Code, Code], AfterValidator(_one_code_per_name)]]
    currencies: dict[Iso3, Iso3]
    text_lengths: dict[str, dict[Code, Length]]
    units: Units = []
    product_types: dict[Code, int] = {}

    @cached_property
    def in_order(self) -> str:
        """The document as one text, the same for any order of its names. Every mapping takes it into its fingerprint,
        and it is long."""
        return exact_json.dumps(ordered(self.model_dump()))

    def lengths_of(self, target_set: str) -> Mapping[str, Length]:
        """The longest texts that the fields of a target collection accept; None is no limit."""
        return self.text_lengths.get(target_set, {})

    def country(self, name: str) -> str | None:
        """The two-letter code of a country name or code; None if it is not listed."""
        return _code_of(name, self._country_codes)

    def lists_states(self, country: str) -> bool:
        """Whether there is a list of the states of a country, by its code."""
        return bool(self.states.get(country))

    def state(self, country: str, name: str) -> str | None:
        """The F&O code of a state's name or code; None if it is not listed."""
        return _code_of(name, self._state_codes.get(country, {}))

    def currency(self, code: str) -> str | None:
        """The F&O code of a currency; None if it is not listed."""
        return self.currencies.get(code.strip().upper())

    @cached_property
    def state_codes(self) -> PlacedTexts:
        """The codes of states, each with its place."""
        codes = {code for states in self.states.values() for code in states.values()}
        return PlacedTexts(longest_of(codes), self._placed_codes)

    def _placed_codes(self) -> Iterator[tuple[str, str]]:
        for country, states in self.states.items():
            for name, code in states.items():
                yield f"states.{country}.{named(name)}", code

    @cached_property
    def _country_codes(self) -> Mapping[str, str]:
        return _by_name_or_code(self.countries)

    @cached_property
    def _state_codes(self) -> Mapping[str, Mapping[str, str]]:
        return {country: _by_name_or_code(states) for country, states in self.states.items()}


Maps = TypeVar("Maps", bound=ValueMaps)


def as_known_to(model: type[Maps], maps: ValueMaps) -> Maps:
    """The document as one flow knows it. Raises TypeError for a document without what this flow adds to it."""
    if not isinstance(maps, model):
        raise TypeError(f"the map document was read without the parts of {model.__name__}")
    return maps


def _by_name_or_code(codes: Mapping[str, str]) -> Mapping[str, str]:
    """Codes by name and by themselves; if a name looks like another's code, the name counts. A name is also found
    without its accents, unless that is another's name."""
    exact = {folded(code): code for code in codes.values()} | {folded(name): code for name, code in codes.items()}
    plain: dict[str, set[str]] = defaultdict(set)
    for name, code in exact.items():
        plain[_unaccented(name)].add(code)
    return {name: next(iter(found)) for name, found in plain.items() if len(found) == 1} | exact


def _code_of(name: str, codes: Mapping[str, str]) -> str | None:
    wanted = folded(name)
    return codes.get(wanted) or codes.get(_unaccented(wanted))


def folded(name: str) -> str:
    """The name of a country or state as it is compared: without case, blanks around it, and doubled blanks."""
    return " ".join(name.split()).casefold()


_TYPED = str.maketrans("\u2018\u2019\u2010\u2013\u2014", "''---")


def _unaccented(name: str) -> str:
    """A folded name as a plain keyboard writes it: without accents and typographic marks."""
    return "".join(c for c in unicodedata.normalize("NFKD", name.translate(_TYPED)) if not unicodedata.combining(c))


def read_map_document(source: str | None, model: type[ValueMaps]) -> ValueMaps:
    """The document from its text or from a file (shared/mapping/map_source.py); None: the one that is shipped.

    Raises SettingsInvalid that lists every mistake by its place in the document, with its line.
    """
    found = map_source(source)
    content = found.content()
    if isinstance(content, dict):
        # For editors alone.
        content.pop("$schema", None)
    try:
        return model.model_validate(content)
    except ValidationError as invalid:
        mistakes = _mistakes(invalid, model)
    raise mistaken(found.name, found.located(mistakes))


def ordered(value: Json) -> Json:
    """The same value with its names in order: their order in a document means nothing."""
    if isinstance(value, dict):
        return {name: ordered(value[name]) for name in sorted(value)}
    return [ordered(each) for each in value] if isinstance(value, list) else value


# Parts of a place that are pydantic's names for the branches of a union.
_BRANCHES = frozenset({"str", "bool", "int", "decimal", "constrained-int"})
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


def _mistakes(invalid: ValidationError, model: type[BaseModel]) -> list[str]:
    """Each mistake once: a value that fits no branch of a union is told as one."""
    found: dict[str, str] = {}
    for error in invalid.errors():
        place = _place(error["loc"])
        if place not in found or error["type"] == _ANY_VALUE:
            found[place] = _mistake(error, place, model)
    return list(found.values())


def _place(location: Sequence[str | int]) -> str:
    """Where a mistake is; `[key]` as the last part means the name itself."""
    return ".".join(named(part) for part in location if not _is_branch(part)) or "the document"


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
    return f"{place} is {'empty' if value is None else shown(value)}: {_remedy(error)}"


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
