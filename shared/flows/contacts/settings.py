"""What a deployment decides for contacts."""

from typing import Literal

from pydantic import Field

from shared.flows.accounts.settings import OnHoldWhenEnded
from shared.setting_types import Schedule, Scope
from shared.settings import Settings


class ContactSettings(Settings):
    """The settings of the flow, beside those of the app."""

    CONTACTS_SCHEDULE: Schedule = Field(default="0 * * * * *", description="When `contacts_pull` runs")
    CONTACTS_SCOPE: Scope = Field(
        default="all",
        description="Contacts without a link that are synced: all, none (linked), or those changed since a day",
    )
    CONTACTS_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject",
        description="A contact person or customer with the contact's number exists and is not linked",
    )
    CONTACTS_PARTY_NUMBER: Literal["contact_number", "finops"] = Field(
        default="contact_number", description="Party number of a new customer that is a contact"
    )
    CONTACTS_ON_HOLD_WHEN_ENDED: OnHoldWhenEnded = Field(
        default="off", description="OnHoldStatus of the customer of an ended contact"
    )
