"""What a call of the simulation asks for: the material of its histories, and what is told of a sample beforehand."""

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from shared import exact_json
from shared.errors import FileUnreadable, SettingsInvalid
from shared.flows.registry import FLOWS
from shared.mapping.map_source import is_text, map_source, require_readable
from tests.simulation.census import Share, census
from tests.simulation.material import STANDARD, Material
from tests.simulation.sample import SampleUnusable, read_sample
from tests.simulation.samplefiles import read_folder

PIPE = "-"


class Miscalled(Exception):
    """The caller has to correct something; the message says what and how."""


def material_of(maps: str | None, sample: str | None) -> Material:
    """The material of a map document (a file, or its text) and of a sample (a folder, or `-` for what comes by
    the pipe). Raises Miscalled."""
    try:
        material = STANDARD if maps is None else Material(_text_of(maps))
        mappers = material.mappers
        if sample is None:
            return material
        if not sample.strip():
            raise Miscalled("--sample is blank; name a folder of *.jsonl files")
        if sample == PIPE:
            return replace(material, sample=read_sample(sys.stdin.buffer.read().decode("utf-8", "surrogatepass")))
        return replace(material, sample=read_folder(Path(sample), FLOWS.read_map_document(material.maps), mappers))
    except SettingsInvalid as invalid:
        message = re.sub(r"^MAP_DOCUMENT[^:]*: ", "", str(invalid))
    except (SampleUnusable, FileUnreadable) as unusable:
        raise Miscalled(str(unusable)) from unusable
    # An error of the document may hold what is in it, so it is not chained.
    raise Miscalled(f"--map: {message}")


def _text_of(maps: str) -> str:
    """Raises SettingsInvalid and FileUnreadable."""
    if not maps.strip():
        raise Miscalled("--map is blank; name a map document")
    if not is_text(maps):
        require_readable(Path(maps))
    FLOWS.read_map_document(maps)
    source = map_source(maps)
    # Histories change their document as JSON; YAML means the same.
    return exact_json.dumps(source.content()) if source.is_yaml else source.text


def shares_of_sample(material: Material) -> list[Share]:
    """What the mapping makes of each record of the sample, by flow; nothing without a sample. Raises Miscalled."""
    if material.sample is None:
        return []
    try:
        return census(material.completed, material.mappers, material.tables, datetime.now(UTC))
    except SampleUnusable as unusable:
        raise Miscalled(str(unusable)) from unusable


def told_of_sample(shares: Sequence[Share]) -> Iterator[str]:
    """The same in words."""
    if not shares:
        return
    yield "What this mapping makes of the sample where the targets are empty:"
    for share in shares:
        yield from share.lines()
    yield ""


def as_called(maps: str | None, sample: str | None, mutation: str = "") -> str:
    """The part of the command that decides what a seed plays."""
    given = [*(["--map", maps] if maps else []), *(["--sample", sample] if sample else [])]
    given += ["--mutation", mutation] if mutation else []
    return shlex.join(["python", "-m", "tests.simulation", *given])
