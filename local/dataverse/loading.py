"""Loads sample rows from JSON lines: rows that existed before, so nothing is computed and no automation runs. What the
installation of the Prospect-to-cash solution does to existing rows is done to them."""

from collections.abc import Mapping
from pathlib import Path

from local import jsonlines
from local.dataverse import automation, rules
from local.dataverse.organisation import APPLICATION_USER_ID, BUSINESS_UNIT_ID, Organisation, fixed_id
from local.dataverse.refusals import Refused
from local.dataverse.schema import EntityType, Property
from local.dataverse.values import moment, stored
from local.simulator.loading import Skip, column_in
from local.simulator.store import Row
from shared.records import Json

# In the order in which rows refer to each other; contacts come from two files.
FILES = {
    "transactioncurrencies.jsonl": "transactioncurrency",
    "systemusers.jsonl": "systemuser",
    "uomschedules.jsonl": "uomschedule",
    "uoms.jsonl": "uom",
    "pricelevels.jsonl": "pricelevel",
    "accounts.jsonl": "account",
    "contacts.jsonl": "contact",
    "contacts_individuals.jsonl": "contact",
}
# Columns that the platform counts itself: their values in a line are not read.
_COUNTED: Mapping[str, Row] = {"quote": {"revisionnumber": 0}}
# What usually comes later: products by the sync, documents from sales people and from F&O.
PRODUCTS = {
    "products_dataverse.jsonl": "product",
    "quotes.jsonl": "quote",
    "quotedetails.jsonl": "quotedetail",
    "salesorders.jsonl": "salesorder",
    "salesorderdetails.jsonl": "salesorderdetail",
    "invoices.jsonl": "invoice",
    "invoicedetails.jsonl": "invoicedetail",
}
_SHOWN = 60
_LOGICAL_NAME = "@Microsoft.Dynamics.CRM.lookuplogicalname"


class LineRefused(Exception):
    """A line of a sample file does not fit; the message names file, line, column and value."""


def has_rows(folder: Path) -> bool:
    """Whether the folder holds any file that `load_folder` reads."""
    return any((folder / name).is_file() for name in FILES)


def load_folder(organisation: Organisation, folder: Path, *, products: bool = False, skip: Skip | None = None) -> int:
    """Add the rows of all known files of the folder; returns how many. Raises LineRefused, and then adds none; with
    `skip` a refused line is reported there and left out.

    A file that is missing means no such rows; references to rows that are missing stay as they are. Products and
    their quotes are loaded on demand only, because usually the sync brings the products.
    """
    files = {**FILES, **PRODUCTS} if products else FILES
    count = 0
    with organisation.store.transaction():
        for name, table in files.items():
            if table in organisation.schema.entities and (folder / name).is_file():
                count += _load_file(organisation, organisation.entity(table), folder / name, skip)
        if organisation.schema.solution:
            automation.install(organisation)
        _complete_schedules(organisation)
        _set_base_currency(organisation)
    return count


def _load_file(organisation: Organisation, entity: EntityType, file: Path, skip: Skip | None) -> int:
    count = 0
    try:
        for place, content in jsonlines.read(file):
            try:
                with organisation.store.transaction():
                    _load_row(organisation, entity, content, place)
            except LineRefused as refused:
                if skip is None:
                    raise
                skip(str(refused))
            else:
                count += 1
    except jsonlines.LinesUnreadable as error:
        raise LineRefused(str(error)) from error
    return count


def _load_row(organisation: Organisation, entity: EntityType, content: dict[str, Json], place: str) -> None:
    row = _standing(organisation, entity) | _row(entity, content, place)
    if row.get(entity.primary_id) is None:
        raise LineRefused(f"{place}: column {entity.primary_id} is missing; give every row its id.")
    row = _completed(entity, row) | _COUNTED.get(entity.name, {})
    try:
        organisation.add(entity, row)
    except Refused as error:
        # What names no column is about the id itself.
        column = column_in(content, str(error)) or entity.primary_id
        raise LineRefused(f"{place}: column {column}, id {row[entity.primary_id]}: {error}") from error


def _standing(organisation: Organisation, entity: EntityType) -> Row:
    """What a row has that was there all along: nulls, no automation, the application user as its author."""
    row: Row = {}
    for property_ in entity.properties.values():
        # Columns of the solution stay null: the rows are older than it.
        has_default = isinstance(property_.default, bool | int) and not property_.column.startswith("msdynce_")
        row[property_.column] = (
            int(property_.default) if has_default and isinstance(property_.default, bool | int) else None
        )
        if property_.type_column:
            row[property_.type_column] = None
    fixed = {
        "createdby": APPLICATION_USER_ID,
        "modifiedby": APPLICATION_USER_ID,
        "owningbusinessunit": BUSINESS_UNIT_ID,
        "businessunitid": BUSINESS_UNIT_ID,
        "organizationid": organisation.setting("organizationid"),
    }
    row |= {name: value for name, value in fixed.items() if name in entity.columns}
    if "ownerid" in entity.columns:
        row |= {"ownerid": APPLICATION_USER_ID, "ownerid__type": "systemuser"}
    now = moment(organisation.clock())
    return row | {name: now for name in ("createdon", "modifiedon") if name in entity.columns}


def _row(entity: EntityType, content: dict[str, Json], place: str) -> Row:
    row: Row = {}
    for name, value in content.items():
        if name.endswith(_LOGICAL_NAME):
            continue
        of = entity.properties.get(name)
        if of is None:
            raise LineRefused(f"{place}: column {name} is not a column of {entity.name} (value {_short(value)}).")
        try:
            row[of.column] = stored(of, value, entity)
        except Refused as error:
            raise LineRefused(f"{place}: column {name}, value {_short(value)}: {error}") from error
        if of.type_column:
            row[of.type_column] = _table(of, content, place)
    if "modifiedon" in row and "createdon" not in row:
        row["createdon"] = row["modifiedon"]
    return row


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _table(of: Property, content: dict[str, Json], place: str) -> str:
    """Which table a polymorphic lookup points to."""
    named = content.get(of.name + _LOGICAL_NAME, of.targets[0])
    if named not in of.targets:
        raise LineRefused(f"{place}: column {of.name}: {named!r} is not one of {', '.join(of.targets)}.")
    return str(named)


def _completed(entity: EntityType, row: Row) -> Row:
    """The owner's share, and a status that fits the state if the line names none."""
    if "owninguser" in entity.columns:
        row["owninguser"] = row["ownerid"] if row.get("ownerid__type") == "systemuser" else None
    status = entity.columns.get("statuscode")
    state = row.get("statecode")
    if status is not None and row.get("statuscode") is None and isinstance(state, int):
        row["statuscode"] = status.status_of_state.get(state)
    return row


def _complete_schedules(organisation: Organisation) -> None:
    """A unit schedule without a base unit gets it, as it would when it is created: the unit of its base name.

    Usually the base unit is in the file of the units, with its own id.
    """
    entity = organisation.entity("uom")
    for schedule in organisation.rows("uomschedule"):
        units = organisation.rows("uom", uomscheduleid=schedule["uomscheduleid"])
        if any(unit["isschedulebaseuom"] for unit in units) or not schedule["baseuomname"]:
            continue
        known = [unit for unit in units if unit["name"] == schedule["baseuomname"]]
        if known:
            organisation.change(entity, str(known[0]["uomid"]), {"isschedulebaseuom": 1})
            continue
        unit_id = fixed_id(f"base unit {schedule['uomscheduleid']}")
        row = _standing(organisation, entity) | rules.base_unit(organisation, schedule) | {"uomid": unit_id}
        organisation.add(entity, row)


def _set_base_currency(organisation: Organisation) -> None:
    """The currency with the rate 1 is the base currency of the organisation."""
    currencies = [row for row in organisation.rows("transactioncurrency") if row["exchangerate"] in ("1", "1.0")]
    entity = organisation.entity("organization")
    if currencies and organisation.setting("basecurrencyid") is None:
        base = currencies[0]["transactioncurrencyid"]
        organisation.change(entity, str(organisation.setting("organizationid")), {"basecurrencyid": base})
