"""A sample of a user's own records: what the flows' sources answer for them, or what stands in files of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared import exact_json
from shared.flows.quotations import quote_rows
from shared.flows.sales_documents.rows import HEADERS, LINES
from shared.records import Json, SourceRow, Values
from tests.simulation.script import FLOWS
from tests.simulation.settings import Mappers


class SampleUnusable(Exception):
    """A sample cannot be played; the message names the place, what is wrong there, and the remedy."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Records by flow, and rows of the small tables of Sales by table. A table without rows is made up."""

    records: Mapping[str, Sequence[SourceRow]]
    references: Mapping[str, Sequence[Values]] = field(default_factory=dict)

    def completed(self, mappers: Mappers) -> "Sample":
        """The same records with just the columns that the mappings read; what a record lacks is blank."""
        complete = {
            "accounts": lambda row: _only(row, (*mappers.accounts.select, *mappers.accounts.table.expand)),
            "contacts": lambda row: _only(row, (*mappers.contacts.select, *mappers.contacts.expand)),
            "products": lambda row: _only(row, mappers.products.select),
            "quotations": lambda row: _document(row, mappers),
        }
        return Sample(
            {
                flow: [SourceRow(row.id, row.version, complete[flow](row.values)) for row in rows]
                for flow, rows in self.records.items()
            },
            self.references,
        )


def _only(row: Values, columns: Iterable[str]) -> dict[str, Json]:
    return {name: row.get(name) for name in columns}


def _document(row: Values, mappers: Mappers) -> dict[str, Json]:
    of = mappers.quotations
    headers = (*of.header_select, *of.header_expand)
    lines = (*of.line_select, *of.line_expand)
    revisions: list[Json] = [
        {**_only(header, headers), LINES: [_only(line, lines) for line in rows_in(header, LINES)]}
        for header in rows_in(row, HEADERS)
    ]
    return {quote_rows.KEY_COLUMN: row.get(quote_rows.KEY_COLUMN), HEADERS: revisions}


def rows_in(row: Values, name: str) -> list[dict[str, Json]]:
    """The rows that are nested in a row."""
    nested = row.get(name)
    return [each for each in nested if isinstance(each, dict)] if isinstance(nested, list) else []


def read_sample(text: str) -> Sample:
    """A sample from the document that `p2c simulate` makes (shared/operations/sample.py). Raises SampleUnusable."""
    try:
        document = exact_json.loads(text)
        if not isinstance(document, dict):
            raise TypeError("no object")
        references = document["references"]
        return Sample(
            {flow: [_record(each) for each in document[flow]] for flow in FLOWS},  # type: ignore[union-attr]
            {name: list(rows) for name, rows in references.items()},  # type: ignore[union-attr, arg-type]
        )
    except (ValueError, TypeError, KeyError, AttributeError) as wrong:
        # What is wrong may hold records, so only its kind is told.
        raise SampleUnusable(
            f"what came by the pipe is no sample ({type(wrong).__name__}); call `p2c simulate --from-sandbox`"
        ) from None


def _record(record: Json) -> SourceRow:
    if not isinstance(record, dict) or not isinstance(record["values"], dict):
        raise TypeError("no record")
    return SourceRow(str(record["id"]), None, record["values"])
