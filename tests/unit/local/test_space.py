"""What a full disk is told like. /dev/full is a file of a disk that is full."""

import errno
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from multidict import CIMultiDict, CIMultiDictProxy
from rich.console import Console

from local import space
from local.demo import processes
from local.demo.arguments import SAMPLES, Options
from local.demo.errors import DemoFailed, UserMistake
from local.demo.functionshost import FunctionsHost
from local.demo.hosts import LocalProgram
from local.demo.run import require_space, run
from local.demo.sampling import small_folder
from local.demo.session import Session
from local.demo.state_dir import place
from local.demo.systems import SYSTEMS
from local.simulator.auth import system_clock
from local.simulator.exchanges import ExchangeLog
from local.simulator.messages import Reply, Request
from local.simulator.store import Column, Store, Table
from tests.support.patience import PATIENCE_S

needs_dev_full = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")


class Usage(NamedTuple):
    """What shutil.disk_usage returns."""

    total: int
    used: int
    free: int


def nearly_full(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage(10**9, 10**9 - free, free))


def test_a_demo_says_at_once_which_folder_has_too_little_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_full(monkeypatch, 3_000_000)
    with pytest.raises(space.NoSpaceLeft, match=r"no space left on .* \(3\.0 MB free, \d+ MB needed\): free some"):
        require_space(None)
    with pytest.raises(space.NoSpaceLeft, match=rf"no space left on {tmp_path} "):
        require_space(tmp_path / "new" / "folder")


def test_enough_space_is_no_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_full(monkeypatch, 10**9)
    require_space(None)
    require_space(tmp_path)


def full(*_: object, **__: object) -> None:
    """Stands in for writing a file to a disk that is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("keep", [None, "kept"])
def test_a_small_demo_says_so_before_it_writes_its_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str | None
) -> None:
    nearly_full(monkeypatch, 200_000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(Path, "write_text", full)
    options = Options(once=True, small=True, keep=None if keep is None else tmp_path / keep)
    with pytest.raises(space.NoSpaceLeft, match=rf"no space left on {tmp_path} \(0\.2 MB free, \d+ MB needed\): free"):
        run(options, Console())
    assert list(tmp_path.iterdir()) == []


def test_a_sample_that_finds_no_space_names_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(space.NoSpaceLeft, match=rf"no space left on {tmp_path}/"), small_folder(SAMPLES):
        pass


def test_no_temporary_folder_at_all_is_reported_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(UserMistake, match=r"no temporary folder takes a file: free some space .* by TMPDIR"):
        require_space(None)


class Dying(FunctionsHost):
    """A host that ends while it starts, and has no space to say why."""

    def start(self, *_: object) -> None:
        raise DemoFailed("functions host stopped by itself (exit code 1). Its last lines:\n")


def test_a_host_that_ends_at_its_start_since_the_disk_is_full_is_reported_by_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with place(tmp_path, data="digest", folder="records", systems=SYSTEMS) as here:
        session = Session(Options(), here, {"COMPANY": "usmf"}, (), "USD")
        dying = Dying("functions host", LocalProgram(tmp_path / "host"), tmp_path / "log", lambda _text: None)
        with pytest.raises(DemoFailed, match="stopped by itself"):
            session.start_host(dying)
        nearly_full(monkeypatch, 200_000)
        with pytest.raises(space.NoSpaceLeft, match=rf"no space left on {tmp_path} \(0\.2 MB free"):
            session.start_host(dying)


def fill(store: Store) -> None:
    with store.transaction():
        for number in range(2, 1000):
            store.insert("notes", {"id": number, "text": "x" * 1000})


def test_rows_that_find_no_space_name_the_folder_and_leave_the_rest_as_it_was(tmp_path: Path) -> None:
    table = Table("notes", {"id": Column.INTEGER, "text": Column.TEXT}, ("id",))
    store = Store([table], tmp_path / "rows.sqlite")
    store.insert("notes", {"id": 1, "text": "kept"})
    pages = store.tuples("PRAGMA page_count")[0][0]
    store.tuples(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(space.NoSpaceLeft, match=rf"no space left on {tmp_path}:"):
        fill(store)
    assert store.tuples("SELECT id FROM notes") == [(1,)]
    store.close()


@needs_dev_full
def test_an_exchange_log_that_finds_no_space_says_so_and_is_given_up() -> None:
    log = ExchangeLog("finops", file=Path("/dev/full"))
    request = Request(
        "GET", "/data/CustomersV3", "", CIMultiDictProxy(CIMultiDict()), b"x" * 100_000, "http://127.0.0.1"
    )
    with pytest.raises(space.NoSpaceLeft, match=r"no space left on /dev:"):
        log.record(system_clock(), request, Reply(200))
    log.record(system_clock(), request, Reply(200))
    log.close()
    assert log.counters()["total_reads"] == 2


@pytest.mark.process
@needs_dev_full
def test_a_simulator_whose_disk_is_full_ends_and_says_so_in_its_last_line(tmp_path: Path) -> None:
    ready, log = tmp_path / "ready", tmp_path / "log"
    arguments = ["--port", "0", "--token", "t", "--ready-file", str(ready), "--exchanges", "/dev/full"]
    with processes.running("finops simulator", "local.finops", arguments, log=log) as child:
        url = f"http://127.0.0.1:{child.wait_for(ready)}/data/" + "x" * 20_000
        answer = requests.get(url, headers={"Authorization": "Bearer t"}, timeout=PATIENCE_S)
        assert child.process.wait(PATIENCE_S) == 1
    assert answer.status_code == 507
    assert log.read_text(encoding="utf-8").splitlines()[-1].startswith("no space left on /dev: free some")
