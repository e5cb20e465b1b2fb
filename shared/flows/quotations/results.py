"""What becomes of a quote in F&O, for columns of its row in Sales."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator

from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.finops.shown import FinopsShown
from shared.clients.finops.source import FinopsSource
from shared.flows.checks import SALES, Check, CheckResult
from shared.flows.quotations import QUOTATIONS
from shared.flows.quotations import mapping as quotations
from shared.flows.quotations.rules import ORDER_FIELD, STATUS_FIELD
from shared.flows.spec import Deployment, Systems
from shared.mapping.results import OwnColumn, ResultColumns
from shared.setupguide import section

_LONGEST = 1440


def _minutes(minutes: int) -> int:
    if not 1 <= minutes <= _LONGEST:
        raise ValueError(f"write a whole number from 1 to {_LONGEST}")
    return minutes


class QuotationColumns(ResultColumns):
    """Besides the usual columns those for the quotation: its status, its number, and the sales order that it became.
    These are looked at in F&O every `look_every_minutes`."""

    status: OwnColumn | None = None
    number: OwnColumn | None = None
    order: OwnColumn | None = None
    look_every_minutes: Annotated[int, AfterValidator(_minutes)] = 15

    @property
    def of_target(self) -> Mapping[str, str]:
        """The columns that get a field of the quotation, each with that field."""
        given = {self.status: STATUS_FIELD, self.number: quotations.KEY_FIELD, self.order: ORDER_FIELD}
        return {column: field for column, field in given.items() if column is not None}

    @property
    def look_every_s(self) -> float:
        """How often quotations are looked at, seconds."""
        return 60.0 * self.look_every_minutes


def checks_of_sales(deployment: Deployment, _dataverse: DataverseSystem, _now: datetime) -> Iterator[Check]:
    """Who may write results into active quotes."""
    columns = deployment.result_columns.get(QUOTATIONS)
    if columns is not None and not columns.written_for:
        what = "results of active quotes are written by a system administrator"
        found = "results.quotations.written_for names no user, and Sales lets nobody else change such a quote"
        yield Check(SALES, what, CheckResult.BY_HAND, found, section("6.1"))


def watched_quotations(columns: ResultColumns, deployment: Deployment, systems: Systems) -> FinopsShown:
    """The quotations of the company, as far as they are shown in Sales."""
    fields = columns.of_target
    source = FinopsSource(
        systems.finops,
        quotations.TARGET_SET,
        quotations.KEY_FIELD,
        deployment.settings.COMPANY,
        tuple(fields.values()),
    )
    return FinopsShown(source, fields)
