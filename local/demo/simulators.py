"""Both simulated systems of the demo, each in a process of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.demo import environment, samples
from local.demo.arguments import Options
from local.demo.parts import Part
from local.demo.state_dir import Place
from local.demo.systems import DATAVERSE, FINOPS, SYSTEM_NAMES, SYSTEMS, Secrets

KEY_FILE, ADMIN_FILE = "signing.key", "admin.token"
_MODULES: Mapping[str, str] = {DATAVERSE: "local.dataverse", FINOPS: "local.finops"}
# The prices and costs of the sample records have up to four decimals.
_PRICE_DECIMALS = "4"
# In percent, so that there is tax to compare.
_SALES_TAX = "8.25"
# Tables that an administrator has to switch change tracking on for.
_TRACKED = ("contact", "quote", "quotedetail", "salesorder", "salesorderdetail")


@dataclass(frozen=True, slots=True)
class Company:
    """The company in F&O: its id and its accounting currency."""

    id: str
    currency: str


@dataclass(slots=True)
class Simulators:
    """Starts and ends them, by name. What a system has confirmed is on disk if the place is kept, even if it is
    killed the moment after; otherwise its records are in memory. `more` are further arguments, by system."""

    options: Options
    place: Place
    secrets: Secrets
    company: Company
    more: Mapping[str, Sequence[str]]
    tell: Callable[[str], None]
    _parts: dict[str, Part] = field(init=False)

    def __post_init__(self) -> None:
        logs = self.place.folder("logs")
        self._parts = {
            name: Part(f"{SYSTEM_NAMES[name]} simulator", _MODULES[name], logs / f"{name}-simulator.log", self.tell)
            for name in SYSTEMS
        }

    def url(self, name: str) -> str:
        """The address of a system; it stays the same."""
        return f"http://127.0.0.1:{self.place.memory.ports[name]}"

    def exchanges(self, name: str) -> Path:
        """The exchange log of a system, if a report is requested."""
        return self._file(f"{name}-exchanges.jsonl")

    def skipped(self, name: str) -> Path:
        """The file that lists the records that a system refused when it was filled; it exists only if there are any."""
        return self._file(f"{name}.skipped")

    def begin(self) -> None:
        """Start both with the records of the folder, and return at once."""
        for name in SYSTEMS:
            self.exchanges(name).unlink(missing_ok=True)
            self.skipped(name).unlink(missing_ok=True)
            self._begin(name)

    def wait(self) -> None:
        """Wait until both answer. Raises DemoFailed, and UserMistake for records that do not fit."""
        for name, part in self._parts.items():
            part.wait(self._ready(name).exists)

    def pid(self, name: str) -> int | None:
        """The process of one while it runs."""
        return self._parts[name].pid

    def kill(self, name: str) -> None:
        """Pull the plug of one."""
        self._parts[name].kill()

    def start_again(self, name: str) -> None:
        """Start one that was killed, and wait until it answers."""
        self._begin(name)
        self._parts[name].wait(self._ready(name).exists)

    def stop(self) -> None:
        """End both."""
        for part in self._parts.values():
            part.stop()

    def require_alive(self) -> None:
        """Raises DemoFailed if one has stopped by itself."""
        for part in self._parts.values():
            part.require_alive()

    def _begin(self, name: str) -> None:
        ready = self._ready(name)
        ready.unlink(missing_ok=True)
        self._parts[name].begin([*self._common(name, ready), *self._own(name), *self.more.get(name, ())])

    def _common(self, name: str, ready: Path) -> list[str]:
        key = environment.write_private(self._file(KEY_FILE), self.secrets.signing_key.hex())
        admin = environment.write_private(self._file(ADMIN_FILE), self.secrets.admin_token)
        arguments = ["--port", str(self.place.memory.ports[name]), "--audience", self.url(name)]
        arguments += ["--identity-key-file", str(key), "--admin-token-file", str(admin)]
        arguments += ["--latency-ms", str(self.options.latency_ms), "--ready-file", str(ready)]
        arguments += ["--exchanges", str(self.exchanges(name))] if self.options.report is not None else []
        arguments += ["--schema", str(self.options.schema.resolve())] if self.options.schema is not None else []
        arguments += ["--load", str(self.options.data.resolve()), "--skip-refused", str(self.skipped(name))]
        return arguments + (["--data", str(self.place.folder(name))] if self.place.kept else [])

    def _own(self, name: str) -> list[str]:
        if name == DATAVERSE:
            tracked = [option for table in _TRACKED for option in ("--track", table)]
            return ["--pricing-precision", _PRICE_DECIMALS, *tracked]
        company = self.company
        amounts = ["--amount-decimals", str(samples.amount_decimals(self.options.data)), "--sales-tax", _SALES_TAX]
        return ["--company", company.id, "--currency", company.currency, *amounts]

    def _ready(self, name: str) -> Path:
        return self._file(f"{name}.ready")

    def _file(self, name: str) -> Path:
        return self.place.folder("run") / name
