"""The product on Microsoft's functions host: on what FUNCTIONS_HOST names, or Azure Functions Core Tools (`func` on the
path). Without either there is nothing to run here."""

import os
import shutil
import time
from pathlib import Path

import pytest

from local.demo.arguments import FUNC
from local.demo.functionshost import FunctionsHost
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from tests.e2e.demonstration import assert_everything_is_written, run_once
from tests.e2e.test_demo import SAMPLE, SMALL
from tests.e2e.two_hosts.plans import Deed, Edit
from tests.e2e.two_hosts.running import LATENCY_MS, Running, running_hosts

# What a host says that has decided to end.
_GIVES_UP = "An unhandled exception has occurred. Host is shutting down."
# At night also for so long, in seconds, that hosts are started in vain meanwhile.
_LONG_S = 50.0
# Records are in hand for a second at least, which two looks at them cannot miss.
_SLOW_MS = 1000.0

pytestmark = pytest.mark.skipif(
    not os.environ.get("FUNCTIONS_HOST") and shutil.which("func") is None,
    reason="no func on the path, and FUNCTIONS_HOST names no functions host",
)


@pytest.mark.nightly
@pytest.mark.long(30)
def test_the_small_sample_is_written_on_the_real_host_as_on_ours(tmp_path: Path) -> None:
    report = tmp_path / "report"
    first = run_once(tmp_path / "keep", report, SMALL, "--host", FUNC)
    assert_everything_is_written(first, report, SAMPLE)


@pytest.mark.long(50)
def test_a_worker_that_is_killed_and_storage_that_is_away_lose_and_duplicate_nothing(tmp_path: Path) -> None:
    with running_hosts(tmp_path, FUNC, count=1) as stage:
        (host,) = stage.session.hosts
        assert stage.settle() == ""
        assert_the_sample_is_written(stage)
        pid = host.pid
        work(stage, 1)
        kill_worker(stage)
        assert stage.settle() == ""

        # What a host had fetched comes back after ten minutes only, if it cannot say that it is done: so nothing is
        # under way here.
        start_storage = stage.kill_storage()
        people_work(stage, 2)
        start_storage()
        assert_all_is_in_step(stage)
        assert host.pid == pid
        assert_nothing_is_lost(stage)


@pytest.mark.nightly
@pytest.mark.long(100)
@pytest.mark.parametrize("away_s", [_LONG_S, 0.0], ids=["for long", "until the host gives up"])
def test_storage_that_is_away_over_the_end_of_a_host_loses_and_duplicates_nothing(
    away_s: float, tmp_path: Path
) -> None:
    with running_hosts(tmp_path, FUNC, count=1) as stage:
        (host,) = stage.session.hosts
        assert stage.settle() == ""
        pid = host.pid
        # As above: nothing is under way.
        start_storage = stage.kill_storage()
        people_work(stage, 1)
        back_at_s, begin = time.monotonic() + away_s, len(log_of(host))
        # Without storage a host decides after some 26 seconds to end; it takes as long again to do so, since it tries
        # to give up the locks of its timers.
        if away_s:
            stage.until("the host has ended by itself", lambda: host.pid != pid)
            stage.until("storage has been away for so long", lambda: time.monotonic() >= back_at_s)
        else:
            stage.until("the host gives up", lambda: _GIVES_UP in log_of(host)[begin:])
        start_storage()
        stage.until("the host has ended by itself", lambda: host.pid != pid)
        assert_all_is_in_step(stage)
        assert_nothing_is_lost(stage)


@pytest.mark.nightly
@pytest.mark.long(60)
def test_the_third_death_of_a_worker_ends_the_host_and_loses_and_duplicates_nothing(tmp_path: Path) -> None:
    with running_hosts(tmp_path, FUNC, count=1) as stage:
        (host,) = stage.session.hosts
        assert stage.settle() == ""
        pid = host.pid
        work(stage, 1)
        for _ in range(2):
            kill_worker(stage)
            assert stage.settle() == ""
            assert host.pid == pid
        kill_worker(stage)
        stage.until("the third death of a worker has ended the host", lambda: host.pid != pid)
        assert stage.settle() == ""
        assert_nothing_is_lost(stage)


def assert_the_sample_is_written(stage: Running) -> None:
    """Every record of the small sample for which no quote is needed is where it belongs; the quotes come later."""
    written = {name: len(standing.written()) for name, standing in stage.standings.items()}
    assert written == {
        ACCOUNTS: SAMPLE.accounts,
        CONTACTS: SAMPLE.persons,
        PRODUCTS: SAMPLE.products,
        QUOTATIONS: 0,
        ORDERS: 0,
        ORDERSBACK: 0,
        INVOICES: 0,
    }


def assert_all_is_in_step(stage: Running) -> None:
    """Every flow is pulled from now on, and nothing is left to do."""
    (host,) = stage.session.hosts
    end = len(log_of(host))
    stage.until("every flow is pulled", lambda: all(pulled(flow) in log_of(host)[end:] for flow in FLOWS.names))
    assert stage.settle() == ""


def assert_nothing_is_lost(stage: Running) -> None:
    """Both systems are alike, and no record is listed or without an outcome. Ends the host."""
    result = stage.compared()
    # Nobody orders here, so nothing is invoiced.
    idle = [name for name, flow in result.flows.items() if not flow.comparison.expected]
    assert idle == [ORDERS, ORDERSBACK, INVOICES]
    assert {name: flow.comparison for name, flow in result.flows.items() if not flow.comparison.clean} == {}
    assert result.unaccounted == 0
    assert [failure for flow in result.flows.values() for failure in flow.account.failures] == []


def kill_worker(stage: Running) -> None:
    """Kill the worker that runs, once functions have succeeded in it; both systems answer as before then."""
    (host,) = stage.session.hosts
    done = succeeded(host)
    stage.until("a worker works", lambda: succeeded(host) > done and len(host.processes) > 1)
    for worker in host.processes[1:]:
        worker.kill()
    stage.delay(LATENCY_MS)


def succeeded(host: FunctionsHost) -> int:
    return log_of(host).count("(Succeeded, Id=")


def pulled(flow: str) -> str:
    return f"Executed 'Functions.{flow}_pull' (Succeeded"


def log_of(host: FunctionsHost) -> str:
    return host.log.read_text(encoding="utf-8")


def work(stage: Running, number: int) -> None:
    """Return as soon as workers have something in their hands that people have changed. Both systems answer slowly from
    now on, so that it is there long enough to be seen."""
    stage.delay(_SLOW_MS)
    people_work(stage, number)
    stage.until("workers are at records", stage.claimed)


def people_work(stage: Running, number: int) -> None:
    """People change something in both systems."""
    for deed in (Deed.QUOTE, Deed.ACCOUNTS_CHANGE, Deed.PRICES_CHANGE, Deed.CONTACT_CHANGES):
        stage.people.do(Edit(deed, 0.2 * number, 100 * number))
