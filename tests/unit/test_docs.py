"""The documentation says what the code does. `python -m tests.unit.test_docs` writes the generated parts anew."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from shared.mapping.accounts import TARGET_SET, AccountChoices, AccountMapper, OnHold
from shared.mapping.addresses import AddressRules
from shared.mapping.contacts import ContactChoices, ContactMapper, customer_words, person_words
from shared.mapping.products import ProductMapper
from shared.mapping.quotations import FILTERS, QuotationChoices, QuotationMapper, header_words, line_words
from shared.mapping.table import FieldTable
from shared.mapping.value_maps import Condition, Defaults, ValueMaps, read_value_maps
from shared.mapping.vocabulary import Word
from shared.operations.filters import FILTERS as IN_WORDS
from shared.settings import settings_table
from shared.state.links import LinkState
from shared.telemetry import EVENTS
from tests.infra.deployment import INFRA
from tests.infra.findings import Findings
from tests.infra.syntax import literal, parts, read_source, text

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RULES = (DOCS / "rules.md").read_text(encoding="utf-8")
MAPPING = (DOCS / "mapping.md").read_text(encoding="utf-8")
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def settings() -> list[str]:
    """The table of settings."""
    rows = [
        f"| `{name}` | {'required' if default == 'required' else _code(default)} | {allowed} | {meaning} |"
        for name, default, allowed, meaning in settings_table()
    ]
    return ["| setting | default | allowed | meaning |", "|---|---|---|---|", *rows]


def accounts() -> list[str]:
    """The mapping of accounts, with the fields that are off by default."""
    maps = read_value_maps(None)
    shipped = AccountMapper(maps).table
    everything = AccountChoices(on_hold_when_ended=OnHold.ALL, addresses=AddressRules(county=True, street_number=True))
    on = maps.model_copy(update={"ownership": {"accounts": {"CreditLimit": "owned"}}})
    table = AccountMapper(on, everything).table
    verified = {field.name: field.max_length for field in table.fields}
    sent = {field: ownership for field, ownership, _, _ in shipped.describe()}
    rows = []
    for field, _, columns, rule in table.describe():
        usual = maps.lengths_of(TARGET_SET).get(field)
        length = str(verified[field] or "") or (f"*{usual}*" if usual else "")
        rows.append(f"| `{field}` | {sent.get(field, 'off')} | {_columns(columns)} | {rule} | {length} |")
    return ["| F&O field | ownership | Sales column | how | length |", "|---|---|---|---|---|", *rows]


def products() -> list[str]:
    """The mapping of products."""
    table = ProductMapper(read_value_maps(None)).table
    lengths = {field.name: str(field.max_length or "") for field in table.fields}
    rows = [
        f"| `{field}` | {ownership} | {_code(columns)} | {rule} | {lengths[field]} |"
        for field, ownership, columns, rule in table.describe()
    ]
    return ["| Sales column | ownership | F&O field | how | length |", "|---|---|---|---|---|", *rows]


def contact_persons() -> list[str]:
    """The mapping of contacts to contact persons."""
    return _finops_fields(ContactMapper(read_value_maps(None)).person, person_words(EVERY_CONTACT), "contact_persons")


def contact_customers() -> list[str]:
    """The mapping of contacts to customers."""
    return _finops_fields(
        ContactMapper(read_value_maps(None)).customer, customer_words(EVERY_CONTACT), "contact_customers"
    )


def quotations() -> list[str]:
    """The mapping of quotes."""
    return _finops_fields(QuotationMapper(read_value_maps(None)).header, header_words(EVERY_QUOTE), HEADERS)


def quotation_lines() -> list[str]:
    """The mapping of the lines of quotes."""
    return _finops_fields(QuotationMapper(read_value_maps(None)).lines, line_words(EVERY_QUOTE), LINES)


HEADERS, LINES = "CDSSalesQuotationHeaders", "CDSSalesQuotationLines"
EVERY_CONTACT = ContactChoices(on_hold_when_ended=OnHold.ALL, addresses=AddressRules(county=True, street_number=True))
EVERY_QUOTE = QuotationChoices(addresses=AddressRules(street_number=True))


def _finops_fields(shipped: FieldTable, words: tuple[Word, ...], lengths: str) -> list[str]:
    """Every field that a mapping to F&O can send, with what is sent by default."""
    maps = read_value_maps(None)
    sent = {field: ownership for field, ownership, _, _ in shipped.describe()}
    rows = []
    for word in words:
        columns = _columns(", ".join(column.name for column in word.columns))
        for field in word.fields:
            usual = maps.lengths_of(lengths).get(field.name)
            length = str(field.max_length or "") or (f"*{usual}*" if usual else "")
            rows.append(f"| `{field.name}` | {sent.get(field.name, 'off')} | {columns} | {word.meaning} | {length} |")
    return ["| F&O field | ownership | Sales column | how | length |", "|---|---|---|---|---|", *rows]


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _columns(columns: str) -> str:
    block = re.match(r"(address\d|shipto)_(?!name)", columns)
    return f"`{block[1]}_*`" if block else _code(columns)


def events() -> list[str]:
    """The contract of the events."""
    rows = [
        f"| `{name}` | {event.meaning} | {_fields({**event.fields, **event.optional})} |"
        for name, event in EVENTS.items()
    ]
    return ["| event | when | fields |", "|---|---|---|", *rows]


def _fields(fields: Mapping[str, str]) -> str:
    return "<br>".join(f"`{name}`: {meaning}" for name, meaning in fields.items())


def parameters() -> list[str]:
    """What a deployment is asked for, and what it may be told."""
    variables = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    rows = []
    for name, declaration in read_source(INFRA / "main.bicep", Findings()).parameters.items():
        given = variables[name]["value"]
        variable = f"`{given.strip('${}')}`" if isinstance(given, str) else "the names of the settings"
        (meaning,) = (
            literal(parts(call)[1].named_children[0])
            for call in declaration.decorators
            if text(call).startswith("description")
        )
        value = parts(declaration.node)[2:]
        default = "required" if not value else "" if not isinstance(given, str) else _code(text(value[0]).strip("'"))
        rows.append(f"| {variable} | {default} | {meaning} |")
    return ["| azd variable | default | meaning |", "|---|---|---|", *rows]


GENERATED = {
    "parameters": parameters,
    "events": events,
    "settings": settings,
    "accounts": accounts,
    "contact_persons": contact_persons,
    "contact_customers": contact_customers,
    "products": products,
    "quotations": quotations,
    "quotation_lines": quotation_lines,
}


def renewed(text: str) -> str:
    """A document with its generated parts as they should be."""
    return PART.sub(lambda part: part[1] + "\n".join(GENERATED[part[2]]()) + "\n" + part[3], text)


@pytest.mark.parametrize("part", GENERATED)
def test_the_generated_tables_are_up_to_date(part: str) -> None:
    files = {"settings": "settings.md", "events": "telemetry.md", "parameters": "infrastructure.md"}
    name = files.get(part, "mapping.md")
    text = (DOCS / name).read_text(encoding="utf-8")
    assert f"<!-- generated: {part} -->" in text
    assert text == renewed(text), "run `python -m tests.unit.test_docs`"


def _calls(folder: str) -> Iterator[tuple[str, list[ast.expr], dict[str, str]]]:
    for file in (ROOT / "shared" / folder).rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name) and isinstance(node.value.value, str)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                yield called, node.args, names


def _text(node: ast.expr, names: dict[str, str]) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return names.get(name, "")
        case ast.JoinedStr(values=[ast.Constant(value=str(beginning)), *_]):
            return f"{beginning}NAME"
    return ""


def causes() -> set[str]:
    """Every cause of a rejection that stands in the code."""
    makers = {
        "Unmappable": 0,
        "NotThere": 0,
        "RecordRejected": 0,
        "_rejected": 0,
        "Rejected": 0,
        "reject": 1,
        "new_failure": 2,
        "_list": 1,
    }
    return {
        cause
        for folder in ("mapping", "sync", "clients")
        for called, arguments, names in _calls(folder)
        if called in makers and len(arguments) > makers[called] and (cause := _text(arguments[makers[called]], names))
    }


def rules() -> set[str]:
    """Every filter rule of the mappings, and the engine's own."""
    found = {_text(of[0], names) for called, of, names in _calls("mapping") if called == "Filtered" and of}
    return {*found - {""}, *FILTERS, "out_of_scope"}


def test_causes_are_found_in_the_code() -> None:
    assert {"country_unknown", "text_not_allowed", "key_taken", "poison", "finops.validateField.NAME"} <= causes()
    assert {"inactive", "merged", "account_filter"} <= rules()


def test_every_cause_and_every_filter_is_explained() -> None:
    explained = set(re.findall(r"^\| `([^`]+)` \|", RULES, re.MULTILINE))
    assert sorted((causes() | rules()) - explained) == []


def test_every_filter_has_words_for_an_operator() -> None:
    assert IN_WORDS.keys() == rules()


def test_every_state_of_a_record_is_explained() -> None:
    assert [state.value for state in LinkState if f"`{state.value}`" not in RULES] == []


def test_every_part_of_the_value_map_document_is_explained() -> None:
    names = [*ValueMaps.model_fields, *Defaults.model_fields, *Condition.model_fields]
    assert [name for name in names if f"`{name}`" not in MAPPING] == []


def test_every_setting_that_the_documents_name_exists() -> None:
    known = {name for name, *_ in settings_table()} | {"FUNCTIONS_WORKER_RUNTIME", "PYTHON_THREADPOOL_THREAD_COUNT"}
    named = re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b", RULES + MAPPING + (DOCS / "settings.md").read_text(encoding="utf-8"))
    assert sorted({name for name in named if name not in known}) == []


@pytest.mark.parametrize("file", sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")]), ids=lambda file: file.name)
def test_every_link_between_documents_leads_somewhere(file: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)", file.read_text(encoding="utf-8"))
    missing = [target for target, _ in targets if target and not (file.parent / target).exists()]
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    missing += [anchor for target, anchor in targets if anchor and not target and anchor not in anchors]
    assert missing == []


def test_the_documents_name_functions_and_queues_that_exist() -> None:
    app = (ROOT / "function_app.py").read_text(encoding="utf-8")
    assert re.findall(r"`(accounts_\w+)`", RULES)
    assert [name for name in re.findall(r"`(accounts_(?:pull|apply|poison))`", RULES) if f'"{name}"' not in app] == []


if __name__ == "__main__":
    for document in sorted(DOCS.glob("*.md")):
        written = document.read_text(encoding="utf-8")
        if PART.search(written):
            document.write_text(renewed(written), encoding="utf-8")
