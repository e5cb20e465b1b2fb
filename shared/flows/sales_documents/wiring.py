"""How quotations and orders reach both systems: two tables of Sales, and two collections of F&O."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.clients.dataverse.documents import (
    DataverseDocumentLines,
    DataverseDocuments,
    DocumentTables,
    HeaderTable,
    LineTable,
)
from shared.clients.finops.documents import FinopsDocuments
from shared.clients.finops.environment import FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.flows.accounts import mapping as accounts
from shared.flows.contacts import mapping as contacts
from shared.flows.products import mapping as products
from shared.flows.required_columns import Behind, RequiredColumns, UsedCollection, UsedTable, source_tables, written
from shared.flows.sales_documents.mapping import LINE_KEY_FIELD, SalesDocumentMapper
from shared.flows.sales_documents.rows import LINE_POSITION
from shared.flows.spec import Deployment, Systems
from shared.mapping.date_columns import DateColumns
from shared.mapping.type_names import LOOKUP, in_finops
from shared.sync.flow import Tracked

_NAVIGATIONS = {
    "customerid_account": Behind("customerid", accounts.ENTITY_SET, accounts.ID_COLUMN),
    "customerid_contact": Behind("customerid", contacts.ENTITY_SET, contacts.ID_COLUMN),
    "productid": Behind("productid", products.TARGET_SET, products.ID_COLUMN),
    "uomid": Behind("uomid", "uoms", "uomid"),
}


@dataclass(frozen=True, slots=True)
class DocumentCollections:
    """The collections of a document in F&O; `key` is the field of its number."""

    headers: str
    lines: str
    key: str


def tables_of(mapper: SalesDocumentMapper) -> DocumentTables:
    """The two tables of Sales, as a mapping reads them."""
    of = mapper.names
    return DocumentTables(
        HeaderTable(of.header_set, of.header_id, of.number, mapper.header_select, mapper.header_expand),
        LineTable(of.line_set, of.line_id, of.line_header, LINE_POSITION, mapper.line_select, mapper.line_expand),
        mapper.reads_lines_of,
    )


def feed_of(documents: DataverseDocuments, systems: Systems, flow: str) -> Tracked:
    """The changes of documents: those of their headers, and those of their lines."""
    lines = DataverseDocumentLines(systems.dataverse, documents, systems.owners, flow)
    return Tracked(documents, {documents.tables.lines.entity_set: lines})


def target_of(
    deployment: Deployment, systems: Systems, mapper: SalesDocumentMapper, into: DocumentCollections
) -> FinopsDocuments:
    """The documents of F&O."""
    key = FinopsKey(deployment.settings.COMPANY, (into.key,))
    return FinopsDocuments(
        FinopsTable(systems.finops, into.headers, key, mapper.header_fields),
        FinopsTable(systems.finops, into.lines, key, (LINE_KEY_FIELD, *mapper.line_fields)),
        LINE_KEY_FIELD,
    )


def required_columns_of(
    mapper: SalesDocumentMapper,
    into: DocumentCollections,
    dates: DateColumns,
    navigations: Mapping[str, Behind] | None = None,
) -> RequiredColumns:
    """What a flow of documents reads and writes. `navigations` are lookups that only this flow reads."""
    of, behind = mapper.names, {**_NAVIGATIONS, **(navigations or {})}
    header, line = dates[of.header_table], dates[of.line_table]
    lines = {**written(mapper.lines.fields, into.key), LINE_KEY_FIELD: in_finops(int)}
    return RequiredColumns(
        (
            *source_tables(of.header_set, of.header_id, (mapper.header,), behind, dates=header),
            *source_tables(of.line_set, of.line_id, (mapper.lines,), behind, dates=line),
            UsedTable(of.line_set, of.line_id, {of.line_header: LOOKUP}),
        ),
        (
            UsedCollection(into.headers, written(mapper.header.fields, into.key, *mapper.also_read), key=into.key),
            UsedCollection(into.lines, lines),
        ),
    )
