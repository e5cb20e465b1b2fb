"""Where the map document comes from: a file or a text, JSON or YAML.

A file named by mistake may hold secrets: only what looks harmless is shown, and no error that holds its content is
chained.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared import exact_json
from shared.counting import counted
from shared.discretion import named
from shared.errors import FileUnreadable, MapInvalid, SettingsInvalid
from shared.map_mistakes import MapMistake, told_once
from shared.mapping import map_yaml, syntax_mistakes
from shared.records import Json
from shared.text_files import MISSING, read_text

SHIPPED = Path(__file__).with_name("value_maps.json")
YAML_SUFFIXES = (".yaml", ".yml")
# A relative path is also looked up here: where the app is deployed, and where a clone has it.
_APP = Path(__file__).parents[2]
_UNNAMED = "the file that it names"


@dataclass(frozen=True, slots=True)
class MapSource:
    """The text of a map document; `name` is what messages call it."""

    name: str
    text: str
    is_yaml: bool

    def content(self) -> Json:
        """What the text means. Raises SettingsInvalid; MapInvalid if only names occur twice."""
        is_blank = not self.text.strip()
        content = None if is_blank else self._of_yaml() if self.is_yaml else self._of_json()
        if content is None:
            raise SettingsInvalid(
                f"MAP_DOCUMENT: {self.name} is empty: begin with a copy of shared/mapping/value_maps.json"
            )
        return content

    def _of_json(self) -> Json:
        try:
            content = exact_json.loads(self.text)
            json.loads(self.text, object_pairs_hook=self._refuse_doubles)
        except json.JSONDecodeError as wrong:
            refusal = syntax_mistakes.of_json(wrong)
        except (ValueError, RecursionError):
            refusal = (
                "NaN and Infinity are not numbers, numbers have a few thousand digits at most, and nesting is limited"
            )
        else:
            return content
        raise SettingsInvalid(f"MAP_DOCUMENT: {self.name} is not JSON: {refusal}")

    def _refuse_doubles(self, pairs: list[tuple[str, object]]) -> None:
        """If a name occurs twice in an object, its last value would silently count."""
        times = Counter(name for name, _ in pairs)
        doubled = [name for name, count in times.items() if count > 1]
        if doubled:
            told = [f"{named(name)!r} occurs more than once in one object; keep one of them" for name in doubled]
            raise mistaken(self.name, told, left_out=True)

    def located(self, mistakes: Iterable[MapMistake]) -> tuple[str, ...]:
        """The mistakes with their lines, in the order of these, if the text has several."""
        given = tuple(map(str, mistakes))
        if len(self.text.splitlines()) < 2:
            return given
        try:
            # JSON is YAML, but for rare cases, which then have no lines.
            lines = map_yaml.read(self.text).lines
        except map_yaml.NotYaml:
            return given
        return tuple(map_yaml.located(given, lines))

    def with_part(self, name: str, value: Json) -> str:
        """The text with one part of the document replaced or added. The other lines stay as they are. Raises
        SettingsInvalid."""
        content = self.content()
        if self.is_yaml:
            return map_yaml.with_part(self.text, name, value)
        parts = content if isinstance(content, dict) else {}
        return exact_json.with_member(self.text, name, value) if parts else written({name: value}, as_yaml=False)

    def _of_yaml(self) -> Json:
        try:
            found = map_yaml.read(self.text)
        except map_yaml.NotYaml as wrong:
            refusal = str(wrong)
        else:
            if found.doubled:
                raise mistaken(self.name, found.doubled, left_out=True)
            return found.value
        raise SettingsInvalid(f"MAP_DOCUMENT: {self.name} is not YAML that can be read: {refusal}")


def map_source(source: str | None) -> MapSource:
    """The document that a setting names or holds; None: the one that is shipped. A text begins with a brace (JSON) or
    has several lines (YAML); a file is YAML if its name ends so. Raises SettingsInvalid."""
    text = (source or "").removeprefix("\ufeff")
    if is_text(text):
        return MapSource("the map document", text, is_yaml=not _is_json(text))
    file = _found(Path(text)) if text else SHIPPED
    name = _name(file)
    return MapSource(name, _read(file, name), is_yaml=file.suffix.lower() in YAML_SUFFIXES)


def require_readable(file: Path) -> None:
    """Raises SettingsInvalid, with its name, for a file of a command line that cannot be read. The value of a setting
    may be something else than a path, and is not told."""
    _read(_found(file), str(file))


def is_text(source: str) -> bool:
    """Whether a setting holds the document itself, and not the path of its file."""
    return _is_json(source) or "\n" in source.strip()


def _is_json(source: str) -> bool:
    return source.removeprefix("\ufeff").lstrip().startswith("{")


def written(content: Mapping[str, Json], *, as_yaml: bool) -> str:
    """A document as a text in which each entry has a line of its own, so that a change shows where it is."""
    if as_yaml:
        return map_yaml.dumps(dict(content))
    return f"{exact_json.indented(dict(content))}\n"


def mistaken(name: str, mistakes: Iterable[MapMistake], *, left_out: bool = False) -> MapInvalid:
    """The error that lists mistakes of a map document; with `left_out` it says that further checks wait for them."""
    listed = told_once(mistakes)
    lines = [f"MAP_DOCUMENT: {name} has {counted(len(listed), 'mistake')}:", *(f"  {mistake}" for mistake in listed)]
    if left_out:
        lines.append("Further checks follow once these are corrected.")
    return MapInvalid("\n".join(lines), listed, left_out=left_out)


def told_of_file(invalid: SettingsInvalid) -> str:
    """What is wrong with a document that a command line names, and no setting: the message names its file itself."""
    return str(invalid).removeprefix("MAP_DOCUMENT: ")


def _found(file: Path) -> Path:
    """A relative path is one from the working folder or, if nothing is there, from the folder of the app."""
    in_app = _APP / file
    return in_app if not file.is_absolute() and not _is_there(file) and _is_there(in_app) else file


def _name(file: Path) -> str:
    """The name of a file in messages: a value that is not a path may be something else, put there by mistake."""
    return str(file) if file.suffix in (".json", *YAML_SUFFIXES) or _is_there(file) else _UNNAMED


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except (OSError, ValueError):
        return False


def _read(file: Path, name: str) -> str:
    helps = MISSING if name != _UNNAMED else "write the path of a JSON or YAML file, or the document itself"
    try:
        return read_text(file, name, if_missing=helps)
    except FileUnreadable as unreadable:
        refusal = str(unreadable)
    raise SettingsInvalid(f"MAP_DOCUMENT: {refusal}")
