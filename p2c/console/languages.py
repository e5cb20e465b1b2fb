"""The languages of the pages. Texts are data: `texts/LANGUAGE.json`. What the operations say themselves is English."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "texts"
LANGUAGE = "language"
"""The cookie that keeps the language."""
_NAMES = {"en": "English", "de": "Deutsch"}


@dataclass(frozen=True, slots=True)
class Language:
    """A language by its code (BCP 47), with its own name and its texts."""

    code: str
    name: str
    texts: Mapping[str, str]

    def text(self, key: str, **values: object) -> str:
        """A text, with values in its braces. Raises KeyError for one that there is not."""
        return self.texts[key].format(**values) if values else self.texts[key]

    def word(self, group: str, name: object) -> str:
        """A word of the product in this language, such as a state; the word itself if there is none for it."""
        return self.texts.get(f"{group}.{name}", str(name))


def _read(code: str) -> Language:
    return Language(code, _NAMES[code], json.loads((_FOLDER / f"{code}.json").read_text(encoding="utf-8")))


LANGUAGES: Mapping[str, Language] = {code: _read(code) for code in _NAMES}
"""Every language by its code; the first one is the usual one."""


def chosen(kept: str, accepted: str) -> Language:
    """The language that was chosen before, or the first that a browser accepts, in the order in which it names them."""
    if kept in LANGUAGES:
        return LANGUAGES[kept]
    wanted = (part.split(";")[0].strip().split("-")[0].lower() for part in accepted.split(","))
    return next((LANGUAGES[code] for code in wanted if code in LANGUAGES), LANGUAGES["en"])
