"""What an environment can be set to; the defaults are those of a plain environment."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Overlong(StrEnum):
    """What happens to a text longer than the usual length of its data type, which no source confirms."""

    OFF = "off"
    REJECT = "reject"
    CUT = "cut"


class Priority(StrEnum):
    """What the throttling priority mapping gives a client: who is refused first when resources are short."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Settings:
    """One environment as its administrator set it up, seen by the user that the tokens run as.

    `company` is the default company of that user. `page_size` is in rows, `max_url` in characters of
    path and query, `max_filter_nodes` is how much one $filter may hold (None: no limit).
    `manual_numbers` allows a caller to bring the numbers that a sequence would give.
    `later_properties` adds properties of newer product versions to every answer.
    `accounting_currency` is the one of every company. `priority` is the one of every client.
    `amount_decimals` are those that the currencies round line amounts to, `sales_tax` is in percent of the amount.
    `one_customer_per_party` refuses a second customer of a party in the same company: a decision of ours.
    """

    company: str = "usmf"
    page_size: int = 10_000
    max_url: int = 32_768
    max_filter_nodes: int | None = None
    manual_numbers: bool = True
    overlong: Overlong = Overlong.REJECT
    later_properties: bool = False
    one_customer_per_party: bool = True
    seed: int = 1
    accounting_currency: str = "USD"
    priority: Priority = Priority.MEDIUM
    amount_decimals: int = 2
    sales_tax: Decimal = Decimal(0)
