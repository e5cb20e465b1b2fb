"""The contacts flow: its mapping as the settings want it, and how it reaches both systems."""

from functools import partial

from shared.clients.dataverse.sources import DataverseTable
from shared.clients.finops.environment import FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.clients.quoting import EnumMember
from shared.flows.accounts import ACCOUNTS
from shared.flows.accounts import mapping as accounts
from shared.flows.accounts.mapping import OnHold
from shared.flows.choices import address_rules_of, once_per_deployment, route_to, scope_of
from shared.flows.contacts import CONTACTS
from shared.flows.contacts import mapping as contacts
from shared.flows.contacts.mapping import ContactChoices, ContactMapper
from shared.flows.contacts.settings import ContactSettings
from shared.flows.required_columns import (
    Behind,
    RequiredColumns,
    UsedCollection,
    source_tables,
    written,
)
from shared.flows.sales_records import OF_SALES
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.mapping.field_table import FieldTable
from shared.mapping.verdicts import Filter
from shared.sync.flow import Route, Tracked
from shared.systems import System


@once_per_deployment
def contact_mapper(deployment: Deployment) -> ContactMapper:
    """The mapping as the settings want it. Raises SettingsInvalid for what settings and document forbid together."""
    settings = deployment.settings_for(ContactSettings)
    choices = ContactChoices(
        own_party_number=settings.CONTACTS_PARTY_NUMBER == "contact_number",
        on_hold_when_ended=OnHold(settings.CONTACTS_ON_HOLD_WHEN_ENDED),
        adopt_existing=deployment.adopts(CONTACTS),
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
        name_columns=("firstname", "lastname"),
    )


def _person(deployment: Deployment, systems: Systems, mapper: ContactMapper) -> Route:
    constants = {
        name: EnumMember(contacts.ASSOCIATED_CONTACT_TYPE, member)
        for name, member in contacts.PERSON_CONSTANT_KEY.items()
    }
    key = FinopsKey(deployment.settings.COMPANY, contacts.PERSON_KEY, constants)
    persons = FinopsTable(systems.finops, contacts.PERSON_SET, key, mapper.person.target_fields, contacts.PERSON_MARK)
    return route_to(persons, contacts.PERSON, mapper.person_rules, adopt=mapper.choices.adopt_existing, moves=True)


def _customer(deployment: Deployment, systems: Systems, mapper: ContactMapper) -> Route:
    key = FinopsKey(deployment.settings.COMPANY, (contacts.CUSTOMER_KEY,))
    customers = FinopsTable(
        systems.finops, contacts.CUSTOMER_SET, key, mapper.customer.target_fields, contacts.CUSTOMER_MARK
    )
    return route_to(customers, contacts.CUSTOMER, mapper.customer_rules, adopt=mapper.choices.adopt_existing)


def tables(deployment: Deployment) -> tuple[FieldTable, ...]:
    """The mappings of the flow."""
    mapper = contact_mapper(deployment)
    return mapper.person, mapper.customer


def required_columns(deployment: Deployment) -> RequiredColumns:
    """What the flow reads and writes."""
    mapper = contact_mapper(deployment)
    account = Behind("parentcustomerid", accounts.ENTITY_SET, accounts.ID_COLUMN)
    read = source_tables(
        contacts.ENTITY_SET,
        contacts.ID_COLUMN,
        (mapper.person, mapper.customer),
        {"parentcustomerid_account": account},
    )
    key = (*contacts.PERSON_KEY, *contacts.PERSON_CONSTANT_KEY)
    customers = written(mapper.customer.fields, contacts.CUSTOMER_KEY)
    return RequiredColumns(
        tuple(read),
        (
            UsedCollection(contacts.PERSON_SET, written(mapper.person.fields, *key)),
            UsedCollection(contacts.CUSTOMER_SET, customers, key=contacts.CUSTOMER_KEY),
        ),
    )


CONTACTS_FLOW = FlowSpec(
    name=CONTACTS,
    source=System.DATAVERSE,
    target=System.FINOPS,
    settings=ContactSettings,
    lengths=(contacts.PERSON_PART, contacts.CUSTOMER_PART),
    ownership=(contacts.PERSON_PART, contacts.CUSTOMER_PART),
    wire=wire,
    tables=tables,
    required_columns=required_columns,
    filters={
        **OF_SALES,
        "no_account": Filter(
            "the contact belongs to no account and is no active customer", "quote it, or give it an account"
        ),
        "contact_of_contact": Filter(
            "the contact belongs to another contact (or to an account that the app may not read) and is no active "
            "customer",
            "quote it, or give it an account",
        ),
    },
    sales_table="contact",
    referred_as=("contact", "contactid"),
    results_in=contacts.ENTITY_SET,
    parents=(ACCOUNTS,),
)
