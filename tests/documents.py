"""The generated tables of docs/, made from the code: `make docs` writes them, the tests compare them.

A table stands between `<!-- generated: NAME -->` and `<!-- /generated -->`; its rows come from what they describe.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from p2c.commands.maps import markdown_of
from shared.flows.accounts.mapping import AccountChoices, AccountMapper, OnHold
from shared.flows.contacts.mapping import ContactChoices, ContactMapper
from shared.flows.invoices.mapping import InvoiceMapper
from shared.flows.orders.mapping import OrderChoices, OrderMapper
from shared.flows.ordersback.created import CreatedOrders
from shared.flows.ordersback.mapping import OrdersBackMapper
from shared.flows.products.mapping import ProductMapper
from shared.flows.quotations.mapping import QuotationChoices, QuotationMapper
from shared.flows.registry import FLOWS
from shared.flows.spec import Deployment
from shared.mapping.addresses import AddressRules
from shared.mapping.field_table import FieldTable
from shared.mapping.names import shipped
from shared.mapping.words import Ownership
from shared.settings import settings_table
from shared.systems import System
from shared.telemetry import EVENTS
from tests.infra.inventory import inventory
from tests.infra.snapshots import INFRA
from tests.support.project import ROOT

DOCS = ROOT / "docs"
MAPS = FLOWS.read_map_document(None)
DEPLOYMENT = Deployment(
    FLOWS,
    FLOWS.read_settings(
        {
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
            "DATAVERSE_URL": "https://sales.example.com",
            "FINOPS_URL": "https://finops.example.com",
            "COMPANY": "demo",
        }
    ),
    MAPS,
)
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def settings() -> list[str]:
    """The table of settings."""
    rows = [
        f"| `{name}` | {'required' if default == 'required' else _code(default)} | {allowed} | {meaning} |"
        for name, default, allowed, meaning in settings_table(FLOWS.settings)
    ]
    return ["| setting | default | allowed | meaning |", "|---|---|---|---|", *rows]


def accounts() -> list[str]:
    """The mapping of accounts, with the fields that are off by default."""
    everything = AccountChoices(on_hold_when_ended=OnHold.ALL, addresses=AddressRules(county=True, street_number=True))
    return _fields_of(AccountMapper(MAPS).table, AccountMapper(MAPS, everything).table)


def products() -> list[str]:
    """The mapping of products."""
    return _columns_of(ProductMapper(MAPS).table)


def order_status() -> list[str]:
    """The mapping of what comes back of orders."""
    return _columns_of(OrdersBackMapper(MAPS).table)


def created_orders() -> list[str]:
    """The mapping of orders that were made in F&O."""
    return _columns_of(CreatedOrders(MAPS).header)


def created_order_lines() -> list[str]:
    """The mapping of their lines."""
    return _columns_of(CreatedOrders(MAPS).lines)


def invoice_header() -> list[str]:
    """The mapping of invoices."""
    return _columns_of(InvoiceMapper(MAPS).header)


def invoice_lines() -> list[str]:
    """The mapping of the lines of invoices."""
    return _columns_of(InvoiceMapper(MAPS).lines)


def contact_persons() -> list[str]:
    """The mapping of contacts to contact persons."""
    return _fields_of(ContactMapper(MAPS).person, ContactMapper(MAPS, EVERY_CONTACT).person)


def contact_customers() -> list[str]:
    """The mapping of contacts to customers."""
    return _fields_of(ContactMapper(MAPS).customer, ContactMapper(MAPS, EVERY_CONTACT).customer)


def quotations() -> list[str]:
    """The mapping of quotes."""
    return _fields_of(QuotationMapper(MAPS).header, QuotationMapper(MAPS, EVERY_QUOTE).header)


def quotation_lines() -> list[str]:
    """The mapping of the lines of quotes."""
    return _fields_of(QuotationMapper(MAPS).lines, QuotationMapper(MAPS, EVERY_QUOTE).lines)


def orders_table() -> list[str]:
    """The mapping of orders."""
    return _fields_of(OrderMapper(MAPS).header, OrderMapper(MAPS, EVERY_ORDER).header)


def order_lines() -> list[str]:
    """The mapping of the lines of orders."""
    return _fields_of(OrderMapper(MAPS).lines, OrderMapper(MAPS, EVERY_ORDER).lines)


EVERY_CONTACT = ContactChoices(on_hold_when_ended=OnHold.ALL, addresses=AddressRules(county=True, street_number=True))
EVERY_QUOTE = QuotationChoices(addresses=AddressRules(street_number=True))
EVERY_ORDER = OrderChoices(origin="ORDERS_ORIGIN", addresses=AddressRules(street_number=True))


def _fields_of(shipped: FieldTable, every: FieldTable) -> list[str]:
    """Every field that a mapping to F&O can send, with what is sent by default."""
    usual = {row.field: row for row in shipped.rows()}
    rows = tuple(usual.get(row.field, replace(row, ownership=Ownership.OFF)) for row in every.rows())
    return list(markdown_of(rows, System.FINOPS))


def _columns_of(table: FieldTable) -> list[str]:
    """Every column that a mapping to Sales can send."""
    return list(markdown_of(table.rows(), System.DATAVERSE))


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def events() -> list[str]:
    """The contract of the events."""
    rows = [
        f"| `{name}` | {event.meaning} | {_fields({**event.fields, **event.optional})} |"
        for name, event in EVENTS.items()
    ]
    return ["| event | when | fields |", "|---|---|---|", *rows]


def _fields(fields: Mapping[str, str]) -> str:
    return "<br>".join(f"`{name}`: {meaning}" for name, meaning in fields.items())


_PARAMETER = re.compile(r"^@description\('((?:[^'\\]|\\.)*)'\)\nparam (\w+) .*?(?: = (.+))?$", re.MULTILINE)


def parameters() -> list[str]:
    """What a deployment is asked for, and what it may be told."""
    variables = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    rows = []
    for meaning, name, value in _PARAMETER.findall((INFRA / "main.bicep").read_text(encoding="utf-8")):
        given = variables.pop(name)["value"]
        variable = f"`{given.strip('${}')}`" if isinstance(given, str) else "the names of the settings"
        default = "required" if not value else "" if not isinstance(given, str) else _code(value.strip("'"))
        rows.append(f"| {variable} | {default} | {meaning} |")
    if variables:
        raise LookupError(f"main.bicep describes no {', '.join(variables)}: put @description right above the parameter")
    return ["| azd variable | default | meaning |", "|---|---|---|", *rows]


def resources() -> list[str]:
    """What is created, what for, and what it costs while nothing happens."""
    rows = [
        f"| {item.purpose} | {item.what} | {item.usual or ''} | {item.whole or ''} | {item.idle} |"
        for item in inventory()
    ]
    header = "| for | resource | as a rule | with all options | a month when idle |"
    return [header, "|---|---|---|---|---|", *rows]


_EXAMPLE = ROOT / "tests" / "flows" / "pricelists"


def _file_of_flow(name: str) -> list[str]:
    """A file of the flow that docs/adding-a-flow.md adds, as it stands in its folder there."""
    text = (_EXAMPLE / name).read_text(encoding="utf-8").replace("tests.flows.", "shared.flows.")
    path = f"shared/flows/pricelists/{name}"
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--quiet",
        "--select",
        "I",
        "--fix",
        "--stdin-filename",
        path,
        "-",
    ]
    sorted_ = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return [f'```python title="{path}"', *sorted_.splitlines(), "```"]


GENERATED: Mapping[str, Callable[[], list[str]]] = {
    "parameters": parameters,
    "resources": resources,
    "events": events,
    "settings": settings,
    "accounts": accounts,
    "contact_persons": contact_persons,
    "contact_customers": contact_customers,
    "products": products,
    "quotations": quotations,
    "quotation_lines": quotation_lines,
    "orders": orders_table,
    "order_lines": order_lines,
    "order_status": order_status,
    "created_orders": created_orders,
    "created_order_lines": created_order_lines,
    "invoices": invoice_header,
    "invoice_lines": invoice_lines,
    "pricelists_name": partial(_file_of_flow, "__init__.py"),
    "pricelists_mapping": partial(_file_of_flow, "mapping.py"),
    "pricelists_settings": partial(_file_of_flow, "settings.py"),
    "pricelists_wiring": partial(_file_of_flow, "wiring.py"),
}


def generated_in(document: str) -> list[str]:
    """The names of the generated tables of a document."""
    return [found[2] for found in _PART.finditer(document)]


def renewed(document: str) -> str:
    """A document with its generated tables as they should be. Raises LookupError for a table that nothing makes."""
    return _PART.sub(lambda part: part[1] + "\n".join(_rows(part[2])) + "\n" + part[3], document)


def _rows(name: str) -> list[str]:
    if name not in GENERATED:
        raise LookupError(f"nothing makes the table {name}; there are {', '.join(GENERATED)}")
    return GENERATED[name]()


MAP_SCHEMA = "map-document.schema.json"


def map_schema() -> str:
    """The JSON Schema of the map document: an editor completes the fields of each mapping, and accepts further ones."""
    schema = FLOWS.value_maps.model_json_schema()
    schema["title"] = "Map document of the Prospect-to-cash sync"
    schema["properties"]["$schema"] = {"type": "string"}
    parts = schema["properties"]["fields"]
    (entry,) = parts["additionalProperties"]["patternProperties"].values()
    schema["$defs"]["FieldEntry"] = entry
    every = {"$ref": "#/$defs/FieldEntry"}
    parts["properties"] = {
        table.part: {
            "type": "object",
            "properties": {
                name: every for name, known in shipped()[table.target_set].names.items() if not known.refused
            },
            "additionalProperties": every,
        }
        for flow in FLOWS
        for table in flow.tables(DEPLOYMENT)
    }
    parts["additionalProperties"] = False
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def write(docs: Path = DOCS) -> list[Path]:
    """Write every generated table of a folder's documents anew, and the schema; the files that have changed by it."""
    changed = []
    schema = docs / MAP_SCHEMA
    if not schema.exists() or schema.read_text(encoding="utf-8") != map_schema():
        schema.write_text(map_schema(), encoding="utf-8")
        changed.append(schema)
    for file in sorted(docs.glob("*.md")):
        before = file.read_text(encoding="utf-8")
        after = renewed(before)
        if after != before:
            file.write_text(after, encoding="utf-8")
            changed.append(file)
    return changed


if __name__ == "__main__":
    sys.stdout.write(
        "".join(f"written: {file.relative_to(ROOT)}\n" for file in write()) or "every table is as it was\n"
    )
