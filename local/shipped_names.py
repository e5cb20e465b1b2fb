"""Writes the names that the map document is checked against (shared/mapping/names.json), from the schemas of the
simulators.

    python -m local.shipped_names

What is deployed knows no schema of `local/`: this file holds what a mapping needs of them, which is the names of the
tables that flows read and write, with types, lengths, options and members.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.mapping.names import SHIPPED

SCHEMAS = Path(__file__).with_name("schemas")
Facts = Mapping[str, Any]
# The collections of F&O that the flows read or write.
COLLECTIONS = (
    "CustomersV3",
    "CDSContactPersonsV2",
    "SellableReleasedProducts",
    "CDSSalesQuotationHeaders",
    "CDSSalesQuotationLines",
    "CDSSalesOrderHeaders",
    "CDSSalesOrderLines",
    "CDSSalesOrderLinesV2",
    "ExternallyMaintainedCustomerSalesInvoiceHeaders",
    "ExternallyMaintainedCustomerSalesInvoiceLinesV2",
    "CustomerGroups",
)
# Never mapped, whatever a document says (docs/rules.md): what identifies a person, and whom they live with.
NEVER = frozenset({"governmentid", "spousesname", "GovernmentIdentificationNumber", "SpouseName"})
# The numbers by which the sync finds the rows that it has written: it writes them itself.
_NUMBERS = {
    "product": "productnumber",
    "salesorder": "ordernumber",
    "salesorderdetail": "sequencenumber",
    "invoice": "invoicenumber",
    "invoicedetail": "sequencenumber",
}
# Tables of Sales about programs, not about business.
_LEFT_OUT = frozenset({"sdkmessage", "sdkmessagefilter"})
_KINDS = {
    "Edm.String": "text",
    "Edm.Guid": "id",
    "Edm.Int32": "whole",
    "Edm.Int64": "whole",
    "Edm.Decimal": "decimal",
    "Edm.Double": "decimal",
    "Edm.Boolean": "yes_no",
    "Edm.DateTimeOffset": "date",
    "Edm.Date": "date",
}


def names() -> dict[str, Any]:
    """The content of the file."""
    tables = dict(_of_sales())
    finops = _read("finops-schema.json")
    for name in COLLECTIONS:
        fields = finops["entities"][name]["fields"]
        tables[name] = {"columns": {each["name"]: _field(each) for each in fields if each["name"] not in NEVER}}
    used = {field["enum"] for name in COLLECTIONS for field in finops["entities"][name]["fields"] if field["enum"]}
    return {"tables": tables, "members": {name: _members(finops["enums"][name]) for name in sorted(used)}}


def _of_sales() -> Iterator[tuple[str, dict[str, Any]]]:
    added = _read("dataverse-p2c-solution.json")["entities"]
    for name, table in _read("dataverse-schema.json")["entities"].items():
        if name in _LEFT_OUT:
            continue
        attributes = [*table["attributes"], *added.get(name, {}).get("attributes", ())]
        number = _NUMBERS.get(name)
        columns = {each["name"]: _column(each, number) for each in attributes if each["name"] not in NEVER}
        lookups: dict[str, list[str]] = {}
        for lookup in table["lookups"]:
            columns[lookup["attribute"]] = "lookup" + (" read_only" if lookup["read_only"] else "")
            columns[lookup["value_property"]] = "id read_only"
            for way in lookup["navigation"]:
                lookups[way["nav"]] = [lookup["attribute"], way["entity_set"]]
        of_table = {"table": name, "id": table["primary_id"], "lookups": lookups, "columns": columns}
        yield table["entity_set"], of_table


def _column(column: Facts, number: str | None) -> str:
    kind, further = _KINDS[column["edm_type"]], ""
    if column.get("options"):
        # An organisation adds options of its own to a choice, so those that are delivered prove nothing.
        kind = "option"
    elif kind == "date":
        further = str(column["date_behavior"])
    elif kind == "text":
        further = str(column.get("max_length") or "")
    key = "key" if column.get("primary_id") or column["name"] == number else ""
    return " ".join(part for part in (kind, further, key, "read_only" if column["read_only"] else "") if part)


def _field(field: Facts) -> str:
    kind = "member" if field["enum"] else _KINDS[field["type"]]
    further = field["enum"] or (str(field["max_length"] or "") if kind == "text" else "")
    flags = ("key" if field["key"] else "", "read_only" if field.get("read_only_inferred") else "")
    return " ".join(part for part in (kind, further, *flags) if part)


def _members(enumeration: Facts) -> list[str]:
    """Its members by value: the first one is that of a new record."""
    return [member["name"] for member in sorted(enumeration["members"], key=lambda member: member["value"])]


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    return content


def text() -> str:
    """The file: one line for each table, so that a change shows where it is."""
    content = names()
    parts = [
        f' "{part}": {{\n'
        + ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in content[part].items())
        + "\n }"
        for part in ("tables", "members")
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    SHIPPED.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"written: {SHIPPED.name}\n")
