"""The documentation says what the code does; `make docs` writes the generated tables anew."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from p2c.__main__ import app
from shared.flows.orders import order_rows
from shared.flows.ordersback import mapping as ordersback
from shared.flows.quotations import quote_rows
from shared.flows.registry import FLOWS
from shared.mapping.condition_specs import Condition
from shared.mapping.map_source import SHIPPED
from shared.mapping.value_maps import Defaults
from shared.settings import settings_table
from shared.state.links import LinkState
from tests.documents import DOCS, GENERATED, MAP_SCHEMA, generated_in, map_schema, renewed, write
from tests.infra.names import functions
from tests.support.project import ROOT

RULES = (DOCS / "rules.md").read_text(encoding="utf-8")
MAPPING = (DOCS / "mapping.md").read_text(encoding="utf-8")


# The code of this page is sorted by a process of the linter.
PAGES = [
    pytest.param(file, id=file.stem, marks=[pytest.mark.process] if file.stem == "adding-a-flow" else [])
    for file in sorted(DOCS.glob("*.md"))
]


@pytest.mark.parametrize("file", PAGES)
def test_the_generated_tables_are_up_to_date(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text == renewed(text), "run `make docs`"


def test_the_schema_of_the_map_document_is_up_to_date_and_takes_the_shipped_one() -> None:
    assert (DOCS / MAP_SCHEMA).read_text(encoding="utf-8") == map_schema(), "run `make docs`"
    validator = jsonschema.Draft202012Validator(json.loads(map_schema()))
    document = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors({"$schema": MAP_SCHEMA, **document})] == []
    good = {"accounts": {"NameAlias": {"word": "copy", "from": "yominame"}, "SalesMemo": "off"}}
    assert validator.is_valid({**document, "fields": good})
    for entry in ({"word": "coppy", "from": "yominame"}, {"word": "copy"}, "never", {"word": "copy", "from": 5}):
        assert not validator.is_valid({**document, "fields": {"accounts": {"NameAlias": entry}}}), entry
    assert not validator.is_valid({**document, "fields": {"acounts": {}}})


def test_every_table_stands_in_one_document() -> None:
    found = Counter(name for file in DOCS.glob("*.md") for name in generated_in(file.read_text(encoding="utf-8")))
    assert found == dict.fromkeys(GENERATED, 1)


def test_a_stale_table_is_written_again_and_nothing_else(tmp_path: Path) -> None:
    for name in ("settings.md", "rules.md", MAP_SCHEMA):
        (tmp_path / name).write_bytes((DOCS / name).read_bytes())
    good = (DOCS / "settings.md").read_text(encoding="utf-8")
    (stale := tmp_path / "settings.md").write_text(good.replace("| `COMPANY` |", "| `FIRM` |"), encoding="utf-8")
    assert write(tmp_path) == [stale]
    assert stale.read_text(encoding="utf-8") == good
    assert write(tmp_path) == []


def test_a_table_that_nothing_makes_is_named() -> None:
    with pytest.raises(LookupError, match="nothing makes the table wishes; there are parameters, resources, events"):
        renewed("<!-- generated: wishes -->\n<!-- /generated -->")


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


@cache
def causes() -> set[str]:
    """Every cause of a rejection that stands in the code."""
    makers = {
        "Unmappable": 0,
        "NotThere": 0,
        "RecordRejected": 0,
        "_rejected": 0,
        "Rejected": 0,
        "rejected": 0,
        "Rejection": 0,
        "_list": 1,
    }
    return {
        cause
        for folder in ("mapping", "flows", "sync", "clients")
        for called, arguments, names in _calls(folder)
        if called in makers and len(arguments) > makers[called] and (cause := _text(arguments[makers[called]], names))
    }


@cache
def rules() -> set[str]:
    """Every filter rule of the mappings, and the engine's own."""
    found = {
        _text(call[0], names)
        for folder in ("mapping", "flows")
        for called, call, names in _calls(folder)
        if called == "Filtered" and call
    }
    return {*found - {""}, *quote_rows.FILTERS, *order_rows.FILTERS, *ordersback.FILTERS, "out_of_scope"}


# What a filter of the map document is called, with the name that it has there.
OF_THE_DOCUMENT = "filter.NAME"


def test_causes_are_found_in_the_code() -> None:
    assert {"country_unknown", "text_not_allowed", "key_taken", "poison", "finops.validateField.NAME"} <= causes()
    assert {"inactive", "merged", OF_THE_DOCUMENT} <= rules()


def test_every_cause_and_every_filter_is_explained() -> None:
    explained = set(re.findall(r"^\| `([^`]+)` \|", RULES, re.MULTILINE))
    assert sorted((causes() | rules()) - explained) == []


def test_every_filter_has_words_for_an_operator() -> None:
    assert {*(rule for flow in FLOWS for rule in flow.filters), "out_of_scope", OF_THE_DOCUMENT} == rules()


def test_every_state_of_a_record_is_explained() -> None:
    assert [state.value for state in LinkState if f"`{state.value}`" not in RULES] == []


def test_every_part_of_the_value_map_document_is_explained() -> None:
    names = [*FLOWS.value_maps.model_fields, *Defaults.model_fields, *Condition.model_fields]
    assert [name for name in names if f"`{name}`" not in MAPPING] == []


def test_every_setting_that_the_documents_name_exists() -> None:
    known = {name for name, *_ in settings_table(FLOWS.settings)} | {
        "FUNCTIONS_WORKER_RUNTIME",
        "PYTHON_THREADPOOL_THREAD_COUNT",
    }
    named = re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b", RULES + MAPPING + (DOCS / "settings.md").read_text(encoding="utf-8"))
    assert sorted({name for name in named if name not in known}) == []


@pytest.mark.parametrize("file", sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")]), ids=lambda file: file.name)
def test_every_link_between_documents_leads_somewhere(file: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)", file.read_text(encoding="utf-8"))
    missing = [target for target, _ in targets if target and not (file.parent / target).exists()]
    assert missing == []
    anchored = ((file.parent / target if target else file, anchor) for target, anchor in targets if anchor)
    assert [f"{leads_to.name}#{anchor}" for leads_to, anchor in anchored if anchor not in anchors_of(leads_to)] == []


def test_the_index_lists_every_page_once_with_a_line_about_it() -> None:
    listed = re.findall(r"^- \[([\w-]+\.md)\]\(\1\): \S", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(file.name for file in DOCS.glob("*.md") if file.name != "index.md")


def test_the_readme_fits_on_three_screens_and_leads_to_the_index() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 120
    assert "](docs/index.md)" in readme
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme)
    assert pictures
    assert [name for name in pictures if not (ROOT / name).exists()] == []


def test_the_readme_shows_commands_that_p2c_has() -> None:
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    shown = re.findall(r"\bp2c(?:\.sh)? ([a-z]+)", "\n".join(blocks))
    assert {"status", "failures", "explain", "plan", "preflight"} <= set(shown)
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(shown) - commands == set()


def anchors_of(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_architecture_names_files_that_exist() -> None:
    text, _, table = (DOCS / "architecture.md").read_text(encoding="utf-8").partition("## Where things are")
    rows = re.findall(r"^\| .+? \| (.+) \|$", table, re.MULTILINE)
    named = [path for row in rows for path in _paths(re.findall(r"`([\w/.]+)`", row))]
    assert len(named) > 40
    in_text = re.findall(r"`(shared/[\w/.]+)`", text)
    assert len(in_text) > 10
    assert [path for path in [*named, *in_text] if not (ROOT / path).exists()] == []


def classes(folder: str) -> Counter[str]:
    """How often each class name is defined in a folder; those with an underscore are their module's own."""
    texts = (file.read_text(encoding="utf-8") for file in (ROOT / folder).rglob("*.py"))
    names = (name for text in texts for name in re.findall(r"^class (\w+)", text, re.MULTILINE))
    return Counter(name for name in names if not name.startswith("_"))


@pytest.mark.parametrize("folder", ["shared", "p2c"])
def test_no_class_name_is_defined_twice(folder: str) -> None:
    assert [name for name, count in classes(folder).items() if count > 1] == []


def test_the_glossary_explains_each_word_once_and_names_classes_that_exist() -> None:
    architecture = (DOCS / "architecture.md").read_text(encoding="utf-8")
    glossary = architecture.partition("## Glossary")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([a-z ,]+) \| (.+) \| (.*) \|$", glossary, re.MULTILINE)[1:]
    words = [word for row in rows for word in row[0].split(", ")]
    assert len(words) > 70
    assert [word for word, count in Counter(words).items() if count > 1] == []
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row[2])]
    assert len(named) > 20
    assert sorted(set(named) - classes("shared").keys()) == []


def _paths(names: list[str]) -> Iterator[str]:
    """The paths that a row names; one without a folder lies in the folder of the one before."""
    folder = ""
    for name in names:
        path = name if "/" in name else f"{folder}{name}"
        folder = path[: path.rindex("/") + 1] if "/" in path else folder
        yield path


def test_the_documents_name_functions_and_queues_that_exist() -> None:
    assert re.findall(r"`(accounts_\w+)`", RULES)
    assert set(re.findall(r"`(accounts_(?:pull|apply|poison))`", RULES)) <= set(functions())


def test_no_text_leaves_it_to_the_reader_whether_it_is_one_or_several() -> None:
    files = [file for folder in ("shared", "p2c", "local", "infra", "docs") for file in (ROOT / folder).rglob("*.*")]
    texts = {file: file.read_text(encoding="utf-8") for file in files if file.suffix in (".py", ".md", ".bicep")}
    assert len(texts) > 200
    assert [str(file) for file, text in texts.items() if re.search(r"\w\((?:s|es)\)", text)] == []
