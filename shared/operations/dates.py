"""Preflight's look at the date columns of Sales: how they behave decides which day is taken (docs/rules.md, Days)."""

from collections.abc import Iterator

from shared.clients import quoting
from shared.clients.dataverse import DataverseSystem
from shared.mapping import price_lists, quotations
from shared.mapping.date_columns import SELECT, DateColumns, metadata_of, told_behaviors
from shared.mapping.dates import Behavior
from shared.operations.checks import SALES, Check, Verdict
from shared.operations.setupguide import section
from shared.operations.uses import TableUse

_COLUMNS: DateColumns = {**quotations.DATE_COLUMNS, **price_lists.DATE_COLUMNS}
_STEP = section("2.5")


def date_checks(dataverse: DataverseSystem, use: TableUse) -> Iterator[Check]:
    """Whether it is known how the columns of a table behave of which days are taken, and whether somebody has changed
    it: that is no mistake, but it changes days. Raises SystemTrouble."""
    columns = _COLUMNS.get(use.logical_name)
    if columns is None:
        return
    url = dataverse.url(metadata_of(use.logical_name), {"$select": quoting.columns(SELECT)})
    told = told_behaviors(dataverse.rows("Attributes", url))
    for column, delivered in columns.items():
        flows = tuple(flow for flow, known in use.flows.items() if column in known)
        yield _check(f"{use.entity_set}.{column}", delivered, told.get(column, ""), flows)


def _check(column: str, delivered: Behavior, told: str, flows: tuple[str, ...]) -> Check:
    what = f"the day of {column} is known"
    if told not in tuple(Behavior):
        found = f"its behaviour is {told or 'not told'}; it can be {', '.join(Behavior)}"
        # A column of another type has no behaviour at all: that drift is found by its type.
        drift = dict.fromkeys(flows, f"{column} behaves as {told}") if told else {}
        return Check(SALES, what, Verdict.WRONG, found, _STEP, flows, drift)
    if told != delivered:
        return Check(SALES, what, Verdict.BY_HAND, f"it is {told}; Sales is delivered with {delivered}", _STEP)
    return Check(SALES, what, Verdict.WELL)
