"""The accounts flow as seen by the demo."""

from local.demo.flows import Collection, PlainView, Watched
from local.demo.systems import DATAVERSE, FINOPS, Asked
from shared.flows.accounts import ACCOUNTS
from shared.flows.accounts import mapping as accounts
from shared.flows.accounts.wiring import account_mapper
from shared.flows.spec import Deployment


def watched_accounts(deployment: Deployment) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong map document."""
    mapper = account_mapper(deployment)
    columns = ("versionnumber", *mapper.select)
    company = deployment.company
    return Watched(
        name=ACCOUNTS,
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
        view=PlainView(mapper.rules),
        asked={DATAVERSE: Asked.both(accounts.ENTITY_SET), FINOPS: Asked.both(accounts.TARGET_SET)},
        adopt=mapper.choices.adopt_existing,
    )
