"""The contacts flow: its mapping as the settings want it, and how it reaches both systems."""

from functools import partial

from shared.clients.dataverse.environment import DataverseTable
from shared.clients.finops.environment import FinopsCollection, FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.clients.quoting import EnumMember
from shared.flows.accounts import ACCOUNTS
from shared.flows.accounts.mapping import OnHold
from shared.flows.choices import address_rules_of, scope_of
from shared.flows.contacts import CONTACTS
from shared.flows.contacts import mapping as contacts
from shared.flows.contacts.mapping import ContactChoices, ContactMapper, ContactMaps
from shared.flows.contacts.settings import ContactSettings
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.sync.flow import Route, Tracked
from shared.systems import System


def contact_mapper(deployment: Deployment) -> ContactMapper:
    """The mapping as the settings want it. Raises SettingsInvalid for what settings and document forbid together."""
    settings = deployment.settings_for(ContactSettings)
    choices = ContactChoices(
        own_party_number=settings.CONTACTS_PARTY_NUMBER == "contact_number",
        on_hold_when_ended=OnHold(settings.CONTACTS_ON_HOLD_WHEN_ENDED),
        adopt_existing=settings.CONTACTS_ON_EXISTING == "adopt",
        scope=scope_of(settings.CONTACTS_SCOPE, settings),
        addresses=address_rules_of(settings),
    )
    return ContactMapper(deployment.maps, choices)


def wire(deployment: Deployment, systems: Systems) -> Wiring:
    """Contacts of Sales, and contact persons and customers of F&O."""
    mapper = contact_mapper(deployment)
    table = DataverseTable(systems.dataverse, contacts.ENTITY_SET, contacts.ID_COLUMN, mapper.select, mapper.expand)
    return Wiring(
        feed=Tracked(table),
        routes=(_person(deployment, systems, mapper), _customer(deployment, systems, mapper)),
        mapper=mapper,
        numbered=partial(table.ids_by, contacts.KEY_COLUMN),
        number_column=contacts.KEY_COLUMN,
    )


def _person(deployment: Deployment, systems: Systems, mapper: ContactMapper) -> Route:
    constants = {
        name: EnumMember(contacts.ASSOCIATED_CONTACT_TYPE, member)
        for name, member in contacts.PERSON_CONSTANT_KEY.items()
    }
    key = FinopsKey(deployment.settings.COMPANY, contacts.PERSON_KEY, constants)
    persons = FinopsTable(systems.finops, contacts.PERSON_SET, key, mapper.person.target_fields, contacts.PERSON_MARK)
    return Route(
        contacts.PERSON,
        contacts.PERSON_SET,
        FinopsCollection(persons),
        mapper.person_rules,
        adopt_existing=mapper.adopts_existing,
        moves=True,
    )


def _customer(deployment: Deployment, systems: Systems, mapper: ContactMapper) -> Route:
    key = FinopsKey(deployment.settings.COMPANY, (contacts.CUSTOMER_KEY,))
    customers = FinopsTable(
        systems.finops, contacts.CUSTOMER_SET, key, mapper.customer.target_fields, contacts.CUSTOMER_MARK
    )
    return Route(
        contacts.CUSTOMER,
        contacts.CUSTOMER_SET,
        FinopsCollection(customers),
        mapper.customer_rules,
        adopt_existing=mapper.adopts_existing,
    )


CONTACTS_FLOW = FlowSpec(
    name=CONTACTS,
    source=System.DATAVERSE,
    target=System.FINOPS,
    settings=ContactSettings,
    value_maps=ContactMaps,
    lengths=(contacts.PERSON_PART, contacts.CUSTOMER_PART),
    ownership=(contacts.PERSON_PART, contacts.CUSTOMER_PART),
    wire=wire,
    parents=(ACCOUNTS,),
)
