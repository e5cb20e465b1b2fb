"""Azurite, the storage emulator, as a child process on free ports of 127.0.0.1."""

import queue
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path("azurite", "dist", "src", "azurite.js")
LISTENING = re.compile(r"Azurite (Blob|Queue|Table) service is successfully listening at http://127\.0\.0\.1:(\d+)")

# The emulator's account and key are published constants, no secret.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

# Azurite reads nothing from its standard input. This makes it end when the pipe closes, which the system does
# whatever way the parent dies, also by SIGKILL.
END_WITH_PARENT = (
    'data:text/javascript,process.stdin.on("end",()=>process.kill(process.pid,"SIGTERM")).resume().unref();'
)

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


class AzuriteFailed(Exception):
    """Azurite is not installed, or did not come up; the message says what to do."""


@dataclass(frozen=True)
class Ports:
    """One port for each service; 0 takes a free one."""

    blob: int = 0
    queue: int = 0
    table: int = 0


class Azurite:
    """Runs from `__enter__` to `__exit__`; keeps its data in memory, or in `directory` when one is given.

    Give the `ports` of an earlier run to start again under the same connection string.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        ports: Ports | None = None,
        node_modules: Path = ROOT / "node_modules",
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self._directory = directory
        self._wanted = ports or Ports()
        self._script = node_modules / SCRIPT
        self._start_timeout_s = start_timeout_s
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

    def start(self) -> None:
        """Start, and return when all three services listen. Raises AzuriteFailed."""
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
            self._ports = self._wait_for_ports(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process; with a directory, its data is written first."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def __enter__(self) -> "Azurite":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _command(self) -> list[str]:
        node = shutil.which("node")
        if node is None:
            raise AzuriteFailed("node is not on the PATH: install Node.js 20 or later")
        if not self._script.is_file():
            raise AzuriteFailed(f"{self._script} does not exist: run `npm ci` in {ROOT}")
        where = ["--location", str(self._directory)] if self._directory else ["--inMemoryPersistence"]
        ports = self._wanted
        return [
            *(node, "--import", END_WITH_PARENT, str(self._script), *where),
            # The Python clients speak a newer version of the API than Azurite knows.
            *("--skipApiVersionCheck", "--disableTelemetry", "--silent"),
            *("--blobPort", str(ports.blob), "--queuePort", str(ports.queue), "--tablePort", str(ports.table)),
        ]

    def _wait_for_ports(self, process: subprocess.Popen[str]) -> Ports:
        """Azurite itself says when a service listens, and on which port."""
        assert process.stdout is not None
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_pass_on, args=(process.stdout, lines), name="azurite-output", daemon=True).start()
        found: dict[str, int] = {}
        said: list[str] = []
        for line in _until(lines, time.monotonic() + self._start_timeout_s):
            said.append(line)
            if match := LISTENING.search(line):
                found[match[1].lower()] = int(match[2])
            if len(found) == 3:
                return Ports(**found)
        tail = " | ".join(text.strip() for text in said[-5:]) or "nothing"
        raise AzuriteFailed(f"Azurite did not come up within {self._start_timeout_s:g} s; it said: {tail}")


def _pass_on(stream: IO[str], lines: "queue.Queue[str | None]") -> None:
    """Read to the end, also what nobody waits for: a full pipe would stop the emulator."""
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def _until(lines: "queue.Queue[str | None]", deadline_s: float) -> Iterator[str]:
    """Yield lines until the stream ends or the time is up."""
    while (left_s := deadline_s - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left_s)
        except queue.Empty:
            return
        if line is None:
            return
        yield line
