"""All flows, in the order in which people are shown them."""

from shared.flows.accounts.wiring import ACCOUNTS_FLOW
from shared.flows.contacts.wiring import CONTACTS_FLOW
from shared.flows.invoices.wiring import INVOICES_FLOW
from shared.flows.orders.wiring import ORDERS_FLOW
from shared.flows.ordersback.wiring import ORDERSBACK_FLOW
from shared.flows.products.wiring import PRODUCTS_FLOW
from shared.flows.quotations.wiring import QUOTATIONS_FLOW
from shared.flows.spec import Flows

FLOWS = Flows(
    (ACCOUNTS_FLOW, CONTACTS_FLOW, PRODUCTS_FLOW, QUOTATIONS_FLOW, ORDERS_FLOW, ORDERSBACK_FLOW, INVOICES_FLOW)
)
