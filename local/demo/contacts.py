"""The contacts flow as seen by the demo: contact persons and the customers that contacts have become."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from local.demo.customers import read_customers, unless_waiting
from local.demo.flows import Collection, Kept, Systems, Watched
from local.demo.systems import DATAVERSE, FINOPS, Asked
from shared.flows.contacts import CONTACTS
from shared.flows.contacts import mapping as contacts
from shared.flows.contacts.mapping import ContactMapper
from shared.flows.contacts.wiring import contact_mapper
from shared.flows.sales_records import FieldRules
from shared.flows.spec import Deployment
from shared.mapping.verdicts import Known, Mapped, Verdict
from shared.records import Json, SourceRow, Values


def watched_contacts(deployment: Deployment) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong map document."""
    mapper = contact_mapper(deployment)
    company = deployment.company
    columns = ("versionnumber", *mapper.select)
    person, person_too = contacts.PERSON_KEY
    return Watched(
        name=CONTACTS,
        mapper=mapper,
        source=Collection(
            DATAVERSE, contacts.ENTITY_SET, contacts.ID_COLUMN, columns, expand=mapper.expand, by_id=True
        ),
        target=PersonsAndCustomers(
            {
                contacts.PERSON: Collection(
                    FINOPS,
                    contacts.PERSON_SET,
                    person,
                    mapper.person.target_fields,
                    company=company,
                    key_too=person_too,
                ),
                contacts.CUSTOMER: Collection(
                    FINOPS,
                    contacts.CUSTOMER_SET,
                    contacts.CUSTOMER_KEY,
                    mapper.customer.target_fields,
                    company=company,
                    only={"PartyType": "Person"},
                ),
            }
        ),
        view=ContactView(mapper, company),
        asked={
            DATAVERSE: Asked.both(contacts.ENTITY_SET),
            # The customers of contacts count with those of accounts: they go to one collection.
            FINOPS: Asked.both(contacts.PERSON_SET),
        },
        adopt=mapper.choices.adopt_existing,
        moves=True,
    )


@dataclass(frozen=True, slots=True)
class PersonsAndCustomers:
    """Both targets of contacts. A key says which one it belongs to."""

    routes: Mapping[str, Collection]
    system: str = FINOPS

    def keyed(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """The target rows with their keys, all or those of one key."""
        if key is not None:
            route, _, own = key.partition(" ")
            return [(_place(route, found), row) for found, row in self.routes[route].keyed(systems, own)]
        return [
            (_place(route, found), row) for route, each in self.routes.items() for found, row in each.keyed(systems)
        ]


@dataclass(frozen=True, slots=True)
class ContactView:
    """What the mapping of a contact needs: whether its account is a customer, and whether it is one itself."""

    mapper: ContactMapper
    company: str

    def known(self, systems: Systems, key: str | None, kept: Kept) -> Callable[[SourceRow], Known]:  # noqa: ARG002 - all are read
        """What the mapping may know about a source record; read for one key, or for all of them."""
        now, customers = datetime.now(UTC), read_customers(systems, self.company, kept)

        def known(row: SourceRow) -> Known:
            is_customer = customers.is_person(row.values.get(contacts.KEY_COLUMN))
            keys = customers.keys_of(self.mapper.parents(row))
            return Known(now, route=contacts.CUSTOMER if is_customer else None, keys=keys)

        return known

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:  # noqa: ARG002 - the row says no more
        """A verdict as the comparison uses it: what the target should hold."""
        verdict = unless_waiting(verdict, known)
        if isinstance(verdict, Mapped):
            return replace(verdict, key=_place(verdict.route or "", verdict.key))
        return verdict

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:  # noqa: ARG002 - nothing to read
        """Target rows in the names of the mapping."""
        return rows

    def ended(self, key: str) -> Mapping[str, Json]:
        """What changes in a target row when its source record ends."""
        route = key.partition(" ")[0]
        return (self.mapper.person_rules if route == contacts.PERSON else self.mapper.customer_rules).ended()

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self._rules(field).empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""
        return self._rules(field).agree(field, ours, theirs)

    def _rules(self, field: str) -> FieldRules:
        """No field has the same name in both targets but what is never compared."""
        is_person = field in self.mapper.person.target_fields
        return self.mapper.person_rules if is_person else self.mapper.customer_rules


def _place(route: str, key: str) -> str:
    return f"{route} {key}"
