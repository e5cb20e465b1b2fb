"""Who is a customer in F&O, and the numbers of accounts and contacts in Sales: read from the systems."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.demo.flows import Collection, Kept, Systems
from local.demo.memory import Memory
from local.demo.systems import DATAVERSE, FINOPS
from shared.flows.accounts import ACCOUNTS
from shared.flows.accounts import mapping as accounts
from shared.flows.contacts import CONTACTS
from shared.flows.contacts import mapping as contacts
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Verdict
from shared.records import fold

_TYPE = "PartyType"
WAITS = "waits for another record"


@dataclass(frozen=True, slots=True)
class Customers:
    """The customers of a moment. `numbers` are those of accounts and contacts by the record that carries them, and has
    become a customer with it, or would become one."""

    numbers: Mapping[Parent, str]
    kinds: Mapping[str, str]

    def key_of(self, parent: Parent) -> str | None:
        """The customer account of an account or contact, None if it is not a customer."""
        number = self.numbers.get(parent)
        return number if number is not None and fold(number) in self.kinds else None

    def keys_of(self, parents: tuple[Parent, ...]) -> dict[Parent, str]:
        """The customer accounts of those that are customers."""
        return {parent: key for parent in parents if (key := self.key_of(parent)) is not None}

    def is_person(self, number: object) -> bool:
        """Whether a number is that of a person's customer."""
        return self.kinds.get(fold(str(number))) == "Person"


def kept_numbers(memory: Memory) -> Kept:
    """The numbers under which records became customers, as the comparison remembers it."""
    made = {Parent(ACCOUNTS, "customer", id): key for id, key in memory.keys.get(ACCOUNTS, {}).items()}
    for id, key in memory.keys.get(CONTACTS, {}).items():
        route, _, number = key.partition(" ")
        if route == contacts.CUSTOMER:
            made[Parent(CONTACTS, "customer", id)] = number
    return made


def read_customers(systems: Systems, company: str, kept: Kept) -> Customers:
    """Look at both systems."""
    customers = Collection(FINOPS, accounts.TARGET_SET, accounts.KEY_FIELD, (_TYPE,), company=company)
    numbers: dict[Parent, str] = {}
    for flow, value, column in (
        (ACCOUNTS, accounts, accounts.KEY_COLUMN),
        (CONTACTS, contacts, contacts.KEY_COLUMN),
    ):
        for row in Collection(DATAVERSE, value.ENTITY_SET, value.ID_COLUMN, (column,), by_id=True).rows(systems):
            if row[column]:
                numbers[Parent(flow, "customer", str(row[value.ID_COLUMN]).lower())] = str(row[column])
    return Customers({**numbers, **kept}, {fold(key): str(row[_TYPE]) for key, row in customers.keyed(systems)})


def unless_waiting(verdict: Verdict, known: Known) -> Verdict:
    """A record whose parent is not there yet is not expected in the target."""
    waits = isinstance(verdict, Mapped) and any(
        parent not in known.keys for parent in verdict.parents if not (parent.optional or parent.is_look)
    )
    return Filtered(WAITS) if waits else verdict
