"""What the flow adds to the map document."""

from typing import Literal

from pydantic import Field

from shared.flows.finops_documents.words import CountryNames
from shared.mapping.value_maps import Code

# The options of `msdynce_processingstatus` without Draft (647390011): F&O has no such status, and an order that is a
# draft again in Sales could be changed there.
ProcessingStatus = Literal[
    647390000, 647390001, 647390002, 647390003, 647390004, 647390005,
    647390006, 647390007, 647390008, 647390009, 647390010,
]  # fmt: skip

# The nine members of F&O. Those of deliveries have no namesake in Sales: they are guesses.
USUAL: dict[str, ProcessingStatus] = {
    "Active": 647390000,
    "Confirmed": 647390001,
    "Picked": 647390004,
    "PartiallyDelivered": 647390008,
    "Delivered": 647390007,
    "PartiallyInvoiced": 647390009,
    "DeliveredPartiallyInvoiced": 647390009,
    "Invoiced": 647390003,
    "Canceled": 647390010,
}


class OrderStatusMaps(CountryNames):
    """The options of Sales by the processing status of F&O."""

    processing_status: dict[Code, ProcessingStatus] = Field(default_factory=lambda: dict(USUAL))
