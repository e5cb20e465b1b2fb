"""Parties of the global address book: who is a customer and a contact person is one party, shown by both."""

from collections.abc import Mapping
from types import MappingProxyType

from local.finops import contacts, customers
from local.finops.schema import EntityType
from local.finops.tables import Row, Tables
from local.simulator.filters import Condition

_CUSTOMERS = "CustomersV3"

NUMBERS: Mapping[str, str] = MappingProxyType(
    {_CUSTOMERS: "PartyNumber", contacts.SET_NAME: "ContactPersonPartyNumber"}
)
"""The property of each collection that holds the number of the party. One sequence gives them all."""


class Parties:
    """What is known of parties from the rows of all collections that show them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def exist(self, number: object) -> bool:
        """Whether a party has this number."""
        entities = [self._tables.schema.entities[name] for name in NUMBERS]
        return any(self._tables.count(entity, _linked_to(entity, number)) > 0 for entity in entities)

    def shared(self, of: EntityType, number: object, names: frozenset[str]) -> Row:
        """What the party of this number is already said to be, in the properties of `of`; nothing if it is new."""
        known = self._first(of, number, names)
        if known is not None:
            return known
        for other in self._others(of):
            ours = _properties(other)
            if (theirs := self._first(other, number, frozenset(ours))) is not None:
                return {ours[name]: value for name, value in theirs.items()}
        return {}

    def refusal(self, of: EntityType, row: Row) -> str | None:
        """Why the party of a finished row cannot be what the row is; the words are our decision."""
        number = row[NUMBERS[of.set_name]]
        if of.set_name == contacts.SET_NAME:
            known = self._first(self._tables.schema.entities[_CUSTOMERS], number, frozenset({"PartyType"}))
            mismatch = known is not None and known["PartyType"] != customers.PERSON
        else:
            person = self._tables.schema.entities[contacts.SET_NAME]
            mismatch = (
                row["PartyType"] != customers.PERSON and self._tables.count(person, _linked_to(person, number)) > 0
            )
        return f"The party '{number}' exists and is of another type." if mismatch else None

    def spread(self, of: EntityType, number: object, changed: Row) -> None:
        """Let the other collections show what was changed of a party in `of`."""
        for other in self._others(of):
            theirs = _properties(of)
            values = {theirs[name]: value for name, value in changed.items() if name in theirs}
            if values:
                self._tables.update_linked(other, str(number), values)

    def _others(self, of: EntityType) -> list[EntityType]:
        return [self._tables.schema.entities[name] for name in NUMBERS if name != of.set_name]

    def _first(self, of: EntityType, number: object, names: frozenset[str]) -> Row | None:
        where = _linked_to(of, number)
        found = next(self._tables.select(of, where, names=tuple(sorted(names)), order=(), limit=1, offset=0), None)
        return found.row if found else None


def _properties(of: EntityType) -> Mapping[str, str]:
    """The properties of one collection that the other shows too, with the name there."""
    if of.set_name == contacts.SET_NAME:
        return contacts.CUSTOMER_PROPERTY
    return {theirs: ours for ours, theirs in contacts.CUSTOMER_PROPERTY.items()}


def _linked_to(of: EntityType, number: object) -> Condition:
    return Condition(f'"{NUMBERS[of.set_name]}" = ?', (str(number),))
