"""How long an operator waits: the causes of 10,000 open failures, and all of them sent again, on the storage emulator.

python -m benchmarks.operations [--failures N]
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from local.azurite import Azurite, AzuriteFailed
from shared.bootstrap import SystemClock, assemble, state_of
from shared.clients.credentials import managed_identity
from shared.flows import ACCOUNTS, FLOWS
from shared.operations.deeds import Deeds
from shared.operations.failing import Failing
from shared.settings import Settings
from shared.state.failures import Failure
from shared.state.rows import MAX_TRANSACTION_ROWS, Put
from shared.state.storage import Account, Storage
from shared.sync.parts import Parts

Result = TypeVar("Result")
_CAUSES = ("finops.validateField.CustomerGroupId", "country_unknown", "state_unknown", "text_too_long")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write the figures to the terminal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operations")
    parser.add_argument(
        "--failures", type=int, default=10_000, metavar="N", help="open failures (default: %(default)d)"
    )
    count = parser.parse_args(arguments).failures
    try:
        with Azurite() as azurite:
            parts = _parts(azurite.connection_string)
            _list(parts, count)
            failing = Failing(parts)
            seconds, causes = _timed(lambda: failing.causes([ACCOUNTS]))
            _say(f"causes of {sum(of.count for of in causes)} failures: {seconds:.2f} s, {len(causes)} lines")
            deeds = Deeds(parts, "benchmark")
            seconds, sent = _timed(lambda: failing.retry(ACCOUNTS, failing.walk(ACCOUNTS), deeds))
            _say(f"all of them sent again: {sent} in {seconds:.1f} s, {sent / seconds:.0f} a second")
    except AzuriteFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parts(connection: str) -> Parts:
    storage = Storage(Account(connection_string=connection))
    storage.create(FLOWS)
    settings = Settings.read(
        {
            "AzureWebJobsStorage": connection,
            "DATAVERSE_URL": "https://sales.example",
            "FINOPS_URL": "https://finops.example",
            "COMPANY": "usmf",
        }
    )
    # Neither system is asked anything here.
    return assemble(settings, state_of(storage.table), storage.queues, managed_identity(), SystemClock()).parts


def _list(parts: Parts, count: int) -> None:
    now = datetime.now(UTC)
    rows = [
        Failure(
            ACCOUNTS, f"{number:08d}-0000-4000-8000-000000000000", _CAUSES[number % len(_CAUSES)],
            f"The value '{number}' in field 'Customer group' is not found in the related table 'Customer groups'.",
            "create the missing value, or correct the source value or the value map", now, now,
        ).to_row()
        for number in range(count)
    ]  # fmt: skip
    for at in range(0, count, MAX_TRANSACTION_ROWS):
        parts.state.links.table.transact([Put(row) for row in rows[at : at + MAX_TRANSACTION_ROWS]])


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
