"""Value maps and defaults: the codes that belong to an organisation, as one validated document."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from shared import exact_json
from shared.discretion import named
from shared.mapping.form_mistakes import mistakes_of_form
from shared.mapping.map_source import map_source, mistaken
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
        mistakes = mistakes_of_form(invalid, model)
    raise mistaken(found.name, found.located(mistakes))


def ordered(value: Json) -> Json:
    """The same value with its names in order: their order in a document means nothing."""
    if isinstance(value, dict):
        return {name: ordered(value[name]) for name in sorted(value)}
    return [ordered(each) for each in value] if isinstance(value, list) else value
