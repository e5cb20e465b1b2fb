"""Opens the rows of an environment and fills a fresh one, from the seeds and from folders of sample records."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from local import jsonlines
from local.finops import products as sellable
from local.finops import seeds
from local.finops.assortment import Assortment
from local.finops.refusals import Refused
from local.finops.schema import COMPANY, EntityType, load_schema
from local.finops.served import SERVED
from local.finops.settings import Settings
from local.finops.tables import KeyTaken, Tables
from local.finops.values import stored
from local.finops.writing import Writer
from local.simulator.loading import Skip, column_in
from local.simulator.owncolumns import OwnColumns
from shared.records import Json

DATABASE = "finops.sqlite3"

FILES: Mapping[str, str] = {
    "fo_units.jsonl": "UnitsOfMeasure",
    **{f"{name.lower()}.jsonl": name for name in SERVED},
    "products.jsonl": sellable.SET_NAME,
}
"""Which file of a folder of sample records holds which collection; `products.jsonl` holds released products, in the
shape of ReleasedProductsV2 with name and description, all of them sellable."""


class FolderRefused(Exception):
    """A folder cannot be loaded; the message names file, line and reason."""


class RecordRefused(FolderRefused):
    """A record of a folder cannot be loaded; the message names file, line, column and reason."""


def open_tables(
    data: Path | None,
    load: Path | None,
    settings: Settings,
    *,
    products: int = 0,
    skip: Skip | None = None,
    own: OwnColumns = MappingProxyType({}),
) -> Tables:
    """The rows of an environment, ready to serve.

    `data` is where they are stored; None keeps them in memory. A folder of sample records (*.jsonl without a
    database) is never written into: it is loaded and kept in memory. A fresh environment gets the seeds and the
    records of `load` and so many made-up `products`. `own` are fields of the organisation's own, by collection. Raises
    FolderRefused; with `skip` a refused record is reported there and left out.
    """
    if load is not None and not load.is_dir():
        raise FolderRefused(f"There is no folder {load}; name a folder of *.jsonl files.")
    if data is not None and not (data / DATABASE).exists() and _has_samples(data):
        data, load = None, load or data
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
    tables = Tables(None if data is None else data / DATABASE, seed=settings.seed, schema=load_schema(_with_views(own)))
    try:
        if tables.is_empty():
            fill(tables, settings, load, products=products, skip=skip)
    except FolderRefused:
        tables.close()
        raise
    return tables


def _with_views(own: OwnColumns) -> OwnColumns:
    """A collection that shows the rows of another one has the fields of both, and so has the other."""
    found = {name: dict(columns) for name, columns in own.items()}
    for name, rules in SERVED.items():
        if rules.view_of and (both := {**found.get(name, {}), **found.get(rules.view_of, {})}):
            found[name] = found[rules.view_of] = both
    return found


def fill(
    tables: Tables, settings: Settings, folder: Path | None, *, products: int = 0, skip: Skip | None = None
) -> None:
    """Give a fresh environment its seeds, the sample records of a folder and so many made-up products.

    Raises FolderRefused; `skip` is as in open_tables.
    """
    with tables.writing():
        _insert_all(tables, settings, seeds.environment())
        if not _known(tables, settings.company):
            _insert_all(tables, settings, seeds.company_rows(settings.company.lower(), settings.company.upper()))
        # Products take the precision of their units over, so units come first.
        if not _has_units(folder):
            _insert_all(tables, settings, seeds.units())
        if folder is not None:
            load_folder(tables, settings, folder, skip)
        if products:
            _generate(tables, settings, products)


def load_folder(tables: Tables, settings: Settings, folder: Path, skip: Skip | None = None) -> int:
    """Add the sample records of a folder as they are; a company that is not known is made. Returns their number.

    Raises FolderRefused; `skip` is as in open_tables.
    """
    loaded = 0
    for file, set_name in FILES.items():
        for place, record in _records(folder / file):
            try:
                with tables.writing():
                    _load_record(tables, settings, set_name, record, place)
            except RecordRefused as refused:
                if skip is None:
                    raise
                skip(str(refused))
            else:
                loaded += 1
    return loaded


def _load_record(tables: Tables, settings: Settings, set_name: str, record: dict[str, Json], place: str) -> None:
    try:
        if set_name == sellable.SET_NAME:
            _load_product(tables, settings, Assortment(tables, settings), record, place)
        else:
            _load(tables, settings, Writer(tables, settings), set_name, record)
    except (Refused, KeyTaken) as error:
        text = str(error) or "its key is taken already"
        column = _refused_column(tables.schema.entities[set_name], record, text)
        raise RecordRefused(f"{place}: column {column}: {text.rstrip('.')}. Correct or remove it.") from error


def _refused_column(of: EntityType, record: dict[str, Json], text: str) -> str:
    """The column that a refusal is about: one whose value is of the wrong type, one that the text is about, or the
    key."""
    for name, value in record.items():
        try:
            if name in of.properties:
                stored(of.properties[name], value)
        except Refused:
            return name
    return column_in(record, text) or ", ".join(name for name in of.key if name != COMPANY)


def _load(tables: Tables, settings: Settings, writer: Writer, set_name: str, record: dict[str, Json]) -> None:
    of = tables.schema.entities[set_name]
    if of.company_specific:
        record = _with_company(tables, settings, record)
    writer.restore(of, record)


def _load_product(
    tables: Tables, settings: Settings, assortment: Assortment, record: dict[str, Json], place: str
) -> None:
    """A released product. What it says beyond the sellable product is not on the wire, but has to be a known name."""
    known = {*_released_properties(), *tables.schema.entities[sellable.SET_NAME].properties}
    unknown = [name for name in record if name not in known]
    if unknown:
        raise RecordRefused(
            f"{place}: column {unknown[0]}: it is not a property of a released product. Correct or remove it."
        )
    if not record.get("ProductNumber"):
        raise RecordRefused(f"{place}: column ProductNumber: it is missing. Give every product its number.")
    assortment.restore(_with_company(tables, settings, record))


@cache
def _released_properties() -> frozenset[str]:
    entities = load_schema().entities
    return frozenset(
        name for each in (sellable.SET_NAME, "ReleasedProductsV2", "ProductsV2") for name in entities[each].properties
    )


def _with_company(tables: Tables, settings: Settings, record: dict[str, Json]) -> dict[str, Json]:
    """The record with its company in lower case; a company that is not known is made."""
    company = str(record.get(COMPANY, settings.company)).lower()
    if not _known(tables, company):
        _insert_all(tables, settings, seeds.company_rows(company, company.upper()))
    return {**record, COMPANY: company}


def _generate(tables: Tables, settings: Settings, products: int) -> None:
    try:
        Assortment(tables, settings).generate(products)
    except KeyTaken as error:
        raise FolderRefused(
            "A product of the folder has the number of a made-up one; give it another or leave --products out."
        ) from error


def _insert_all(tables: Tables, settings: Settings, rows: seeds.Rows) -> None:
    writer = Writer(tables, settings)
    for set_name, record in rows:
        writer.restore(tables.schema.entities[set_name], record)


def _known(tables: Tables, company: str) -> bool:
    return tables.find(tables.schema.entities["LegalEntities"], {"LegalEntityId": company}) is not None


def _has_samples(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*.jsonl"))


def _has_units(folder: Path | None) -> bool:
    return folder is not None and any(
        (folder / file).exists() for file, name in FILES.items() if name == "UnitsOfMeasure"
    )


def _records(file: Path) -> Iterator[tuple[str, dict[str, Json]]]:
    if not file.exists():
        return
    try:
        yield from jsonlines.read(file)
    except jsonlines.LinesUnreadable as error:
        raise FolderRefused(str(error)) from error
