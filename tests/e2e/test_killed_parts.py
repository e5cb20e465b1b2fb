"""What the parts that a test kills still have when they are started again: test_two_hosts stands on that."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import requests

from local.azurite import Azurite
from local.demo import processes
from shared.state.storage.account import Account, Storage
from shared.state.storage.tables import Put, Row
from tests.e2e.demonstration import TOKEN
from tests.e2e.two_hosts.flushing import Disk
from tests.support.patience import PATIENCE_S

ACCOUNTS = "api/data/v9.2/accounts"


def until(what: str, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        psutil.wait_procs(psutil.Process().children(), timeout=0.1)


def test_the_emulator_has_after_a_kill_what_was_brought_to_disk(tmp_path: Path) -> None:
    azurite = Azurite(tmp_path)
    with azurite:
        storage = Storage(Account(azurite.connection_string))
        storage.create(["accounts"])
        storage.table("links").transact([Put(Row("p", "r", {"cell": "kept"}))])
        storage.queues.send("accounts", "kept too")
        with closing(Disk(tmp_path, azurite.connection_string)) as disk:
            disk.flush(until)
        azurite.kill()
        azurite.start()
        assert storage.table("links").read("p", ["r"])["r"].row.cells == {"cell": "kept"}
        assert [each.body for each in storage.queues.receive("accounts", limit=32, invisible_s=1)] == ["kept too"]


def test_an_emulator_that_was_killed_by_others_names_the_signal_and_quotes_no_line_of_its_start(tmp_path: Path) -> None:
    with Azurite(tmp_path) as azurite:
        assert azurite.ended == ""
        assert azurite.pid is not None
        os.kill(azurite.pid, signal.SIGKILL)
        os.waitid(os.P_PID, azurite.pid, os.WEXITED | os.WNOWAIT)
        assert (azurite.ended, azurite.said) == ("signal SIGKILL", "nothing")


def test_a_simulator_has_after_a_kill_what_it_has_answered_to(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    arguments = ("--port", "0", "--token", TOKEN, "--data", str(tmp_path / "state"), "--ready-file", str(ready))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    log = tmp_path / "log"
    with processes.running("simulator", "local.dataverse", arguments, log=log) as child:
        address = f"http://127.0.0.1:{child.wait_for(ready)}/{ACCOUNTS}"
        made = requests.post(address, json={"name": "Contoso"}, headers=headers, timeout=PATIENCE_S)
        assert made.status_code == 204, made.text
        child.kill()
    ready.unlink()
    with processes.running("simulator", "local.dataverse", arguments, log=log) as child:
        address = f"http://127.0.0.1:{child.wait_for(ready)}/{ACCOUNTS}"
        found = requests.get(address, headers=headers, timeout=PATIENCE_S).json()["value"]
        assert [row["name"] for row in found] == ["Contoso"]
