"""Documents of F&O as the demo reads them where they are the source: headers with their lines."""

from collections import defaultdict
from dataclasses import dataclass, replace

from local.demo.documents import LINES, plain
from local.demo.flows import Collection, Systems
from local.demo.systems import FINOPS
from shared.clients.finops.walk_keys import WalkKey
from shared.flows.sales_documents.mapping import LINE_KEY_FIELD
from shared.records import Json, SourceRow, Values, fold


@dataclass(frozen=True, slots=True)
class FinopsDocuments:
    """The documents of F&O by the key of their headers, each with its lines in the order of their numbers."""

    headers: Collection
    lines: Collection
    key: WalkKey
    system: str = FINOPS

    def ids(self, systems: Systems) -> list[str]:
        """The ids of all source records."""
        return [self._id_of(row) for row in replace(self.headers, columns=self.key.fields).rows(systems)]

    def records(self, systems: Systems, id: str | None = None) -> list[SourceRow]:
        """All source records, or the one with an id."""
        number = None if id is None else self.key.number_of(id)
        lines: dict[str, list[dict[str, Json]]] = defaultdict(list)
        for line in self.lines.rows(systems, number):
            lines[fold(self._id_of(line))].append(plain(line))
        found = {self._id_of(row): plain(row) for row in self.headers.rows(systems, number)}
        return [
            SourceRow(each, None, {**header, LINES: [*sorted(lines[fold(each)], key=_number)]})
            for each, header in found.items()
            if id is None or fold(each) == fold(id)
        ]

    def _id_of(self, row: Values) -> str:
        return str(self.key.id_of(row))


def _number(line: Values) -> int:
    return int(str(line[LINE_KEY_FIELD]))
