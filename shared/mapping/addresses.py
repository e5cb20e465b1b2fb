"""Address blocks: a block is sent as a whole or not at all (rules.md, Addresses)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from shared.mapping.text_lengths import PlacedTexts
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Remark
from shared.mapping.words import Column, Ownership, TargetField, Unmappable, lines_of, value_of
from shared.records import Json, Values

STATE_LEFT_OUT, STATE_AS_TEXT = "state_left_out", "state_as_text"
_PARTS = ("line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country")


@dataclass(frozen=True, slots=True)
class AddressRules:
    """The choices of a deployment: whether a state that is missing from its country's list is left out instead of
    rejected, whether a state of a country without a list is sent as written instead of left out, and whether county and
    street number (from line 2) are carried over."""

    leave_unknown_state_out: bool = False
    send_state_without_list: bool = False
    county: bool = False
    street_number: bool = False


@dataclass(frozen=True, slots=True)
class AddressBlock:
    """A word for one address: source columns `address1_city` ..., target fields `DeliveryAddressCity` ...

    `code` is what a collection appends to the names of State and County, such as `Id`.
    """

    source: str
    target: str
    rules: AddressRules
    code: str = ""
    ownership: Ownership = Ownership.OWNED

    @property
    def columns(self) -> tuple[Column, ...]:
        """The whole block is read: any filled column makes it filled. A county that is not carried does not count."""
        return tuple(Column(f"{self.source}_{part}") for part in self._parts)

    @property
    def _parts(self) -> tuple[str, ...]:
        return (*_PARTS, "county") if self.rules.county else _PARTS

    @property
    def fields(self) -> tuple[TargetField, ...]:
        """The target's fields; the ISO code is compared without case."""
        return _fields_of(self)

    @property
    def meaning(self) -> str:
        """How."""
        return f"`{self.source}_*` as a whole block; country and state by value map; lines joined by line feeds"

    def values(self, row: Values, maps: ValueMaps) -> Mapping[str, Json]:
        """The block's values, all None for a blank block. Raises Unmappable for an unknown country or state."""
        given = self._given(row)
        if all(value is None for value in given.values()):
            return {field.name: None for field in self.fields}
        country = self._country(given["country"], maps)
        block: dict[str, Json] = {
            "Street": lines_of(row, self._lines),
            "City": given["city"],
            "State" + self.code: self._state(given, country, maps),
            "ZipCode": given["postalcode"],
            "StreetNumber": given["line2"],
            "County" + self.code: given.get("county"),
            "CountryRegionISOCode": country,
        }
        return {field.name: block[field.name.removeprefix(self.target)] for field in self.fields}

    def sources(self, field: str) -> tuple[str, ...]:
        """The columns from which one of its fields is made."""
        columns = {
            "Street": self._lines,
            "City": (f"{self.source}_city",),
            "State" + self.code: (f"{self.source}_stateorprovince",),
            "ZipCode": (f"{self.source}_postalcode",),
            "StreetNumber": (f"{self.source}_line2",),
            "County" + self.code: (f"{self.source}_county",),
            "CountryRegionISOCode": (f"{self.source}_country",),
        }
        return columns[field.removeprefix(self.target)]

    def remarks(self, row: Values, maps: ValueMaps) -> tuple[Remark, ...]:
        """A state that is not sent, or sent as written, with its country."""
        given = self._given(row)
        name = given["stateorprovince"]
        if name is None:
            return ()
        country = self._country(given["country"], maps)
        listed = maps.lists_states(country)
        if listed and maps.state(country, str(name)) is not None:
            return ()
        sent = not listed and self.rules.send_state_without_list
        return (Remark(STATE_AS_TEXT if sent else STATE_LEFT_OUT, f"{country} {name}"),)

    def literals(self, maps: ValueMaps) -> tuple[tuple[str, PlacedTexts], ...]:
        """The codes of states."""
        return ((f"{self.target}State{self.code}", maps.state_codes),)

    def _given(self, row: Values) -> dict[str, Json]:
        return {part: value_of(row, f"{self.source}_{part}") for part in self._parts}

    @property
    def _lines(self) -> tuple[str, ...]:
        lines = ("line1", "line3") if self.rules.street_number else ("line1", "line2", "line3")
        return tuple(f"{self.source}_{line}" for line in lines)

    def _country(self, name: Json, maps: ValueMaps) -> str:
        if name is None:
            return maps.defaults.country
        code = maps.country(str(name))
        if code is None:
            raise Unmappable(
                "country_unknown",
                f"{self.source}_country is {name!r}, which is not in the value map `countries`",
                remedy="add the name to the value map with its two-letter code, or correct the record",
                value=str(name),
                lacks=("countries", str(name), "CODE"),
            )
        return code

    def _state(self, given: Mapping[str, Json], country: str, maps: ValueMaps) -> Json:
        """F&O's code of a state. Without a list for the country, no state counts as wrong."""
        name = given["stateorprovince"]
        if name is None:
            return None
        if not maps.lists_states(country):
            return str(name).strip() if self.rules.send_state_without_list else None
        code = maps.state(country, str(name))
        if code is None and not self.rules.leave_unknown_state_out:
            raise self._unknown_state(str(name), country, blank=given["country"] is None)
        return code

    def _unknown_state(self, name: str, country: str, *, blank: bool) -> Unmappable:
        """Why a state is not in the list of its country: if no country was entered, the default country is at fault."""
        if blank:
            return Unmappable(
                "country_missing",
                f"{self.source}_country is blank, so the default {country} was taken, and {name!r} "
                f"({self.source}_stateorprovince) is no state of {country}",
                remedy="enter the country of the address",
                value=name,
            )
        return Unmappable(
            "state_unknown",
            f"{self.source}_stateorprovince is {name!r}, which is not in the value map `states` of {country}",
            remedy="add the state to the value map with its F&O code, correct the record, "
            "or let unknown states be left out (UNKNOWN_STATE)",
            value=f"{country} {name}",
            lacks=(f"states.{country}", name, "CODE"),
        )


# Every record asks for them, and a deployment has a few blocks.
@lru_cache(maxsize=64)
def _fields_of(block: AddressBlock) -> tuple[TargetField, ...]:
    names = ["Street", "City", "State" + block.code, "ZipCode"]
    names += ["StreetNumber"] if block.rules.street_number else []
    names += ["County" + block.code] if block.rules.county else []
    plain = tuple(TargetField(block.target + name, block.ownership) for name in names)
    return (*plain, TargetField(block.target + "CountryRegionISOCode", block.ownership, fold_case=True))
