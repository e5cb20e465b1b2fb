"""The invoices flow as seen by the demo: posted invoices of F&O with their lines, and the invoices of Sales."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from local.demo.customers import unless_waiting
from local.demo.finopsdocuments import FinopsDocuments
from local.demo.flows import Collection, Kept, Systems, Watched
from local.demo.insales import DocumentsOfSales, ids_by_number, read_in_sales
from local.demo.systems import DATAVERSE, FINOPS, Asked
from shared.clients.dataverse.rows import WriteTable
from shared.flows.finops_documents import references
from shared.flows.invoices import INVOICES
from shared.flows.invoices import mapping as invoices
from shared.flows.invoices.mapping import InvoiceMapper
from shared.flows.invoices.wiring import KEY, invoice_mapper
from shared.flows.products import price_lists
from shared.flows.spec import Deployment
from shared.mapping.verdicts import Known, Mapped, Verdict
from shared.records import Json, SourceRow, Values

_TOTAL_FIELD, _TAX_FIELD = "TotalInvoiceAmount", "InvoiceHeaderTaxAmount"
_EXTERNAL = "msdynce_ismaintainedexternally"
_DAY = len("2026-01-31")


def watched_invoices(deployment: Deployment) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong map document."""
    mapper, company, of = invoice_mapper(deployment), deployment.company, invoices
    headers = (*KEY.fields, _TOTAL_FIELD, *mapper.select)
    lines = (*KEY.fields, "LineAmount", *mapper.line_select)
    documents = DocumentsOfSales(
        WriteTable(of.TARGET_SET, of.LOGICAL_NAME, of.ID_COLUMN, of.LOOKUPS, references.READ_AS),
        mapper.header.target_fields,
        WriteTable(of.TARGET_LINE_SET, of.LINE_LOGICAL_NAME, of.LINE_ID_COLUMN, of.LINE_LOOKUPS),
        mapper.lines.target_fields,
        number=of.KEY_COLUMN,
        parent=of.ID_COLUMN,
        position=of.POSITION_COLUMN,
        only={_EXTERNAL: True},
    )
    return Watched(
        name=INVOICES,
        mapper=mapper,
        source=FinopsDocuments(
            Collection(FINOPS, of.ENTITY_SET, of.NUMBER_FIELD, headers, company=company),
            Collection(FINOPS, of.LINE_ENTITY_SET, of.NUMBER_FIELD, lines, company=company),
            KEY,
        ),
        target=_InvoicesOfSales(documents),
        view=InvoiceView(mapper, documents, company),
        asked={
            FINOPS: Asked(reads=frozenset({of.ENTITY_SET, of.LINE_ENTITY_SET})),
            DATAVERSE: Asked.both(of.TARGET_SET, of.TARGET_LINE_SET),
        },
        adopt=mapper.choices.adopt_existing,
    )


@dataclass(frozen=True, slots=True)
class _InvoicesOfSales:
    """The invoices of Sales that come from F&O, each with all its lines, by number and day."""

    documents: DocumentsOfSales
    system: str = DATAVERSE

    def keyed(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """The target rows with their keys, all or those of one key."""
        rows = self.documents.rows(systems, None if key is None else key.rpartition(" ")[0])
        found = [(_key(row[invoices.KEY_COLUMN], row[invoices.DATE_COLUMN]), row) for row in rows]
        return [(each, row) for each, row in found if key is None or each == key]


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """What the mapping of an invoice needs, read from Sales itself: its order and products by number, its customer, and
    the small tables. The comparison adds the amounts that both systems have calculated."""

    mapper: InvoiceMapper
    documents: DocumentsOfSales
    company: str

    def known(self, systems: Systems, key: str | None, kept: Kept) -> Callable[[SourceRow], Known]:  # noqa: ARG002 - all are read
        """What the mapping may know about a source record; read for one key, or for all of them."""
        of = invoices
        orders = {of.ORDERS: ids_by_number(systems, of.ORDERS, of.ORDER_ID, of.ORDER_NUMBER)}
        there = read_in_sales(systems, self.company, kept, price_lists.DATE_COLUMNS, orders)
        return lambda row: there.known(self.mapper.parents(row))

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:
        """A verdict as the comparison uses it: what the target should hold. An invoice is written once, so what was
        sent at its creation is compared, too."""
        verdict = unless_waiting(verdict, known)
        if not isinstance(verdict, Mapped):
            return verdict
        expected = self.documents.expected(row.values, verdict, total=_TOTAL_FIELD, tax=_TAX_FIELD)
        return replace(verdict, key=key_of(row.values), owned=expected)

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:  # noqa: ARG002 - nothing to read
        """Target rows in the names of the mapping."""
        return rows

    def ended(self, key: str) -> Mapping[str, Json]:  # noqa: ARG002 - all rows are of one kind
        """What changes in a target row when its source record ends."""
        return self.mapper.rules.ended()

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self.mapper.rules.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""
        return self.documents.agree(self.mapper.rules, field, ours, theirs)


def key_of(posted: Values) -> str:
    """The key of a posted invoice, as people name it: its voucher is not in Sales."""
    return _key(posted[invoices.NUMBER_FIELD], str(posted[invoices.DATE_FIELD])[:_DAY])


def _key(number: Json, day: Json) -> str:
    return f"{number} {day}"
