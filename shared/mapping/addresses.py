"""Address blocks: they go as a whole or not at all (rules.md, Addresses)."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.mapping.value_maps import ValueMaps
from shared.mapping.vocabulary import Column, TargetField, Unmappable, lines_of, value_of
from shared.records import Json, Values

_PARTS = ("line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country")


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What a deployment decides: whether a state that is not mapped is left out instead of rejected, and whether
    county and street number (from line 2) are carried."""

    leave_unknown_state_out: bool = False
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
        names = ["Street", "City", "State" + self.code, "ZipCode"]
        names += ["StreetNumber"] if self.rules.street_number else []
        names += ["County" + self.code] if self.rules.county else []
        plain = tuple(TargetField(self.target + name) for name in names)
        return (*plain, TargetField(self.target + "CountryRegionISOCode", fold_case=True))

    @property
    def meaning(self) -> str:
        """How."""
        return f"`{self.source}_*` as a whole block; country and state by value map; lines joined by line feeds"

    def values(self, row: Values, maps: ValueMaps) -> Mapping[str, Json]:
        """The block's values, all None for a blank block. Raises Unmappable for an unknown country or state."""
        given = {part: value_of(row, f"{self.source}_{part}") for part in self._parts}
        if all(value is None for value in given.values()):
            return {field.name: None for field in self.fields}
        country = self._country(given["country"], maps)
        lines = ["line1", "line3"] if self.rules.street_number else ["line1", "line2", "line3"]
        block: dict[str, Json] = {
            "Street": lines_of(row, (f"{self.source}_{line}" for line in lines)),
            "City": given["city"],
            "State" + self.code: self._state(given["stateorprovince"], country, maps),
            "ZipCode": given["postalcode"],
            "StreetNumber": given["line2"],
            "County" + self.code: given.get("county"),
            "CountryRegionISOCode": country,
        }
        return {field.name: block[field.name.removeprefix(self.target)] for field in self.fields}

    def _country(self, name: Json, maps: ValueMaps) -> str:
        if name is None:
            return maps.defaults.country
        code = maps.country(str(name))
        if code is None:
            raise Unmappable(
                "country_unknown",
                f"{self.source}_country is {name!r}, which is not in the value map `countries`",
                remedy="add the name to the value map with its two-letter code, or correct the record",
            )
        return code

    def _state(self, name: Json, country: str, maps: ValueMaps) -> Json:
        if name is None:
            return None
        code = maps.state(country, str(name))
        if code is None and not self.rules.leave_unknown_state_out:
            raise Unmappable(
                "state_unknown",
                f"{self.source}_stateorprovince is {name!r}, which is not in the value map `states` of {country}",
                remedy="add the state to the value map with its F&O code, correct the record, "
                "or let unknown states be left out (UNKNOWN_STATE)",
            )
        return code
