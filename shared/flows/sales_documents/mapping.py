"""What the mappings of quotations and orders have in common: what they read, and how lines are numbered and mapped."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.flows.sales_documents.lines import number_lines
from shared.flows.sales_documents.rows import lines_of, named, place_of
from shared.flows.sales_documents.value_maps import SalesDocumentMaps
from shared.mapping.amounts import DECIMALS
from shared.mapping.date_columns import DateColumns, behaviors_of, beside
from shared.mapping.field_table import Content, FieldTable
from shared.mapping.value_maps import ValueMaps, as_known_to
from shared.mapping.verdicts import Known, MappedLine, Remark
from shared.mapping.words import Ownership, Unmappable, currency
from shared.records import Json, References, Values

CURRENCY = currency("transactioncurrencyid.isocurrencycode", "CurrencyCode", ownership=Ownership.OWNED)
# The field that numbers the lines of a document in F&O.
LINE_KEY_FIELD = "LineCreationSequenceNumber"
# What a line cannot do without. Its product identifies it, and stays what it is.
NEEDED_IN_LINES = frozenset({"SalesUnitSymbol", "SalesPrice", "SalesPriceQuantity"})
FIXED_IN_LINES = frozenset({"ProductNumber"})


@dataclass(frozen=True, slots=True)
class DocumentNames:
    """How Sales names the two tables of a document and their columns. `number` is the column of the document's number,
    `line_header` the lookup from a line to its header."""

    header_set: str
    header_table: str
    header_id: str
    number: str
    line_set: str
    line_table: str
    line_id: str
    line_header: str


@dataclass(frozen=True, slots=True)
class MappedLines:
    """The lines of a document by number, every number that it has ever used, and what lines lose."""

    lines: Mapping[int, MappedLine]
    numbers: Mapping[int, str]
    remarks: tuple[Remark, ...]


class SalesDocumentMapper(ABC):
    """The part of a mapping that quotations and orders share. `dates` are the columns from which days are taken,
    `also_read` are texts of the header in F&O that are read besides the fields that are written."""

    also_read: tuple[str, ...] = ()

    def __init__(
        self, names: DocumentNames, header: FieldTable, lines: FieldTable, dates: DateColumns, maps: ValueMaps
    ) -> None:
        self.names = names
        self.header = header
        self.lines = lines
        self._dates = dates
        self._maps = as_known_to(SalesDocumentMaps, maps)

    @abstractmethod
    def reads_lines_of(self, header: Values) -> bool:
        """Whether the lines of a header say anything that it does not say alone."""

    @property
    def header_select(self) -> tuple[str, ...]:
        """The columns of a header to read."""
        return self.header.select

    @property
    def header_expand(self) -> dict[str, tuple[str, ...]]:
        """The navigations of a header to expand, with their columns."""
        return self.header.expand

    @property
    def line_select(self) -> tuple[str, ...]:
        """The columns of a line to read."""
        return self.lines.select

    @property
    def line_expand(self) -> dict[str, tuple[str, ...]]:
        """The navigations of a line to expand, with their columns."""
        return self.lines.expand

    @property
    def header_fields(self) -> tuple[str, ...]:
        """The fields of a header to read in F&O."""
        return (*self.header.target_fields, *self.also_read)

    @property
    def line_fields(self) -> tuple[str, ...]:
        """The fields of a line to read in F&O."""
        return self.lines.target_fields

    def basis(self, references: References, now: datetime) -> Json:  # noqa: ARG002 - the day counts for no document
        """What is looked up for every document: how its date columns behave. Raises SchemaDrift."""
        return {table: dict(behaviors_of(references, table, columns)) for table, columns in self._dates.items()}

    def check_headers(self, headers: Sequence[Values]) -> None:
        """Raises SchemaDrift if a column of a header is not of the type that the mapping knows."""
        for header in headers:
            self.header.check_source(header)

    def checked_lines(self, header: Values) -> list[Values]:
        """The lines of a header. Raises SchemaDrift if a column is not of the type that the mapping knows."""
        lines = lines_of(header)
        for line in lines:
            self.lines.check_source(line)
        return lines

    def header_content(self, header: Values, known: Known, looked_up: Values) -> Content:
        """The values of a header, with those that were looked up. Raises Unmappable, and SchemaDrift for a date."""
        return self.header.content({**header, **self._behaviors(known, self.names.header_table), **looked_up})

    def mapped_lines(self, header: Values, known: Known) -> MappedLines:
        """The lines of a header with their numbers. Raises Unmappable, and SchemaDrift for a date column."""
        lines = lines_of(header)
        decimals = self._maps.decimals(str(self.header.value(CURRENCY.field.name, header)))
        numbered = number_lines([place_of(line, self.names.line_id) for line in lines], known.numbers)
        also = {**self._behaviors(known, self.names.line_table), DECIMALS: decimals}
        mapped = {number: self._map_line(line, also) for number, line in zip(numbered.numbers, lines, strict=True)}
        remarks = tuple(remark for line in lines for remark in self.lines.remarks(line))
        return MappedLines(mapped, numbered.ever, remarks)

    def _behaviors(self, known: Known, table: str) -> Values:
        return beside(behaviors_of(known.references, table, self._dates[table]))

    def _map_line(self, line: Values, also: Values) -> MappedLine:
        try:
            content = self.lines.content({**line, **also})
        except Unmappable as wrong:
            told = f"{named(line)}: {wrong}"
            raise Unmappable(wrong.cause, told, remedy=wrong.remedy, value=wrong.value, lacks=wrong.lacks) from wrong
        return MappedLine(content.owned, content.on_create)
