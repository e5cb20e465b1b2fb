"""Files of JSON lines in the encodings in which people save them."""

import codecs
from pathlib import Path

import pytest

from local import jsonlines

TEXT = '{"name": "Łódź 雪"}\r\n\r\n{"name": "line\u2028separator"}\n'
RECORDS = [{"name": "Łódź 雪"}, {"name": "line\u2028separator"}]


def file_of(folder: Path, content: bytes) -> Path:
    file = folder / "accounts.jsonl"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    ],
)
def test_utf_8_and_utf_16_are_read_alike(tmp_path: Path, content: bytes) -> None:
    file = file_of(tmp_path, content)
    found = list(jsonlines.read(file))
    assert [record for _, record in found] == RECORDS
    assert [place for place, _ in found] == [f"{file} line 1", f"{file} line 3"]


@pytest.mark.parametrize("content", [TEXT.encode("utf-16-le"), TEXT.encode("utf-16-be"), "Łódź".encode("cp1250")])
def test_another_encoding_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(jsonlines.LinesUnreadable, match=r"accounts\.jsonl is not UTF-8 text; save it as UTF-8\.$"):
        list(jsonlines.read(file_of(tmp_path, content)))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(jsonlines.LinesUnreadable, match=r"cannot be read \(Is a directory\); correct or remove it"):
        list(jsonlines.read(tmp_path))
