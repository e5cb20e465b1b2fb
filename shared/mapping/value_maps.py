"""Value maps and defaults: the codes that belong to an organisation, as one validated JSON document."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shared import exact_json
from shared.errors import SettingsInvalid

SHIPPED = Path(__file__).with_name("value_maps.json")

Code = Annotated[str, StringConstraints(min_length=1)]
Iso2 = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Iso3 = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Operator = Literal["eq", "ne", "gt", "ge", "lt", "le", "contains", "begins", "blank", "filled"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Defaults(_Part):
    """Codes for what the source does not say; the customer group, site and warehouse must exist in F&O."""

    customer_group: Code
    site: str
    warehouse: str
    language: Code
    country: Iso2
    currency: Iso3

    def value(self, name: str) -> str | None:
        """A default by name; a blank one is not sent."""
        value: str = getattr(self, name)
        return value or None


class Condition(_Part):
    """One condition on a source column; `value` is a text, number or true/false, absent for blank and filled."""

    column: Code
    operator: Operator
    value: str | bool | int | Decimal | None = None


class ValueMaps(_Part):
    """The document. Names of countries and states are compared trimmed and without case."""

    defaults: Defaults
    countries: dict[Code, Iso2]
    states: dict[Iso2, dict[Code, Code]]
    currencies: dict[Iso3, Iso3]
    text_lengths: dict[str, dict[str, Annotated[int, Field(gt=0)] | None]]
    ownership: dict[str, dict[str, Literal["owned", "on_create", "off"]]] = {}
    account_filter: list[Condition] = []

    def country(self, name: str) -> str | None:
        """The two-letter code of a country name or code; None when it is not listed."""
        wanted = _fold(name)
        codes = {_fold(code): code for code in self.countries.values()}
        return {_fold(given): code for given, code in self.countries.items()}.get(wanted) or codes.get(wanted)

    def state(self, country: str, name: str) -> str | None:
        """The F&O code of a state's name or code; None when it is not listed."""
        states = self.states.get(country, {})
        codes = {_fold(code): code for code in states.values()}
        return {_fold(given): code for given, code in states.items()}.get(_fold(name)) or codes.get(_fold(name))

    def currency(self, code: str) -> str | None:
        """The F&O code of a currency; None when it is not listed."""
        return self.currencies.get(code.strip().upper())


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()


def read_value_maps(source: str | None) -> ValueMaps:
    """The document from its text (when it begins with a brace) or from a file; None: the one that is shipped.

    Raises SettingsInvalid that lists every mistake by its place in the document.
    """
    text = source or ""
    name = "the value-map document"
    if not text.lstrip().startswith("{"):
        name = text or SHIPPED.name
        text = _read(Path(text) if text else SHIPPED)
    try:
        content = exact_json.loads(text)
    except ValueError as wrong:
        raise SettingsInvalid(f"VALUE_MAPS: {name} is not JSON: {wrong}") from wrong
    try:
        return ValueMaps.model_validate(content)
    except ValidationError as invalid:
        mistakes = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']} (is {e['input']!r:.80})" for e in invalid.errors()]
        listed = "\n".join(mistakes)
        raise SettingsInvalid(f"VALUE_MAPS: {name} has {len(mistakes)} mistake(s):\n{listed}") from invalid


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        reason = f"{type(unreadable).__name__}"
        raise SettingsInvalid(
            f"VALUE_MAPS: {file} cannot be read ({reason}); give a path to a JSON file or the JSON text itself"
        ) from unreadable
