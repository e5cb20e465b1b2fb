"""Preflight's checks of the date columns of Sales: their behaviour decides which day is taken (docs/rules.md, Days)."""

from collections.abc import Iterator

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem
from shared.flows.checks import SALES, Check, CheckResult
from shared.mapping.date_columns import SELECT, metadata_of, told_behaviors
from shared.mapping.dates import Behavior
from shared.operations.preflight.required_columns import TableUse
from shared.setupguide import section

_STEP = section("2.5")


def date_checks(dataverse: DataverseSystem, use: TableUse) -> Iterator[Check]:
    """Whether the behaviour of a table's date columns is known, and whether somebody has changed it: that is not an
    error, but it changes days. Raises SystemTrouble."""
    if not use.dates:
        return
    url = dataverse.url(metadata_of(use.logical_name), {"$select": quoting.columns(SELECT)})
    told = told_behaviors(dataverse.rows("Attributes", url))
    for column, delivered in use.dates.items():
        flows = tuple(flow for flow, known in use.flows.items() if column in known)
        yield _check(f"{use.entity_set}.{column}", delivered, told.get(column, ""), flows)


def _check(column: str, delivered: Behavior, told: str, flows: tuple[str, ...]) -> Check:
    what = f"the day of {column} is known"
    if told not in tuple(Behavior):
        found = f"its behaviour is {told or 'not told'}; it can be {', '.join(Behavior)}"
        # A column of another type has no behaviour: the check of types finds that drift.
        drift = dict.fromkeys(flows, f"{column} behaves as {told}") if told else {}
        return Check(SALES, what, CheckResult.WRONG, found, _STEP, flows, drift)
    if told != delivered:
        return Check(SALES, what, CheckResult.BY_HAND, f"it is {told}; the default of Sales is {delivered}", _STEP)
    return Check(SALES, what, CheckResult.WELL)
