"""The sellable products of an environment, changed from outside of the service: its clients can only read them."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from local.finops.generating import generated_products
from local.finops.products import PRECISION_OF_UNIT, SET_NAME
from local.finops.refusals import Declined, Refused
from local.finops.schema import COMPANY
from local.finops.settings import Settings
from local.finops.tables import Record, Row, Tables
from local.finops.values import Stored
from local.finops.writing import Target, Writer
from local.simulator.filters import Condition
from shared.records import Json

_NUMBER = "ProductNumber"
_ALL = 10**9


class Assortment:
    """The products as users of the company maintain them.

    The currency of a product is always the accounting currency of its company; the precision of a unit
    is that of the unit unless it is given.
    """

    def __init__(self, tables: Tables, settings: Settings) -> None:
        self._tables = tables
        self._settings = settings
        self._writer = Writer(tables, settings, read_only_too=True)
        self._of = tables.schema.entities[SET_NAME]

    def restore(self, record: Mapping[str, Json]) -> None:
        """Add a product as it is known to be, from a record that may say more. Raises Refused and KeyTaken."""
        given = {name: value for name, value in record.items() if name in self._of.properties}
        self._writer.restore(self._of, self._completed(given))

    def put(self, record: Mapping[str, Json]) -> bool:
        """Add a product or change the given properties of it; returns whether it is new. Raises Refused."""
        with self._tables.writing():
            key = self._key(record)
            if self._tables.find(self._of, key) is None:
                self._writer.create(self._of, self._completed(record))
                return True
            self._writer.update(Target(self._of, key, cross=True, if_match=None), self._completed(record))
            return False

    def remove(self, record: Mapping[str, Json]) -> None:
        """Take a product out: it is not sellable any more. Raises Refused if there is none."""
        self._writer.delete(Target(self._of, self._key(record), cross=True, if_match=None))

    def generate(self, count: int) -> None:
        """Add made-up products to the default company, the same for the same seed."""
        rows = generated_products(count, seed=self._settings.seed, units=self._units())
        self._tables.insert_all(self._of, (self._made_up(row) for row in rows))

    def count(self) -> int:
        """How many products there are, in all companies."""
        return self._tables.count(self._of, Condition("1"))

    def control(self, method: str, body: object) -> object:
        """Control `products`: POST a product, or a list of them, by ProductNumber (and dataAreaId) with the properties
        that change; DELETE removes those that are named alike; GET counts."""
        match method, body:
            case "POST" | "DELETE", dict():
                return self._controlled(method, [body])
            case "POST" | "DELETE", list():
                return self._controlled(method, body)
            case "GET", _:
                return {"count": self.count()}
        raise ValueError('Use GET, or POST or DELETE with {"ProductNumber": text, ...} or a list of these.')

    def _controlled(self, method: str, records: list[object]) -> dict[str, int]:
        done = {"created": 0, "updated": 0, "removed": 0}
        with self._tables.writing():
            for record in records:
                done[self._apply(method, record)] += 1
        return done

    def _apply(self, method: str, record: object) -> str:
        if not isinstance(record, dict) or not isinstance(record.get(_NUMBER), str):
            raise ValueError(f"{record!r} is not a product; name its {_NUMBER}, a text.")  # noqa: TRY004
        given = {name: exact_number(value) for name, value in record.items()}
        try:
            if method == "DELETE":
                self.remove(given)
                return "removed"
            return "created" if self.put(given) else "updated"
        except (Refused, Declined) as error:
            raise ValueError(f"{_NUMBER} {record[_NUMBER]}: {error}") from error

    def _key(self, record: Mapping[str, Json]) -> Row:
        company = str(record.get(COMPANY, self._settings.company)).lower()
        return {COMPANY: company, _NUMBER: str(record[_NUMBER])}

    def _completed(self, given: Mapping[str, Json]) -> dict[str, Json]:
        """What is given of a product, with what follows from its company and its units."""
        precisions: dict[str, Json] = {
            precision: self._precision(symbol)
            for name, precision in PRECISION_OF_UNIT.items()
            if precision not in given and isinstance(symbol := given.get(name), str)
        }
        company = str(given.get(COMPANY, self._settings.company)).lower()
        return {**given, **precisions, COMPANY: company, "CurrencyCode": self._settings.accounting_currency}

    def _precision(self, symbol: str) -> int:
        unit = self._tables.find(self._tables.schema.entities["UnitsOfMeasure"], {"UnitSymbol": symbol})
        return 0 if unit is None else int(unit.row["DecimalPrecision"] or 0)

    def _units(self) -> dict[str, int]:
        of = self._tables.schema.entities["UnitsOfMeasure"]
        names = ("UnitSymbol", "DecimalPrecision")
        found: Iterator[Record] = self._tables.select(of, Condition("1"), names=names, order=(), limit=_ALL, offset=0)
        return {str(unit.row["UnitSymbol"]): int(unit.row["DecimalPrecision"] or 0) for unit in found}

    def _made_up(self, row: Row) -> Row:
        fixed: dict[str, Stored] = {
            COMPANY: self._settings.company,
            "CurrencyCode": self._settings.accounting_currency,
        }
        own: Row = {each.name: each.initial for each in self._of.properties.values() if each.own}
        return {**row, **fixed, **own}


def exact_number(value: Json | float) -> Json:
    """The number that was written: the control plane reads prices as floats."""
    return Decimal(str(value)) if isinstance(value, float) else value
