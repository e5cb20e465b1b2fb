"""What end-to-end tests share: one emulator, and a run that many tests look at."""

import fcntl
import os
from collections.abc import Iterator

import pytest

from local.azurite import Azurite
from tests.e2e.rehearsed import Rehearsed, as_json, from_json, rehearse


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Azurite in memory; each test takes names of its own."""
    with Azurite() as running:
        yield running


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """What the acts of the rehearsal have logged. It is played once, by whichever test process asks first."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    result = shared / "rehearsed.json"
    with (shared / "rehearsed.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            result.write_text(as_json(rehearse(tmp_path_factory.mktemp("rehearsal"))), encoding="utf-8")
        return from_json(result.read_text(encoding="utf-8"))
