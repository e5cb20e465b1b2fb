"""Quotations and orders as F&O users edit them: without the service, and without its locks."""

from collections.abc import Mapping

from local.finops.assortment import exact_number
from local.finops.refusals import Declined, Refused
from local.finops.schema import COMPANY, EntityType
from local.finops.served import SERVED
from local.finops.settings import Settings
from local.finops.tables import Row, Tables
from local.finops.writing import Target, Writer
from local.simulator.auth import Clock, system_clock
from local.simulator.filters import Condition
from shared.records import Json

_LINES = "lines"


class SalesDesk:
    """The documents of an environment that have these `lines`, with what no client can change, such as their status."""

    def __init__(self, tables: Tables, settings: Settings, lines: str, *, clock: Clock = system_clock) -> None:
        owner = SERVED[lines].owner
        assert owner is not None
        self._number, self._line = owner.link, owner.number
        self._tables = tables
        self._settings = settings
        self._writer = Writer(tables, settings, read_only_too=True, clock=clock)
        self._headers = tables.schema.entities[owner.target]
        self._lines = tables.schema.entities[lines]

    def put(self, document: Mapping[str, Json]) -> bool:
        """Change the given properties of a document and of its `lines`, by their numbers; what is not there is added.
        Returns whether the document is new. Raises Refused."""
        values, lines = self._parted(document)
        with self._tables.writing():
            created = self._put(self._headers, self._key(document), values)
            for line in lines:
                self._put(self._lines, self._line_key(document, line), line)
            return created

    def remove(self, document: Mapping[str, Json]) -> None:
        """Delete a document, or only those of its lines that are named. Raises Refused if there is none."""
        _, lines = self._parted(document)
        with self._tables.writing():
            for line in lines:
                self._remove(self._lines, self._line_key(document, line))
            if _LINES not in document:
                self._remove(self._headers, self._key(document))

    def control(self, method: str, body: object) -> object:
        """Controls `quotations` and `orders`: POST a document by its number (and dataAreaId) with the properties that
        change, such as SalesQuotationStatus and GeneratedSalesOrderNumber, and with `lines`, each by its
        LineCreationSequenceNumber; DELETE removes the document, or the `lines` that are named; GET counts."""
        if method == "GET":
            return {"count": self._tables.count(self._headers, Condition("1"))}
        if (
            method not in ("POST", "DELETE")
            or not isinstance(body, dict)
            or not isinstance(body.get(self._number), str)
        ):
            raise ValueError(f'Use GET, or POST or DELETE with {{"{self._number}": text, ..., "lines": [...]}}.')
        try:
            return self._controlled(method, {name: exact(value) for name, value in body.items()})
        except (Refused, Declined) as error:
            raise ValueError(f"{self._number} {body[self._number]}: {error}") from error

    def _controlled(self, method: str, document: Mapping[str, Json]) -> dict[str, int]:
        if method == "POST":
            created = self.put(document)
            return {"created": int(created), "updated": int(not created), "removed": 0}
        self.remove(document)
        return {"created": 0, "updated": int(_LINES in document), "removed": int(_LINES not in document)}

    def _put(self, of: EntityType, key: Row, values: Mapping[str, Json]) -> bool:
        if self._tables.find(of, key) is None:
            self._writer.create(of, {**values, **key})
            return True
        self._writer.update(Target(of, key, cross=True, if_match=None), values)
        return False

    def _remove(self, of: EntityType, key: Row) -> None:
        self._writer.delete(Target(of, key, cross=True, if_match=None))

    def _key(self, document: Mapping[str, Json]) -> Row:
        company = str(document.get(COMPANY, self._settings.company)).lower()
        return {COMPANY: company, self._number: str(document[self._number])}

    def _line_key(self, document: Mapping[str, Json], line: Mapping[str, Json]) -> Row:
        number = line.get(self._line)
        if not isinstance(number, int):
            raise ValueError(f"{line!r} is not a line; name its {self._line}, a whole number.")  # noqa: TRY004
        return {**self._key(document), self._line: number}

    def _parted(self, document: Mapping[str, Json]) -> tuple[dict[str, Json], list[dict[str, Json]]]:
        """The properties of a document, and its lines."""
        lines = document.get(_LINES, [])
        if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
            raise ValueError(f"{_LINES} of {document[self._number]} is not a list of lines.")
        values = {name: value for name, value in document.items() if name != _LINES}
        return values, [line for line in lines if isinstance(line, dict)]


def exact(value: Json | float) -> Json:
    """The numbers that were written, in lines too."""
    if isinstance(value, list):
        return [exact(each) for each in value]
    if isinstance(value, dict):
        return {name: exact(each) for name, each in value.items()}
    return exact_number(value)
