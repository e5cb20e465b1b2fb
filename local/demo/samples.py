"""A folder of sample records: is it one, and does every line of it read?"""

import hashlib
from pathlib import Path

from local.dataverse.loading import FILES
from local.demo.errors import UserMistake
from local.finops.rules import SERVED
from shared import exact_json

KNOWN = frozenset({*FILES, "fo_units.jsonl", *(f"{name.lower()}.jsonl" for name in SERVED)})
"""The files of a folder that one of the two systems loads."""


def check_folder(folder: Path, known: frozenset[str]) -> str:
    """A digest of the known files of a folder. Raises UserMistake for a folder that holds none, or a broken line.

    `known` are the names of the files that are loaded; other files are left alone.
    """
    if not folder.is_dir():
        raise UserMistake(f"--data {folder}: there is no such folder; name a folder of *.jsonl files.")
    files = sorted(file for file in folder.iterdir() if file.name in known)
    if not files:
        raise UserMistake(
            f"--data {folder}: none of its files is known; expected at least one of {', '.join(sorted(known))}."
        )
    digest = hashlib.sha256()
    for file in files:
        _check_lines(file)
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _check_lines(file: Path) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserMistake(f"{file} cannot be read as UTF-8 text ({error}); mend or remove it.") from error
    # Only a line feed ends a line: names may hold other line separators.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = exact_json.loads(line)
        except ValueError as error:
            raise UserMistake(f"{file} line {number} is not JSON ({error}); mend or remove it.") from error
        if not isinstance(record, dict):
            raise UserMistake(f"{file} line {number} is no JSON object; mend or remove it.")
