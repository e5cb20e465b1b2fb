"""Texts of records, systems and arguments, safe to show: characters that a terminal, a log or a document would obey are
written as their number, such as `\\x1b`, and nothing is markup."""

import re

# Control characters, halves of surrogate pairs, separators of lines, and marks that turn the direction of writing.
_OBEYED = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_HIDDEN = re.compile(f"[{_OBEYED}]")
_HIDDEN_IN_LINES = re.compile(f"(?!\n)[{_OBEYED}]")
_HALF_PAIRS = re.compile("[\ud800-\udfff]")
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|~&#!]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str, *, lines: bool = False) -> str:
    """A text without characters that would be obeyed. `lines` keeps line breaks, for texts of our own that have several
    lines."""
    return (_HIDDEN_IN_LINES if lines else _HIDDEN).sub(_numbered, text)


def visible_in_json(document: str) -> str:
    """The same JSON document, with such characters in its texts written as JSON writes them; line breaks stand only
    between its texts."""
    return _HIDDEN_IN_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def whole_characters(text: str) -> str:
    """A text that can be encoded: half of a surrogate pair is written as JSON writes it, such as `\\ud83d`."""
    return text if text.isascii() else _HALF_PAIRS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def has_half_pair(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, which no request, message or file can carry."""
    return not text.isascii() and _HALF_PAIRS.search(text) is not None


def in_markdown(text: str) -> str:
    """A text as part of a line of Markdown: it is shown as it is, and nothing of it is markup or HTML."""
    return _MARKUP.sub(r"\\\g<0>", visible(text))


def _numbered(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
