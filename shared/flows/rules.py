"""The filters that flows from Sales share, in words."""

from collections.abc import Mapping

from shared.mapping.verdicts import Filter

OF_SALES: Mapping[str, Filter] = {
    "inactive": Filter("it is inactive in Sales", "activate it"),
    "merged": Filter("it was merged into another record", "nothing: the other one is synced"),
}
