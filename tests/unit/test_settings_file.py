"""Settings in a file: read however an editor has saved them, or refused in one sentence."""

import json
from pathlib import Path

import pytest

from shared.errors import SettingsInvalid
from shared.settings_file import read_settings_file

VALUES = {"COMPANY": "usmf", "BUSINESS_TIME_ZONE": "Zürich"}


def saved(folder: Path, content: bytes) -> Path:
    """A settings file with this content."""
    file = folder / "local.settings.json"
    file.write_bytes(content)
    return file


def refused(file: Path) -> str:
    """The sentence that refuses a file."""
    with pytest.raises(SettingsInvalid) as caught:
        read_settings_file(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_is_read_however_an_editor_has_saved_it(tmp_path: Path, encoding: str) -> None:
    text = json.dumps({"IsEncrypted": False, "Values": VALUES}, ensure_ascii=False)
    assert read_settings_file(saved(tmp_path, text.encode(encoding))) == VALUES


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ('{"Values": {"A": "ü"}}'.encode("cp1252"), "is neither UTF-8 nor UTF-16: save it as UTF-8"),
        (b"\xff\xfe{\x00}", "save it as UTF-8"),
        (b"", "is not JSON: look at line 1, column 1"),
        (b'{"Values": {\n "A": }', "is not JSON: look at line 2, column 7"),
        (b"[" * 99_999, "nested too deeply"),
        (b'{"A": ' + b"9" * 9_999 + b"}", "a number is too long"),
        (b"{}", 'has no object "Values"'),
        (b"[]", 'has no object "Values"'),
        (b'{"Values": []}', 'has no object "Values"'),
        (b'{"Values": {"B": 1, "A": null}}', "the values of A, B must be strings: put them in quotes"),
        (b'{"Values": {"A": "a\\u0000b"}}', "A holds a character that no setting may have"),
        (b'{"Values": {"A": "\\ud800"}}', "A holds a character that no setting may have"),
        (b'{"IsEncrypted": true, "Values": {}}', "is encrypted: run `func settings decrypt` first"),
    ],
)
def test_any_other_file_is_refused_with_the_remedy(tmp_path: Path, content: bytes, remedy: str) -> None:
    assert remedy in refused(saved(tmp_path, content))


def test_a_file_that_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    assert "does not exist: create it, or name another file" in refused(tmp_path / "none.json")
    assert "cannot be read (Is a directory)" in refused(tmp_path)
