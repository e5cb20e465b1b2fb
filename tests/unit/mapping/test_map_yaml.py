"""The map document as YAML: it means what the same document means as JSON, and nothing else."""

import json
import re
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import exact_json
from shared.errors import SettingsInvalid
from shared.flows.registry import FLOWS
from shared.mapping import map_yaml
from shared.mapping.map_source import SHIPPED
from shared.records import Json
from tests.support.project import ROOT
from tests.unit.mapping.samples import document

SHORT = document(countries={"Germany": "DE"}, states={})

SETTINGS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DATAVERSE_URL": "https://contoso.crm.dynamics.com",
    "FINOPS_URL": "https://contoso.operations.dynamics.com",
    "COMPANY": "usmf",
}
# Half of a surrogate pair is in no file.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
LOOKS_LIKE_MORE = st.sampled_from(
    ["NO", "no", "yes", "on", "off", "true", "null", "~", "", "0012", "12", "1e5", "-1", "1.50", "0x1F", "1_000",
     ".inf", "2026-01-31", "12:30", "<<", "=", "- a", "a: b", "a #b", "'", '"', "&a", "*a", "!a", "{", "[", "%", "@",
     "\t", "\n"]
)  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4)
    | TEXTS
    | LOOKS_LIKE_MORE,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(TEXTS | LOOKS_LIKE_MORE, each, max_size=4),
    max_leaves=12,
)


def refused(text: str) -> str:
    """The message that refuses a text."""
    with pytest.raises(SettingsInvalid) as raised:
        FLOWS.read_map_document(text)
    return str(raised.value)


def as_yaml(**parts: Json) -> str:
    """The short document as YAML, with parts replaced."""
    return map_yaml.dumps({**SHORT, **parts})


@given(VALUES)
def test_any_value_reads_the_same_from_yaml_as_from_json(value: Json) -> None:
    read = map_yaml.read(map_yaml.dumps(value)).value
    assert exact_json.dumps(read) == exact_json.dumps(value)


# What YAML 1.2 (10.3.2) takes for no text.
CORE = re.compile(
    r"null|Null|NULL|~||true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN"
)


def plain_values(text: str) -> set[str]:
    """The values of a YAML text that stand without quotes."""
    return {each.value for each in yaml.parse(text) if isinstance(each, yaml.ScalarEvent) and each.implicit[0]}


@given(st.from_regex(CORE, fullmatch=True) | st.text("0189+-.eExXoOaf") | LOOKS_LIKE_MORE)
def test_a_written_text_is_a_text_to_a_reader_of_yaml_1_2(text: str) -> None:
    written = plain_values(map_yaml.dumps({"a": text, "b": [text], text: "c"})) - {"a", "b", "c"}
    assert not [each for each in written if CORE.fullmatch(each)]


def test_the_example_means_the_same_to_a_reader_of_yaml_1_2() -> None:
    plain = plain_values((ROOT / "examples" / "contoso.yaml").read_text(encoding="utf-8"))
    looking = {each for each in plain if CORE.fullmatch(each)}
    assert {each for each in looking if isinstance(map_yaml.read(f"a: {each}").value["a"], str)} == set()  # type: ignore[call-overload,index]


@given(VALUES)
def test_json_with_line_breaks_is_yaml_of_the_same_meaning(value: Json) -> None:
    # JSON escapes what is beyond 16 bits as a pair, which YAML takes as two halves: so it stands there as it is.
    text = json.dumps(value, indent=2, default=float, ensure_ascii=False)
    assert map_yaml.read(_escaped(text)).value == exact_json.loads(text)


def _escaped(text: str) -> str:
    """What YAML does not take as it is."""
    return "".join(c if c in "\n" or (c.isprintable() and c != "\ufeff") else _escape(c) for c in text)


def _escape(character: str) -> str:
    return f"\\U{ord(character):08x}"


@given(VALUES)
def test_both_parsers_of_the_library_read_the_same(value: Json) -> None:
    text = map_yaml.dumps(value)
    events = [
        [
            (type(each), getattr(each, "value", None), getattr(each, "implicit", None))
            for each in yaml.parse(text, loader)
        ]
        for loader in (yaml.CSafeLoader, yaml.SafeLoader)
    ]
    assert events[0] == events[1]


def test_the_shipped_document_is_the_same_as_yaml(tmp_path: Path) -> None:
    file = tmp_path / "contoso.yaml"
    file.write_text(map_yaml.dumps(exact_json.loads(SHIPPED.read_text(encoding="utf-8"))), encoding="utf-8")
    assert FLOWS.read_map_document(str(file)) == FLOWS.read_map_document(None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),
        ("no", "no"),
        ("off", "off"),
        ("yes", "yes"),
        ("0012", "0012"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        (".inf", ".inf"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("12", 12),
        ("-0.5", Decimal("-0.5")),
        ("1e3", Decimal("1e3")),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_a_value_has_a_type_of_json_and_what_only_looks_like_more_is_a_text(written: str, meant: Json) -> None:
    assert map_yaml.read(f"a: {written}\n").value == {"a": meant}
    assert type(map_yaml.read(f"a: {written}\n").value["a"]) is type(meant)  # type: ignore[call-overload,index]


def test_the_name_of_an_entry_is_always_a_text() -> None:
    assert map_yaml.read("NO: a\n1: b\ntrue: c\n~: d\n").value == {"NO": "a", "1": "b", "true": "c", "~": "d"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\nb: 2\n", "line 1, column 4: an anchor (&NAME) has no meaning in JSON"),
        ("a: 1\nb: *x\n", "line 2, column 4: an alias (*NAME) has no meaning in JSON"),
        ("a: &x [l,l]\nb: &y [*x,*x]\nc: [*y,*y]\n", "line 1, column 4: an anchor"),
        ("a: 1\nb: !!python/object:os.system x\n", "line 2, column 4: a tag (!NAME) has no meaning in JSON"),
        ("a: !!str 1\nb: 1\n", "line 1, column 4: a tag"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: a second document begins"),
        ("a: 1\n? [b]\n: 2\n", "line 2, column 3: the name of an entry is a list or an object"),
        ("a: 1\n? {b: 1}\n: 2\n", "line 2, column 3: the name of an entry is a list or an object"),
        (
            "a: b: c\nd: 1\n",
            "line 1, column 5: a colon with a blank behind it stands in a value; put the whole text in quotes",
        ),
        ("a:\n\tb: 1\n", "line 2, column 1: a tab stands where only blanks may; write blanks instead"),
        ("a: 'x\nb: 1\n", "line 1, column 4: a text begins whose quote is not closed; close it"),
        ("a: 1\nb: " + "[" * 99 + "]" * 99 + "\n", "line 2, column 67: it is nested deeper than 64 levels"),
        ("a: 1\nb: " + "9" * 9_999 + "\n", "line 2, column 4: a number has more digits"),
        ("a: 1\nb: 1e999\n", "line 2, column 4: a number has more digits"),
        ("a: 1\nb: \x00\n", "line 2, column 4: YAML does not take the character U+0000"),
    ],
)
def test_what_json_lacks_is_refused_with_its_line(text: str, said: str) -> None:
    message = refused(text)
    assert message.startswith("MAP_DOCUMENT: the map document is not YAML that can be read: ")
    assert said in message


def test_a_deep_nesting_ends_neither_the_parser_nor_the_process() -> None:
    assert "line 2, column 67" in refused("a: 1\nb: " + "[" * 900 + "]" * 900)
    assert "line 2" in refused("a: 1\nb: " + "[" * 90_000)
    assert "nested deeper" in refused("".join(f"{' ' * depth}a:\n" for depth in range(400)))


def test_a_name_that_stands_twice_in_one_object_is_refused_with_both_lines() -> None:
    message = refused("countries:\n  Germany: DE\n  Norway: NO\n  Germany: AT\n")
    assert message == (
        "MAP_DOCUMENT: the map document has 1 mistake:\n"
        "  line 4: 'Germany' occurs more than once in one object, first in line 2; keep one of them\n"
        "Further checks follow once these are corrected."
    )


def test_each_mistake_has_its_line_and_its_place(tmp_path: Path) -> None:
    text = as_yaml(countries={"Germany": "DE", "Norway": "nor"}, contries={})
    file = tmp_path / "contoso.yml"
    file.write_text(text, encoding="utf-8")
    lines = text.splitlines()
    assert refused(str(file)) == (
        f"MAP_DOCUMENT: {file} has 2 mistakes:\n"
        f"  line {lines.index('  Norway: nor') + 1}: countries.Norway is 'nor': write the ISO 3166 code, two capital "
        "letters such as US\n"
        f"  line {lines.index('contries: {}') + 1}: contries is unknown: correct the name, or remove it "
        "(did you mean countries?)"
    )


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_a_wrong_name_in_a_field_has_the_line_of_its_entry(tmp_path: Path, suffix: str) -> None:
    fields: Json = {"accounts": {"NameAlias": {"word": "first_of", "from": ["yominame", "nmae"]}}}
    content = {**SHORT, "fields": fields}
    text = map_yaml.dumps(content) if suffix == ".yaml" else json.dumps(content, indent=2)
    file = tmp_path / f"contoso{suffix}"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsInvalid) as raised:
        FLOWS.deployment(FLOWS.read_settings({**SETTINGS, "MAP_DOCUMENT": str(file)}))
    (line,) = (number for number, line in enumerate(text.splitlines(), 1) if "nmae" in line)
    assert f"\n  line {line}: fields.accounts.NameAlias.from.1: nmae is no column of accounts" in str(raised.value)


def test_what_is_missing_has_the_line_of_the_object_that_lacks_it() -> None:
    text = as_yaml(defaults={"site": "1"})
    line = text.splitlines().index("defaults:") + 1
    assert f"  line {line}: defaults.customer_group is missing" in refused(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_yaml_file_is_read_however_an_editor_has_saved_it(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "maps.yaml"
    file.write_bytes(as_yaml(countries={"Österreich": "AT", "Norway": "NO"}).encode(encoding))
    assert FLOWS.read_map_document(str(file)).country("österreich") == "AT"


def test_a_comment_and_the_schema_of_an_editor_mean_nothing() -> None:
    text = f'# yaml-language-server: $schema=x\n"$schema": x\n{as_yaml()}'
    assert FLOWS.read_map_document(text) == FLOWS.read_map_document(exact_json.dumps(SHORT))


@settings(deadline=None)
@given(st.text(), st.sampled_from([*SHORT]))
def test_any_text_in_the_place_of_a_part_is_taken_or_refused_and_never_breaks(text: str, part: str) -> None:
    with suppress(SettingsInvalid):
        FLOWS.read_map_document(f"{as_yaml()}\n{part}: {text}\n")


COMMENTED = """\
# Contoso's own. Reviewed by sales.
countries: # by name
  Germany: DE
own_columns:
  # replaced
  accounts: {}

# What follows is F&O's.
units: []
"""


def test_a_part_is_replaced_and_every_other_line_stays() -> None:
    changed = map_yaml.with_part(COMMENTED, "own_columns", {"accounts": {"new_tier": {"type": "text"}}})
    assert changed == COMMENTED.replace(
        "  # replaced\n  accounts: {}\n", "  accounts:\n    new_tier:\n      type: text\n"
    )


def test_a_part_that_is_not_there_is_added_at_the_end() -> None:
    text = COMMENTED.rstrip("\n")
    assert map_yaml.with_part(text, "filters", {"a": []}) == f"{text}\nfilters:\n  a: []\n"


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n...\n",
        "{a: 1, own_columns: 2}\n",
        "a: 1\nown_columns: >\n  x\n\n  y\n",
        "",
        '"own_columns": 1\na: |+\n  b\n\n',
    ],
)
def test_a_part_is_replaced_in_any_form_of_a_document(text: str) -> None:
    before = map_yaml.read(text).value
    changed = map_yaml.read(map_yaml.with_part(text, "own_columns", [1])).value
    assert changed == {**(before if isinstance(before, dict) else {}), "own_columns": [1]}


def test_a_relative_path_is_also_one_in_the_folder_of_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert FLOWS.read_map_document("shared/mapping/value_maps.json") == FLOWS.read_map_document(None)
    (tmp_path / "shared" / "mapping").mkdir(parents=True)
    file = tmp_path / "shared" / "mapping" / "value_maps.json"
    file.write_text(exact_json.dumps(SHORT), encoding="utf-8")
    assert FLOWS.read_map_document("shared/mapping/value_maps.json").country("Norway") is None


def test_the_example_of_the_page_means_what_its_comments_say() -> None:
    page = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    assert map_yaml.read(example).value == {
        "countries": {"Norway": "NO"},
        "units": [{"sales": "Stück", "finops": "ea"}],
        "fields": {"accounts": {"CreditLimit": "off", "SalesTaxGroup": {"word": "constant", "value": "10"}}},
    }
