"""Where a demo keeps its state: a folder that is removed with it, or one that the next demo continues in."""

import contextlib
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.demo.errors import DemoFailed, UserMistake
from local.demo.memory import MANIFEST, Memory, read_memory

if os.name == "posix":
    import fcntl

STATE = ("azurite", "dataverse", "finops")
_LOCK = ".lock"
# Below those of which Linux, macOS and Windows give one to each connection. Such a connection could take a port that
# was chosen and is not listened to yet, or whose listener starts again.
_PORTS, _TRIES = range(20_000, 32_768), 100
_CHANCE = random.SystemRandom()


@dataclass(slots=True)
class Place:
    """The folder of a demo that runs. `fresh` is true until both systems were in step here for the first time."""

    root: Path
    kept: bool
    memory: Memory

    @property
    def fresh(self) -> bool:
        """Whether nothing was synced here before."""
        return not any(self.memory.keys.values())

    def folder(self, name: str) -> Path:
        """A folder inside, made when missing."""
        path = self.root / name
        path.mkdir(exist_ok=True)
        return path

    def save(self) -> None:
        """Bring the memory to disk."""
        self.memory.save()


@contextlib.contextmanager
def place(keep: Path | None, *, data: str, folder: str, systems: tuple[str, ...]) -> Iterator[Place]:
    """The folder of this demo, locked against a second one. Without `keep` it is removed at the end.

    `data` is the digest of the sample records, `folder` is their place, for messages. Raises UserMistake for a
    folder that cannot be used.
    """
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="prospect-to-cash-demo-", ignore_cleanup_errors=True) as temporary:
            yield _new(Path(temporary), data, folder, systems, kept=False)
        return
    root = _made(keep)
    with _locked(root):
        yield _found(root, data, folder) or _new(root, data, folder, systems, kept=True)


def free_ports(count: int, chance: random.Random = _CHANCE) -> list[int]:
    """Unused ports of the loopback interface, all different, that no system hands out by itself. Raises DemoFailed if
    too few of those tried are free."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        for port in chance.sample(_PORTS, _TRIES):
            probe = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    raise DemoFailed(
        f"fewer than {count} of {_TRIES} ports of 127.0.0.1 from {_PORTS[0]} to {_PORTS[-1]} are free; end programs "
        "that listen on such ports, then start the demo again"
    )


def _new(root: Path, data: str, folder: str, systems: tuple[str, ...], *, kept: bool) -> Place:
    ports = dict(zip(systems, free_ports(len(systems)), strict=True))
    memory = Memory(root, data, folder, ports)
    memory.save()
    return Place(root, kept, memory)


def _made(keep: Path) -> Path:
    if keep.is_file():
        raise UserMistake(f"--keep {keep}: is a file; name an empty or a new folder.")
    try:
        keep.mkdir(parents=True, exist_ok=True)
        probe = keep / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserMistake(f"--keep {keep}: {error.strerror}; name a folder that can be written.") from error
    root = keep.resolve()
    others = sorted(path.name for path in root.iterdir() if path.name != _LOCK)
    if others and MANIFEST not in others:
        raise UserMistake(f"--keep {root}: holds {others[0]} but no earlier demo; name an empty or a new folder.")
    return root


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    with (root / _LOCK).open("w", encoding="utf-8") as lock:
        if os.name == "posix":
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserMistake(
                    f"--keep {root}: another demo runs in this folder; end it, or name another."
                ) from error
        yield


def _found(root: Path, data: str, folder: str) -> Place | None:
    """The state that an earlier demo left, None if the folder is empty."""
    try:
        memory = read_memory(root)
    except (ValueError, KeyError, TypeError) as error:
        raise UserMistake(f"--keep {root}: {MANIFEST} cannot be read ({error}); name a new folder.") from error
    if memory is None:
        return None
    if memory.data != data:
        raise UserMistake(
            f"--keep {root}: was made with the records of {memory.folder}, not with those of {folder}; "
            "name the same records, or a new folder."
        )
    _require_free(root, memory.ports)
    if not memory.loaded:
        # Ended while it was being made: half of the records may be there.
        for name in STATE:
            shutil.rmtree(root / name, ignore_errors=True)
    return Place(root, True, memory)


def _require_free(root: Path, ports: Mapping[str, int]) -> None:
    for name, port in ports.items():
        with socket.socket() as probe:
            # As servers do: connections that have ended do not hold a port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise UserMistake(
                    f"--keep {root}: port {port}, where this demo's {name} was, is taken by another program; "
                    "end that program, or name a new folder."
                ) from error
