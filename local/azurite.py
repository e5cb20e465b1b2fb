"""Azurite, the storage emulator, as a child process on free ports of 127.0.0.1."""

import queue
import re
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local.endings import ending
from local.patience import Patience, effort_of

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path("azurite", "dist", "src", "azurite.js")
_STARTS = re.compile(r"Azurite (Blob|Queue|Table) service is (starting|successfully listening)\b")
LISTENING = re.compile(r"Azurite (Blob|Queue|Table) service is successfully listening at http://127\.0\.0\.1:(\d+)")

# The emulator's account and key are published constants, no secret.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_REQUEST = f"/{ACCOUNT}"

# It ends with its parent, and loads what it does not use when it is used.
_BEFORE = Path(__file__).with_suffix(".mjs").as_uri()

# It is waited for while it gets on. One that ends writes its data, which must not be cut short.
START_IDLE_S, START_MOST_S = 30.0, 600.0
STOP_IDLE_S, STOP_MOST_S = 10.0, 120.0
_LOOK_EVERY_S = 0.05
_LINES_KEPT = 20


class AzuriteFailed(Exception):
    """Azurite did not come up; the message says what it did."""


class AzuriteMissing(AzuriteFailed):
    """Azurite is not installed; the message says what to do."""


@dataclass(frozen=True)
class Ports:
    """One port for each service; 0 takes a free one."""

    blob: int = 0
    queue: int = 0
    table: int = 0


class Azurite:
    """Runs from `__enter__` to `__exit__`; keeps its data in memory, or in `directory` if one is given.

    Give the `ports` of an earlier run to start again under the same connection string. `tell` gets a line if the
    start takes long, `on_request` the line of each request in the emulator's log. `node_options` are more arguments of
    node, such as a module that fills the tables before anybody asks.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        ports: Ports | None = None,
        node_modules: Path = ROOT / "node_modules",
        start_idle_s: float = START_IDLE_S,
        tell: Callable[[str], None] = lambda _text: None,
        on_request: Callable[[str], None] | None = None,
        node_options: Sequence[str] = (),
    ) -> None:
        self._directory = directory
        self._wanted = ports or Ports()
        self._script = node_modules / SCRIPT
        self._start_idle_s = start_idle_s
        self._tell = tell
        self._on_request = on_request
        self._node_options = node_options
        self._said: deque[str] = deque(maxlen=_LINES_KEPT)
        self._process: subprocess.Popen[str] | None = None
        self._ports = self._wanted

    @property
    def ports(self) -> Ports:
        """The ports in use, once started."""
        return self._ports

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def connection_string(self) -> str:
        """What a storage client needs, once started."""
        endpoints = {
            "BlobEndpoint": self._ports.blob,
            "QueueEndpoint": self._ports.queue,
            "TableEndpoint": self._ports.table,
        }
        addresses = "".join(f"{name}=http://127.0.0.1:{port}/{ACCOUNT};" for name, port in endpoints.items())
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{addresses}"

    @property
    def ended(self) -> str:
        """How it has stopped by itself; empty while it runs, and if it was ended on purpose."""
        code = None if self._process is None else self._process.poll()
        return "" if code is None else ending(code)

    @property
    def said(self) -> str:
        """Its last lines, without those of its start; a silent one has said nothing."""
        return " | ".join(line.strip() for line in list(self._said)[-5:]) or "nothing"

    def start(self) -> None:
        """Start, and return when all three services listen: again on the same ports. Raises AzuriteFailed."""
        self._process = subprocess.Popen(  # noqa: S603 - our own script and arguments
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C goes to the whole foreground group; ours ends last, by its owner.
            start_new_session=True,
        )
        try:
            self._ports = self._wanted = self._wait_for_ports(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process; with a directory, its data is written first."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        patience = self._patience(process, STOP_IDLE_S, STOP_MOST_S)
        while process.poll() is None and not patience.ended():
            time.sleep(_LOOK_EVERY_S)
        _end(process)

    def kill(self) -> None:
        """Pull its plug. What it has answered to and not yet brought to disk is lost: it saves every five seconds."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)

    def __enter__(self) -> "Azurite":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _command(self) -> list[str]:
        node = shutil.which("node")
        if node is None:
            raise AzuriteMissing("node is not on the PATH: install Node.js 20 or later")
        if not self._script.is_file():
            raise AzuriteMissing(f"{self._script} does not exist: run `npm ci` in {ROOT}")
        where = ["--location", str(self._directory)] if self._directory else ["--inMemoryPersistence"]
        ports = self._wanted
        return [
            *(node, *self._node_options, "--import", _BEFORE, str(self._script), *where),
            # The Python clients speak a newer version of the API than Azurite knows.
            *("--skipApiVersionCheck", "--disableTelemetry", *(() if self._on_request else ("--silent",))),
            *("--blobPort", str(ports.blob), "--queuePort", str(ports.queue), "--tablePort", str(ports.table)),
        ]

    def _wait_for_ports(self, process: subprocess.Popen[str]) -> Ports:
        """Azurite itself says when a service listens, and on which port."""
        assert process.stdout is not None
        lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=self._listen, args=(process.stdout, lines), name="azurite-output", daemon=True)
        reader.start()
        found: dict[str, int] = {}
        patience = self._patience(process, self._start_idle_s, START_MOST_S)
        while not (why := patience.ended()):
            try:
                line = lines.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                continue
            if line is None:
                raise AzuriteFailed(f"Azurite stopped by itself; it said: {self.said}")
            if match := LISTENING.search(line):
                found[match[1].lower()] = int(match[2])
            if len(found) == 3:
                return Ports(**found)
        raise AzuriteFailed(f"Azurite did not come up: {why}; it said: {self.said}")

    def _listen(self, stream: IO[str], lines: "queue.Queue[str | None]") -> None:
        """Read to the end, also output that is not needed: a full pipe would stop the emulator."""
        with stream:
            for line in stream:
                if self._on_request is not None and _REQUEST in line:
                    self._on_request(line)
                    continue
                if not _STARTS.search(line):
                    self._said.append(line)
                lines.put(line)
        lines.put(None)

    def _patience(self, process: subprocess.Popen[str], idle_s: float, most_s: float) -> Patience:
        return Patience("Azurite, the storage emulator", effort_of(process.pid), idle_s, most_s, self._tell)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
