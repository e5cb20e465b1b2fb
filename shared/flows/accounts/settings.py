"""What a deployment decides for accounts."""

from typing import Literal

from pydantic import Field

from shared.setting_types import Schedule, Scope
from shared.settings import Settings

OnHoldWhenEnded = Literal["off", "Invoice", "All", "Payment", "Requisition", "Never", "PurchOrder"]


class AccountSettings(Settings):
    """The settings of the flow, beside those of the app."""

    ACCOUNTS_SCHEDULE: Schedule = Field(default="0 * * * * *", description="When `accounts_pull` runs")
    ACCOUNTS_SCOPE: Scope = Field(
        default="all",
        description="Accounts without a link that are synced: all, none (linked), or those changed since a day",
    )
    ACCOUNTS_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject", description="A customer with the account's number exists and is not linked"
    )
    ACCOUNTS_PARTY_NUMBER: Literal["account_number", "finops"] = Field(
        default="account_number", description="Party number of a new customer"
    )
    ACCOUNTS_DELIVERY_ADDRESS: Literal["second", "first"] = Field(
        default="second", description="Address block that becomes the delivery address"
    )
    ACCOUNTS_ON_HOLD_WHEN_ENDED: OnHoldWhenEnded = Field(
        default="off", description="OnHoldStatus of the customer of an ended account"
    )
