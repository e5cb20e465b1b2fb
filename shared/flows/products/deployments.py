"""Which deployment maintains a product in Sales, where several legal entities share one organisation.

Microsoft's solution has a column that says *that* a product is maintained from outside, and none that says by which
company. So the row itself tells it in two ways: its id, which a sync derives from flow, company and number (see
`own_id`), or a column of one's own that the map document fills with the company (docs/setup.md, Several legal
entities).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shared.clients import quoting
from shared.clients.finops.environment import FinopsSystem
from shared.mapping.field_table import FieldTable
from shared.mapping.verdicts import Rejected
from shared.mapping.words import Ownership
from shared.records import TargetRow, Values, fold

MAINTAINED_BY_OTHER = "maintained_by_other_deployment"
COMPANY = "dataAreaId"
# A legal entity is not added every day.
_KEPT_S = 600.0


def company_columns(table: FieldTable) -> tuple[str, ...]:
    """The columns of Sales that hold the company of a product as F&O writes it."""
    return tuple(row.field for row in table.rows() if row.columns == (COMPANY,) and row.ownership is not Ownership.OFF)


@dataclass(slots=True)
class OtherDeployments:
    """Knows the products of other companies' deployments. `id_in` is the id that the sync of a company gives to the
    product with a number; `columns` are those that hold the company."""

    finops: FinopsSystem
    company: str
    id_in: Callable[[str, str], str]
    columns: tuple[str, ...]
    _companies: Mapping[str, str] = field(default_factory=dict)
    _until_s: float = -math.inf

    def refusal(self, key: str, row: TargetRow) -> Rejected | None:
        """Why a product that is in Sales, and that we have not made, is another deployment's; None if nothing says so.
        Raises SystemTrouble."""
        company = self._by_column(row.values) or self._by_id(key, row.id or "")
        if not company:
            return None
        return Rejected(
            MAINTAINED_BY_OTHER,
            f"the product {key} of Sales is maintained by the sync of the company {company}",
            "give the product another number in one of the companies, or keep it out by a filter of `products` in the "
            "map document of one of the deployments",
            value=company,
        )

    def _by_column(self, values: Values) -> str:
        found = (str(values.get(name) or "").strip() for name in self.columns)
        return next((company for company in found if company and fold(company) != fold(self.company)), "")

    def _by_id(self, key: str, id: str) -> str:
        if not quoting.is_name_based(id):
            return ""
        known = self._known()
        return next((name for company, name in known.items() if self.id_in(company, fold(key)) == id.lower()), "")

    def _known(self) -> Mapping[str, str]:
        """The name of each other company by its code, as the state of a sync has that."""
        now_s = self.finops.channel.clock.monotonic()
        if now_s >= self._until_s:
            found = {code.casefold(): f"{code} ({name})" if name else code for code, name in self.finops.companies()}
            self._companies = {code: name for code, name in found.items() if code != self.company.casefold()}
            self._until_s = now_s + _KEPT_S
        return self._companies
