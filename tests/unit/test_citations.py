"""What code, tests and documents cite is there: a rule of the protocol, a fact of a system, a section of a document."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tests.support.project import ROOT, project_files

DOCS = ROOT / "docs"
PROTOCOL = (DOCS / "protocol.md").read_text(encoding="utf-8")
REFERENCES = (DOCS / "references.md").read_text(encoding="utf-8")
RULES = frozenset(re.findall(r"^### ([A-Z]\d+)\. ", PROTOCOL, re.MULTILINE))
FACTS = frozenset(re.findall(r"^### ([a-z-]+, section [\d.]*\d)\. ", REFERENCES, re.MULTILINE))
TEXTS = (".py", ".md", ".bicep", ".kql", ".yaml", ".yml", ".toml", ".sh")
# Here a word such as "A6" can be nothing but a rule; the data of tests is full of such words.
RULES_ONLY = ("shared", "p2c", "local", "infra", "benchmarks", "function_app.py")

_RULE = r"[PAFWI]\d{1,2}"
_SEVERAL = r"(?:, | to | and )"
_RULES = re.compile(rf"\b(?:[Pp]rotocol(?:'s)?|[Ii]nvariants?) \(?({_RULE}(?:{_SEVERAL}{_RULE})*)\b")
_NEAR_PROTOCOL = re.compile(r"\b[Pp]rotocol\b.{0,12}?\b[A-Z]\d{1,2}\b")
_SECTIONS = re.compile(rf"(?<![\w/.-])([a-z-]+), sections? (\d[\d.]*(?<!\.)(?:{_SEVERAL}\d[\d.]*(?<!\.))*)")
_NAMES = "|".join(sorted({fact.partition(",")[0] for fact in FACTS}))
_NAMED = re.compile(rf"""(?<![\w/.-])(?:{_NAMES})(?![\w/."'-])""")
_A_SECTION = re.compile(r"\bsections? (?=\d)")
_A_RULE = re.compile(rf"\b{_RULE}\b")
_PART_OF_DOCUMENT = re.compile(r"(?<![\w/.-])(?:docs/)?([a-z]+\.md), (?:section (?=\d)|(?!section\b))(?=(\w.{0,60}))")
_WORDS = {
    _RULES: ("rotocol", "nvariant"),
    _NEAR_PROTOCOL: ("rotocol",),
    _SECTIONS: ("section",),
    _A_SECTION: ("section",),
    _NAMED: tuple(_NAMES.split("|")),
    _PART_OF_DOCUMENT: (".md, ",),
}


@dataclass(slots=True)
class Citations:
    """What a text cites, and what looks like a citation and has no known form."""

    rules: set[str] = field(default_factory=set)
    facts: set[str] = field(default_factory=set)
    parts: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def citations_of(text: str, *, rules_only: bool = False) -> Citations:
    """The citations of a text; with `rules_only` every word in the form of a rule must be part of one."""
    text = re.sub(r"\s+(?:(?:#|//) )?", " ", text)
    ruled, sections, parts = (_found(pattern, text) for pattern in (_RULES, _SECTIONS, _PART_OF_DOCUMENT))
    found = Citations(
        rules={rule for match in ruled for rule in _rules_in(match[1])},
        facts={f"{match[1]}, section {number}" for match in sections for number in re.split(_SEVERAL, match[2])},
        parts=[(match[1], match[2]) for match in parts],
    )
    doubtful = [(match, ruled) for match in _found(_NEAR_PROTOCOL, text)]
    doubtful += [(match, [*sections, *parts]) for pattern in (_NAMED, _A_SECTION) for match in _found(pattern, text)]
    if rules_only:
        doubtful += [(match, ruled) for match in _found(_A_RULE, text)]
    for match, known in doubtful:
        if not any(each.start() <= match.start() and match.end() <= each.end() for each in known):
            found.unknown.append(text[max(0, match.start() - 30) : match.end() + 30])
    return found


def _found(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """The matches of a pattern; in most texts there are none, which a look for the words in it tells faster."""
    words = _WORDS.get(pattern)
    return list(pattern.finditer(text)) if words is None or any(word in text for word in words) else []


def _rules_in(cited: str) -> Iterator[str]:
    """Each rule of a list, also those that a range leaves out."""
    for one in re.split(r", | and ", cited):
        first, _, last = one.partition(" to ")
        yield first
        if last:
            yield from (f"{first[0]}{number}" for number in range(int(first[1:]) + 1, int(last[1:])))
            yield last


@cache
def cited() -> Mapping[str, Citations]:
    """The citations of every file of the project, by its path."""
    found: dict[str, Citations] = {}
    for path in project_files():
        name = path.relative_to(ROOT)
        if (path.suffix in TEXTS or path.name == "Makefile") and path != Path(__file__):
            text = path.read_text(encoding="utf-8")
            found[name.as_posix()] = citations_of(text, rules_only=name.parts[0] in RULES_ONLY)
    return found


@cache
def parts_of(document: str) -> tuple[str, ...]:
    """The numbers and titles of the sections of a document, and the words in bold with which a paragraph begins."""
    text = (DOCS / document).read_text(encoding="utf-8")
    numbers, titles = zip(*re.findall(r"^#+ (?:(\d[\d.]*?)\.? )?(.+)$", text, re.MULTILINE), strict=True)
    leads = re.findall(r"^(?:- )?\*\*(.+?)\.?\*\*", text, re.MULTILINE)
    return tuple(part for part in (*numbers, *titles, *leads) if part)


def is_part(document: str, cited_part: str) -> bool:
    """Whether a document has the section with which a citation begins."""
    if not (DOCS / document).exists():
        return False
    return any(re.match(rf"{re.escape(part)}(?!\w|\.\d)", cited_part) for part in parts_of(document))


def test_the_protocol_and_the_references_have_their_entries() -> None:
    assert {"I1", "I6", "P1", "P7", "A1", "A12", "F1", "F6", "W1", "W3"} <= RULES
    assert {"finops-odata, section 3", "dataverse-web-api, section 11.4", "prospect-to-cash, section 10.4"} <= FACTS


def test_citations_are_found_in_code_tests_and_documents() -> None:
    assert "A6" in cited()["shared/sync/apply/keys.py"].rules
    assert "A10" in cited()["tests/scenarios/test_apply_rules.py"].rules
    assert "A6" in cited()["docs/protocol.md"].rules
    assert "finops-odata, section 10" in cited()["shared/clients/finops/source.py"].facts
    assert ("rules.md", "Days") in [(name, part[:4]) for name, part in cited()["shared/mapping/dates.py"].parts]


def test_every_rule_that_is_cited_is_in_the_protocol() -> None:
    assert {(file, rule) for file, value in cited().items() for rule in value.rules - RULES} == set()


def test_every_fact_that_is_cited_is_in_the_references() -> None:
    assert {(file, fact) for file, value in cited().items() for fact in value.facts - FACTS} == set()


def test_every_section_of_a_document_that_is_cited_exists() -> None:
    assert [(file, *part) for file, value in cited().items() for part in value.parts if not is_part(*part)] == []


def test_every_citation_has_a_form_that_can_be_resolved() -> None:
    assert [(file, text) for file, value in cited().items() for text in value.unknown] == []


def test_every_entry_of_the_references_is_cited() -> None:
    elsewhere = {fact for file, value in cited().items() for fact in value.facts if file != "docs/references.md"}
    assert sorted(FACTS - elsewhere) == []


def test_every_rule_that_a_document_or_the_name_of_a_test_names_is_in_the_protocol() -> None:
    documents = [*DOCS.glob("*.md"), *ROOT.glob("*.md")]
    named = {(path.name, rule) for path in documents for rule in re.findall(rf"\b{_RULE}\b", path.read_text("utf-8"))}
    for path in (ROOT / "tests").rglob("test_*.py"):
        names = re.findall(r"^def test_([pafwi]\d+)_", path.read_text(encoding="utf-8"), re.MULTILINE)
        named |= {(path.name, name.upper()) for name in names}
    assert ("simulation.md", "I1") in named
    assert ("test_walk_rules.py", "P3") in named
    assert {(file, rule) for file, rule in named if rule not in RULES} == set()


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("(protocol A8,\n    # A9).", {"A8", "A9"}),
        ("the protocol's (A1 to A3): gate", {"A1", "A2", "A3"}),
        ("(protocol P2 and P3; invariants I1, I2)", {"P2", "P3", "I1", "I2"}),
    ],
)
def test_lists_and_ranges_of_rules_are_understood(text: str, rules: set[str]) -> None:
    assert citations_of(text, rules_only=True) == Citations(rules=rules)


def test_lists_of_sections_are_understood() -> None:
    found = citations_of("(dataverse-web-api, section 6; finops-odata, sections 3\n    and 10).")
    assert found.facts == {"dataverse-web-api, section 6", "finops-odata, section 3", "finops-odata, section 10"}
    assert found.unknown == []


@pytest.mark.parametrize("text", ["(docs/setup.md, 2.5)", "(docs/setup.md, section 2.5)"])
def test_a_section_of_a_document_is_cited_by_its_number(text: str) -> None:
    assert citations_of(text) == Citations(parts=[("setup.md", "2.5)")])


@pytest.mark.parametrize(
    "text",
    [
        "(protocol, A6)",
        "(protocol rule A6)",
        "(A6)",
        "(finops-odata: client rule)",
        "(finops-odata 3)",
        "(section 6)",
        "(prospect-to-cash, 7 and 8)",
    ],
)
def test_a_citation_of_another_form_is_found(text: str) -> None:
    assert citations_of(text, rules_only=True).unknown


@pytest.mark.parametrize(
    ("document", "part", "exists"),
    [
        ("rules.md", "Days): which", True),
        ("rules.md", "Ownership). In", True),
        ("setup.md", "2.5", True),
        ("setup.md", "4: `states`", True),
        ("rules.md", "First start)", False),
        ("rules.md", "Day)", False),
        ("setup.md", "2.9", False),
        ("setup.md", "40", False),
        ("design.md", "Days", False),
    ],
)
def test_a_section_is_found_by_its_number_its_title_or_its_first_words(
    document: str, part: str, *, exists: bool
) -> None:
    assert is_part(document, part) == exists


def rules_with_text() -> list[tuple[str, str]]:
    """Each rule of the protocol by its name, with what is said of it."""
    return [(text.partition(".")[0], text) for text in re.split(r"^### ", PROTOCOL, flags=re.MULTILINE)[1:]]


@cache
def names_in(file: str) -> frozenset[str]:
    """The functions of a file by name; none when there is no such file."""
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module(body=[], type_ignores=[])
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("rule", "text"), rules_with_text(), ids=[rule for rule, _ in rules_with_text()])
def test_every_rule_says_what_goes_wrong_without_it_and_which_tests_prove_it(rule: str, text: str) -> None:
    said, _, why = text.partition("*Without it* ")
    assert why.partition("\n\n")[2].startswith("*Proved by* "), f"{rule} names no test"
    assert len(said.splitlines()) > 1, f"{rule} says nothing"
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", why)
    assert named, f"{rule} names no test"
    assert [f"{file}::{test}" for file, test in named if test not in names_in(file)] == []


def test_no_rule_stands_twice() -> None:
    assert len(RULES) == len(rules_with_text())
