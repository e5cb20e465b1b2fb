"""How long an operator waits: the causes of many open failures, and all of them sent again, on the storage emulator:
`python -m benchmarks.operations`."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from benchmarks import document
from benchmarks.reporting import report
from benchmarks.stage import COMPANY
from local.azurite import Azurite
from local.command_line import Parser
from shared.bootstrap import assemble, state_of
from shared.clients.http.credentials import managed_identity
from shared.clock import SystemClock
from shared.flows.accounts import ACCOUNTS
from shared.flows.registry import FLOWS
from shared.service import Service
from shared.state.failures import Failure
from shared.state.storage.account import Account, Storage
from shared.state.storage.tables import MAX_TRANSACTION_ROWS, Put

Result = TypeVar("Result")
_HEADINGS = ("what", "failures", "seconds")
_CAUSES = ("finops.validateField.CustomerGroupId", "country_unknown", "state_unknown", "text_too_long")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, say it, and write it into a document when asked to."""
    parsed = _parser().parse_args(arguments)

    def table() -> Sequence[str]:
        with Azurite() as azurite:
            return document.table(_HEADINGS, list(_measured(_service(azurite.connection_string), parsed.failures)))

    return report("operations", parsed.write, table)


def _measured(service: Service, count: int) -> Iterator[tuple[str, ...]]:
    _list(service, count)
    failing = service.failing()
    seconds, causes = _timed(lambda: failing.causes([ACCOUNTS]))
    yield "grouped by cause", f"{sum(cause.count for cause in causes):,}", f"{seconds:.2f}"
    audit_log = service.audit_log("benchmark")
    seconds, sent = _timed(lambda: failing.retry(ACCOUNTS, failing.walk(ACCOUNTS), audit_log))
    yield "all sent again", f"{sent:,}", f"{seconds:.2f}"


def _service(connection: str) -> Service:
    storage = Storage(Account(connection_string=connection))
    storage.create(FLOWS.names)
    settings = FLOWS.read_settings(
        {
            "AzureWebJobsStorage": connection,
            "DATAVERSE_URL": "https://sales.example",
            "FINOPS_URL": "https://finops.example",
            "COMPANY": COMPANY,
        }
    )
    # Neither system is asked anything here.
    deployment = FLOWS.deployment(settings)
    return assemble(deployment, state_of(storage.table), storage.queues, managed_identity(), SystemClock())


def _list(service: Service, count: int) -> None:
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
        service.state.links.table.transact([Put(row) for row in rows[at : at + MAX_TRANSACTION_ROWS]])


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m benchmarks.operations", description="Measures what operators wait for.")
    parser.add_argument(
        "--failures", type=int, default=10_000, metavar="N", help="open failures (default: %(default)s)"
    )
    document.add_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
