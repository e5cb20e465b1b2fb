"""The accounts flow as seen by the demo."""

from local.demo.flows import Collection, PlainView, Watched
from local.demo.systems import DATAVERSE, FINOPS
from shared.flows import wiring as flows
from shared.flows.accounts import mapping as accounts
from shared.settings import Settings


def watched_accounts(settings: Settings) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong value-map document."""
    mapper = flows.account_mapper(settings)
    columns = ("versionnumber", *mapper.select)
    company = settings.COMPANY.casefold()
    return Watched(
        name=flows.ACCOUNTS,
        mapper=mapper,
        source=Collection(
            DATAVERSE, accounts.ENTITY_SET, accounts.ID_COLUMN, columns, expand=mapper.table.expand, by_id=True
        ),
        target=Collection(
            FINOPS,
            accounts.TARGET_SET,
            accounts.KEY_FIELD,
            mapper.table.target_fields,
            company=company,
            # Contacts become customers, too.
            only={"PartyType": "Organization"},
        ),
        view=PlainView(mapper),
        asked={DATAVERSE: frozenset({accounts.ENTITY_SET}), FINOPS: frozenset({accounts.TARGET_SET})},
        adopt=mapper.adopts_existing,
    )
