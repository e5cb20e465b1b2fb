"""What the demo remembers from one start to the next: on disk before it continues, however it ends."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.records import fold

MANIFEST, JOURNAL = "demo.json", "expected.jsonl"
FORMAT = 4
# What stands in the journal for a record that was unlinked.
_NO_KEY = ""


@dataclass(slots=True)
class Memory:
    """The memory of a demo in the folder `root`.

    The ports stay, because both systems' addresses are part of what the sync remembers. `loaded`: the sample records
    are in; `quoted`: the quotes are written, too. By flow: `before` are the keys of the target records that were there
    before the first sync, or that their users have made since; `keys` says under which key each source record was last
    expected in the target, `left` names the keys that moving records had before. All are the comparison's own, made
    without the links.

    Expectations are a journal, since there are thousands of them and each must last; `save` brings the rest to disk.
    """

    root: Path
    data: str
    folder: str
    ports: dict[str, int]
    loaded: bool = False
    quoted: bool = False
    before: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)

    def expect(self, flow: str, keys: Mapping[str, str]) -> None:
        """Note under which keys source records (by id) are expected in the target, or were seen there. What is new is
        on disk when this returns."""
        known = self.keys.get(flow, {})
        news = [(flow, id, key) for id, key in keys.items() if known.get(id) != key]
        if not news:
            return
        with (self.root / JOURNAL).open("a", encoding="utf-8", newline="\n") as journal:
            journal.writelines(f"{json.dumps(entry)}\n" for entry in news)
            journal.flush()
            os.fsync(journal.fileno())
        for entry in news:
            self._take(*entry)

    def unlink(self, flow: str, id: str, key: str) -> None:
        """Note that a source record is unlinked from its target record, which stays: it may get another one. Nothing
        happens if the record is expected under another key by now, or if it was noted before."""
        known = self.keys.get(flow, {}).get(id, _NO_KEY)
        # Where a flow has several targets, the key here has the route before it.
        if known and fold(key) in {fold(known), fold(known.partition(" ")[2])}:
            self.expect(flow, {id: _NO_KEY})

    def note_theirs(self, flow: str, key: str) -> None:
        """Note a target record that its users have made."""
        self.before.setdefault(flow, []).append(key)
        self.save()

    def save(self) -> None:
        """Bring everything but the expectations to disk; a reader never sees half of it."""
        content = {
            "format": FORMAT,
            "data": self.data,
            "folder": self.folder,
            "ports": self.ports,
            "loaded": self.loaded,
            "quoted": self.quoted,
            "before": self.before,
        }
        part = self.root / f"{MANIFEST}.part"
        with part.open("w", encoding="utf-8") as manifest:
            manifest.write(json.dumps(content, indent=1))
            manifest.flush()
            os.fsync(manifest.fileno())
        part.replace(self.root / MANIFEST)

    def read_journal(self) -> None:
        """Read what was expected before. A last line that was cut short is removed: nothing has relied on it.

        Raises ValueError for a line that is not ours.
        """
        journal = self.root / JOURNAL
        if not journal.exists():
            return
        content = journal.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(journal, len(whole))
        for line in whole.decode("utf-8").splitlines():
            match json.loads(line):
                case [str() as flow, str() as id, str() as key]:
                    self._take(flow, id, key)
                case _:
                    raise ValueError(f"{JOURNAL} holds a line that is not an expectation")

    def _take(self, flow: str, id: str, key: str) -> None:
        keys = self.keys.setdefault(flow, {})
        if keys.get(id, key) != key:
            self.left.setdefault(flow, []).append(keys[id])
        keys[id] = key
        if key == _NO_KEY:
            del keys[id]


def read_memory(root: Path) -> Memory | None:
    """The memory of an earlier demo, None if there is none. Raises ValueError, KeyError and TypeError if it
    cannot be read."""
    file = root / MANIFEST
    if not file.exists():
        return None
    content = json.loads(file.read_text(encoding="utf-8"))
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']}, this version reads {FORMAT}")
    match content:
        case {
            "data": str() as data,
            "folder": str() as folder,
            "ports": dict() as ports,
            "before": dict() as before,
        }:
            numbers = {str(name): int(port) for name, port in ports.items()}
            listed = {str(flow): [str(key) for key in keys] for flow, keys in before.items()}
            loaded, quoted = bool(content["loaded"]), bool(content["quoted"])
            memory = Memory(root, data, folder, numbers, loaded, quoted, listed)
            memory.read_journal()
            return memory
    raise ValueError("something is missing in it")
