"""Sales quotations as F&O users edit them: without the service, and without its locks."""

from collections.abc import Mapping

from local.finops import quotationlines, quotations, saleslines
from local.finops.assortment import exact_number
from local.finops.refusals import Declined, Refused
from local.finops.schema import COMPANY, EntityType, load_schema
from local.finops.settings import Settings
from local.finops.tables import Row, Tables
from local.finops.writing import Target, Writer
from local.simulator.filters import Condition
from shared.records import Json

_NUMBER, _LINE, _LINES = "SalesQuotationNumber", saleslines.NUMBER, "lines"
# Lines show the status of their quotation.
_STATUS = "SalesQuotationStatus"


class SalesDesk:
    """The quotations of an environment, with what no client can change: status and generated order."""

    def __init__(self, tables: Tables, settings: Settings) -> None:
        self._tables = tables
        self._settings = settings
        self._writer = Writer(tables, settings, read_only_too=True)
        self._headers = load_schema().entities[quotations.SET_NAME]
        self._lines = load_schema().entities[quotationlines.SET_NAME]

    def put(self, quotation: Mapping[str, Json]) -> bool:
        """Change the given properties of a quotation and of its `lines`, by their numbers; what is not there is added.
        Returns whether the quotation is new. Raises Refused."""
        values, lines = _parted(quotation)
        with self._tables.writing():
            created = self._put(self._headers, self._key(quotation), values)
            for line in lines:
                self._put(self._lines, self._line_key(quotation, line), line)
            if _STATUS in values:
                self._show_status(quotation, values[_STATUS])
            return created

    def remove(self, quotation: Mapping[str, Json]) -> None:
        """Delete a quotation, or only those of its lines that are named. Raises Refused if there is none."""
        _, lines = _parted(quotation)
        with self._tables.writing():
            for line in lines:
                self._remove(self._lines, self._line_key(quotation, line))
            if _LINES not in quotation:
                self._remove(self._headers, self._key(quotation))

    def control(self, method: str, body: object) -> object:
        """Control `quotations`: POST a quotation by SalesQuotationNumber (and dataAreaId) with the properties that
        change, such as SalesQuotationStatus and GeneratedSalesOrderNumber, and with `lines`, each by its
        LineCreationSequenceNumber; DELETE removes the quotation, or the `lines` that are named; GET counts."""
        match method, body:
            case "POST" | "DELETE", {"SalesQuotationNumber": str() as number}:
                assert isinstance(body, dict)
                try:
                    return self._controlled(method, {name: _exact(value) for name, value in body.items()})
                except (Refused, Declined) as error:
                    raise ValueError(f"{_NUMBER} {number}: {error}") from error
            case "GET", _:
                return {"count": self._tables.count(self._headers, Condition("1"))}
        raise ValueError('Use GET, or POST or DELETE with {"SalesQuotationNumber": text, ..., "lines": [...]}.')

    def _controlled(self, method: str, quotation: Mapping[str, Json]) -> dict[str, int]:
        if method == "POST":
            created = self.put(quotation)
            return {"created": int(created), "updated": int(not created), "removed": 0}
        self.remove(quotation)
        return {"created": 0, "updated": int(_LINES in quotation), "removed": int(_LINES not in quotation)}

    def _put(self, of: EntityType, key: Row, values: Mapping[str, Json]) -> bool:
        if self._tables.find(of, key) is None:
            self._writer.create(of, {**values, **key})
            return True
        self._writer.update(Target(of, key, cross=True, if_match=None), values)
        return False

    def _remove(self, of: EntityType, key: Row) -> None:
        self._writer.delete(Target(of, key, cross=True, if_match=None))

    def _show_status(self, quotation: Mapping[str, Json], status: Json) -> None:
        key = self._key(quotation)
        where = Condition(" AND ".join(f'"{name}" = ?' for name in key), tuple(key.values()))
        many = self._tables.count(self._lines, where)
        for line in list(
            self._tables.select(self._lines, where, names=self._lines.key, order=(), limit=many, offset=0)
        ):
            self._put(self._lines, line.row, {_STATUS: status})

    def _key(self, quotation: Mapping[str, Json]) -> Row:
        company = str(quotation.get(COMPANY, self._settings.company)).lower()
        return {COMPANY: company, _NUMBER: str(quotation[_NUMBER])}

    def _line_key(self, quotation: Mapping[str, Json], line: Mapping[str, Json]) -> Row:
        number = line.get(_LINE)
        if not isinstance(number, int):
            raise ValueError(f"{line!r} is not a line; name its {_LINE}, a whole number.")  # noqa: TRY004
        return {**self._key(quotation), _LINE: number}


def _parted(quotation: Mapping[str, Json]) -> tuple[dict[str, Json], list[dict[str, Json]]]:
    """The properties of a quotation, and its lines."""
    lines = quotation.get(_LINES, [])
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise ValueError(f"{_LINES} of {quotation[_NUMBER]} is not a list of lines.")
    values = {name: value for name, value in quotation.items() if name != _LINES}
    return values, [line for line in lines if isinstance(line, dict)]


def _exact(value: Json | float) -> Json:
    """The numbers that were written, in lines too."""
    if isinstance(value, list):
        return [_exact(each) for each in value]
    if isinstance(value, dict):
        return {name: _exact(each) for name, each in value.items()}
    return exact_number(value)
