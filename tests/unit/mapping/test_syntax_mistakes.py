"""What is told of a map document whose text is no YAML or no JSON: where, what stands there, what helps."""

# ruff: noqa: E501 - tables of cases, one a line

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import SettingsInvalid
from shared.flows.registry import FLOWS
from shared.mapping.syntax_mistakes import of_json, of_yaml

Parser = type[yaml.CSafeLoader] | type[yaml.SafeLoader]
PARSERS: tuple[Parser, ...] = (yaml.CSafeLoader, yaml.SafeLoader)
# Words of the parsers, and of no reader.
JARGON = re.compile("token|scalar|flow |block |mapping values|stream|node|directive|delimiter|simple key")
OF_YAML = {
    "a:\n\tb: 1\n": "line 2, column 1: a tab stands where only blanks may; write blanks instead",
    "a:\n  b: 1\n\tc: 2\n": "line 3, column 1: a tab stands where only blanks may; write blanks instead",
    "a: [1, 2\nb: 3\n": "line 2, column 2: a comma or ']' is missing after the '[' of line 1, column 4; write it; a text with [ needs quotes",
    "a: {x: 1\nb: 3\n": "line 2, column 2: a comma or '}' is missing after the '{' of line 1, column 4; write it; a text with { needs quotes",
    "a: 1\nb: ]\n": "line 2, column 4: ']' stands where a value begins; put the whole text in quotes",
    "a: 1\n[b: 1\n": "line 2, column 1: '[' begins and is not closed; close it, or put the whole text in quotes",
    "a: 'x\nb: 1\n": "line 1, column 4: a text begins whose quote is not closed; close it, or put the whole text in quotes",
    'a: "x\n---\nb: 1\n': "line 1, column 4: a text begins whose quote is not closed; close it, or put the whole text in quotes",
    "a: 'x' y\nb: 1\n": "line 1, column 8: something follows the end of a value; put the whole text in quotes",
    'a: "\\xZZ"\n': "line 1, column 7: a backslash begins no escape; write \\\\ for it, or put the text in single quotes",
    "a: b: c\n": "line 1, column 5: a colon with a blank behind it stands in a value; put the whole text in quotes",
    "a: 1\n  b: 2\n": "line 2, column 4: this entry is indented deeper than those before it; indent the entries of one object alike",
    "a:\n  b: 1\n c: 2\n": "line 3, column 2: this line is not indented as those before it; indent the entries of one object alike",
    "a: 1\nb\nc: 2\n": "line 2, column 1: this line has no colon after a name; write NAME: VALUE, or indent it",
    "a: - b\n": "line 1, column 4: an item of a list stands in the line of a name; begin a new line for it",
    "a:\n  - b\n  c: 1\n": "line 3, column 3: something stands between the items of a list; begin it with '- ', or indent it more",
    "a: @x\n": "line 1, column 4: '@' stands where a value begins; put the whole text in quotes",
    "a: *\n": "line 1, column 4: '*' begins a value; put the whole text in quotes",
    "a: |x\n  b\n": "line 1, column 4: '|' begins a value; put the whole text in quotes",
    "a: !e!x 1\n": "line 1, column 4: '!' begins a value; put the whole text in quotes",
    "%YAML 3.0\n---\na: 1\n": "line 1, column 1: a line that begins with '%' is no part of a map document; remove it",
    "{a: 1}\nb: 1\n": "line 2, column 1: something follows the end of the document; remove it, or put a text with quotes in others",
    "a: 1\nb: \x00\n": "line 2, column 4: YAML does not take the character U+0000; write it as an escape in double quotes",
    "a: \ud800\n": "line 1, column 4: YAML does not take the character U+D800; write it as an escape in double quotes",
}  # fmt: skip
OF_JSON = {
    '{"a": 1,}': ("name in double quotes is missing", "a comma stands before a closing bracket"),
    '{"a": [1,]}': ("line 1, column 10: a value is missing", "a comma stands before a closing bracket"),
    '{"a" 1}': ("line 1, column 6: the colon after a name is missing; write it",),
    '{"a": 1 "b": 2}': ("line 1, column 9: a comma or a closing bracket is missing; write it",),
    '{"a":\n nope}': ("line 2, column 2: a value is missing; write one; a text is in double quotes",),
    '{"a": 1} x': ("line 1, column 10: something follows the end of the document; remove it",),
    '{"a": "x': ("line 1, column 7: a text begins whose quote is not closed; close it",),
    '{"a": "x\ny"}': ("line 1, column 9: a text holds a line break or a tab; write \\n or \\t",),
    '{"a": "\\q"}': ("a backslash begins no escape; write \\\\ for a backslash",),
}


def told_of_yaml(text: str, parser: Parser) -> str:
    """What is told of a text that a parser refuses; empty if it takes it."""
    try:
        for _ in yaml.parse(text, parser):
            pass
    except (yaml.YAMLError, UnicodeError) as wrong:
        return of_yaml(wrong, text)
    return ""


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(("text", "told"), OF_YAML.items())
def test_wrong_yaml_is_told_by_place_sign_and_remedy_whichever_parser_reads_it(
    text: str, told: str, parser: Parser
) -> None:
    assert told_of_yaml(text, parser) == told


def test_the_app_tells_it_as_it_starts_with_the_setting_and_the_name_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "contoso.yaml"
    for text, told in OF_YAML.items():
        file.write_bytes(text.encode("utf-8", "backslashreplace"))
        if file.read_text(encoding="utf-8") == text:
            with pytest.raises(SettingsInvalid) as refused:
                FLOWS.read_map_document(str(file))
            assert str(refused.value) == f"MAP_DOCUMENT: {file} is not YAML that can be read: {told}"


@pytest.mark.parametrize(("text", "told"), OF_JSON.items())
def test_wrong_json_is_told_by_place_and_remedy(text: str, told: tuple[str, ...]) -> None:
    with pytest.raises(json.JSONDecodeError) as wrong:
        json.loads(text)
    sentence = of_json(wrong.value)
    # Versions of Python word a comma before a bracket otherwise.
    assert any(each in sentence for each in told), sentence
    assert not JARGON.search(sentence)


@given(st.text(st.sampled_from("ab:\t\n -[]{},'\"#&*!|>%@`\\?\x00")))
def test_nothing_is_told_in_the_words_of_a_parser(text: str) -> None:
    for parser in PARSERS:
        told = told_of_yaml(text, parser)
        assert not told or re.match(r"line \d+, column \d+: [^;]+; ", told), told
        assert not JARGON.search(told), told


@given(st.sampled_from([*OF_YAML]))
def test_nothing_of_the_text_is_told_but_a_sign(text: str) -> None:
    secret = text.replace("x", "Pa55phrase").replace("b", "Pa55phrase")
    assert not any("Pa55" in told_of_yaml(secret, parser) for parser in PARSERS)
