"""The run of a function to which a log line belongs, in threads of our own too: the host drops what it cannot place."""

import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from shared.clients.http.throttle import Throttle
from shared.invocations import Invocation, gather_in_context, in_context, invoked, map_in_context
from shared.systems import System
from shared.telemetry import log_event
from tests.support.channels import open_channel
from tests.support.clock import ManualClock
from tests.support.project import ROOT

PLACES = threading.local()


class Placing(logging.Handler):
    """Places each line as the host's worker does: by what it finds in the thread that logs."""

    def __init__(self) -> None:
        super().__init__()
        self.placed: list[tuple[str, str | None]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record."""
        self.placed.append((threading.current_thread().name, getattr(PLACES, "invocation_id", None)))


@pytest.fixture
def placing() -> Iterator[Placing]:
    logger, handler = logging.getLogger("p2c"), Placing()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def tell(_item: object = None) -> str | None:
    """Log something, and say what is left in the place of this thread."""
    log_event("filter_limit_found", system="dataverse", keys=1)
    return getattr(PLACES, "invocation_id", None)


def test_what_a_clients_pool_logs_belongs_to_the_run_that_asked_for_it(placing: Placing) -> None:
    runs = [Invocation(str(uuid4()), PLACES) for _ in range(2)]
    clock = ManualClock()
    throttle = Throttle(System.DATAVERSE, clock, maximum=2)
    with open_channel(System.DATAVERSE, "http://127.0.0.1:1", "token", throttle, clock) as channel:
        for run in runs:
            with invoked(run):
                assert channel.gather_reads([tell, tell, tell]) == [None] * 3, (
                    "a thread that is used again belongs to nobody"
                )
    assert [id for _, id in placing.placed] == [run.id for run in runs for _ in range(3)]
    assert threading.current_thread().name not in {thread for thread, _ in placing.placed}


def test_what_the_storages_threads_log_belongs_to_the_run_that_asked_for_it(placing: Placing) -> None:
    run = Invocation(str(uuid4()), PLACES)
    with ThreadPoolExecutor(2) as pool, invoked(run):
        list(map_in_context(pool, tell, range(5)))
        in_context(pool, tell).result()
        assert gather_in_context(pool, tell, range(3)) == [None] * 3
    assert [id for _, id in placing.placed] == [run.id] * 9


def test_a_thread_that_the_host_knows_is_left_as_it_is(placing: Placing) -> None:
    PLACES.invocation_id = "the host's"
    try:
        with invoked(Invocation(str(uuid4()), PLACES)):
            assert tell() == "the host's"
    finally:
        del PLACES.invocation_id
    assert [id for _, id in placing.placed] == ["the host's"]


def test_no_other_module_gives_work_to_threads() -> None:
    """What is given to a pool in another way loses its run."""
    handing_over = re.compile(r"\.submit\(|(?:pool|readers)\.map\(|\bThread\(", re.IGNORECASE)
    files = sorted((ROOT / "shared").rglob("*.py")) + [ROOT / "function_app.py"]
    found = [file.name for file in files if handing_over.search(file.read_text(encoding="utf-8"))]
    assert found == ["invocations.py"]
