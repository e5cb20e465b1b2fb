"""The systems that a developer starts beside a host of his own (`python -m local.systems`)."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import azurite, systems
from local.demo.sampling import small_folder
from local.demo.state_dir import free_ports
from local.systems import Ports
from shared.bootstrap import build
from shared.flows.accounts import ACCOUNTS
from shared.flows.registry import FLOWS
from shared.state.storage.account import Account, Storage

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def few_records(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """To load all of the sample takes seconds."""
    with small_folder(systems.SAMPLES) as folder:
        monkeypatch.setattr(systems, "SAMPLES", folder)
        yield


@pytest.fixture
def ports() -> Ports:
    identity, sales, finops, blob, queue, table = free_ports(6)
    return Ports(identity, sales, finops, azurite.Ports(blob, queue, table))


def test_a_function_that_is_fired_with_their_settings_finds_the_records_and_no_timer_ticks_by_itself(
    ports: Ports, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / ".state"
    monkeypatch.setattr(systems, "STATE", state)
    monkeypatch.setattr(systems, "ROOT", tmp_path)
    monkeypatch.setattr(systems, "Ports", lambda: ports)
    values: dict[str, str] = {}
    queued: list[int] = []

    def developer(_: systems.Systems) -> None:
        values.update(json.loads((state / "local.settings.json").read_text(encoding="utf-8"))["Values"])
        command = ["sh", "-c", f'. {state}/local.env && printf %s "$MAP_DOCUMENT"']
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == values["MAP_DOCUMENT"]
        for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
            monkeypatch.setenv(name, values[name])
        build(FLOWS, values).pull(ACCOUNTS)
        queued.append(Storage(Account(connection_string=values["AzureWebJobsStorage"])).queues.depth(ACCOUNTS))
        raise KeyboardInterrupt

    monkeypatch.setattr(systems.Systems, "require_alive", developer)
    assert systems.main([]) == 0
    assert queued[0] > 0
    assert {value for name, value in values.items() if name.endswith("_SCHEDULE")} == {"0 0 0 1 1 *"}
    assert list(state.iterdir()) == [], "they lead nowhere any more"
    assert "--settings .state/local.settings.json --trigger accounts_pull" in capsys.readouterr().out


def test_a_port_that_is_taken_is_named_with_who_may_have_it(
    ports: Ports, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(systems, "Ports", lambda: ports)
    with socket.create_server(("127.0.0.1", ports.storage.queue)):
        assert systems.main([]) == 1
    assert capsys.readouterr().err == (
        f"port {ports.storage.queue} of 127.0.0.1 cannot be used (Address already in use): if another local.systems, "
        "Azurite or simulator runs there, end it\n"
    )
