"""function_app.py, host.json and the deployed files as Azure sees them; every trigger through Microsoft's worker."""

import ast
import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient

from local.host.host_json import seconds_of
from shared.bootstrap import forget_service, service
from shared.flows.registry import FLOWS
from shared.state.storage.account import TABLES
from shared.sync.hints import Hint, HintMessage
from tests.contract import worker_library
from tests.contract.worker_library import Function
from tests.e2e.packaging import packaged_files
from tests.support.events import Heard

ROOT = Path(__file__).parents[2]
HOST: Mapping[str, Any] = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
EXAMPLE: Mapping[str, Any] = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))
QUEUES: Mapping[str, Any] = HOST["extensions"]["queues"]
# What the platform reads: https://learn.microsoft.com/azure/azure-functions/functions-app-settings
OF_THE_PLATFORM = {"FUNCTIONS_WORKER_RUNTIME", "PYTHON_THREADPOOL_THREAD_COUNT"}
FOR_ALL = ("sweep", "reconcile", "cleanup")
KINDS = ("pull", "apply", "poison")
RUN = "0123456789abcdef0123456789abcdef"
ID = "11111111-2222-3333-4444-{:012d}"


@pytest.fixture(scope="module")
def functions() -> Iterator[dict[str, Function]]:
    """The app as Microsoft's worker has indexed it."""
    yield worker_library.load(ROOT)
    worker_library.close()


@pytest.fixture
def environment(storage_account: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The app's settings: a real storage account, and systems that nobody answers for."""
    for name in [*FLOWS.settings.model_fields, *EXAMPLE["Values"]]:
        monkeypatch.delenv(name, raising=False)
    settings = {
        **EXAMPLE["Values"],
        "AzureWebJobsStorage": storage_account,
        "DATAVERSE_URL": "http://127.0.0.1:1",
        "FINOPS_URL": "http://127.0.0.1:2",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    forget_service()
    yield monkeypatch
    forget_service()
    _empty(storage_account)


def _empty(connection: str) -> None:
    with QueueServiceClient.from_connection_string(connection) as queues:
        for queue in queues.list_queues():
            queues.get_queue_client(str(queue.name)).clear_messages()


def _existing(connection: str) -> set[str]:
    with QueueServiceClient.from_connection_string(connection) as queues:
        return {str(queue.name) for queue in queues.list_queues()}


def _queue(connection: str, name: str) -> QueueClient:
    return QueueClient.from_connection_string(connection, name)


def bodies(connection: str, name: str) -> list[str]:
    """The messages of a queue."""
    with _queue(connection, name) as queue:
        return [str(message.content) for message in queue.peek_messages(max_messages=32)]


def message(count: int, flow: str = "accounts") -> str:
    """A message that names some records."""
    return HintMessage(flow, RUN, tuple(Hint(ID.format(number)) for number in range(count))).to_body()


def test_the_app_has_exactly_these_functions_and_triggers(functions: dict[str, Function]) -> None:
    found = {name: [_essence(binding) for binding in function.bindings] for name, function in functions.items()}
    queue = {"connection": "AzureWebJobsStorage", "type": "queueTrigger"}
    assert found == {
        "accounts_pull": [{"type": "timerTrigger", "schedule": "%ACCOUNTS_SCHEDULE%"}],
        "accounts_apply": [{**queue, "queueName": "accounts"}],
        "accounts_poison": [{**queue, "queueName": "accounts-poison"}],
        "contacts_pull": [{"type": "timerTrigger", "schedule": "%CONTACTS_SCHEDULE%"}],
        "contacts_apply": [{**queue, "queueName": "contacts"}],
        "contacts_poison": [{**queue, "queueName": "contacts-poison"}],
        "products_pull": [{"type": "timerTrigger", "schedule": "%PRODUCTS_SCHEDULE%"}],
        "products_apply": [{**queue, "queueName": "products"}],
        "products_poison": [{**queue, "queueName": "products-poison"}],
        "quotations_pull": [{"type": "timerTrigger", "schedule": "%QUOTATIONS_SCHEDULE%"}],
        "quotations_apply": [{**queue, "queueName": "quotations"}],
        "quotations_poison": [{**queue, "queueName": "quotations-poison"}],
        "orders_pull": [{"type": "timerTrigger", "schedule": "%ORDERS_SCHEDULE%"}],
        "orders_apply": [{**queue, "queueName": "orders"}],
        "orders_poison": [{**queue, "queueName": "orders-poison"}],
        "ordersback_pull": [{"type": "timerTrigger", "schedule": "%ORDERS_BACK_SCHEDULE%"}],
        "ordersback_apply": [{**queue, "queueName": "ordersback"}],
        "ordersback_poison": [{**queue, "queueName": "ordersback-poison"}],
        "invoices_pull": [{"type": "timerTrigger", "schedule": "%INVOICES_SCHEDULE%"}],
        "invoices_apply": [{**queue, "queueName": "invoices"}],
        "invoices_poison": [{**queue, "queueName": "invoices-poison"}],
        "sweep": [{"type": "timerTrigger", "schedule": "%SWEEP_SCHEDULE%"}],
        "reconcile": [{"type": "timerTrigger", "schedule": "%RECONCILE_SCHEDULE%"}],
        "cleanup": [{"type": "timerTrigger", "schedule": "%CLEANUP_SCHEDULE%"}],
    }


def _essence(binding: Mapping[str, object]) -> dict[str, object]:
    return {name: binding[name] for name in ("type", "schedule", "queueName", "connection") if name in binding}


def test_no_timer_runs_when_the_app_starts(functions: dict[str, Function]) -> None:
    timers = [binding for function in functions.values() for binding in function.bindings if "schedule" in binding]
    assert len(timers) == len(FLOWS.names) + len(FOR_ALL)
    assert [timer for timer in timers if timer.get("runOnStartup")] == []
    assert [timer for timer in timers if not timer.get("useMonitor")] == []


def test_every_setting_that_a_binding_names_is_known_and_in_the_example(functions: dict[str, Function]) -> None:
    text = json.dumps([dict(binding) for function in functions.values() for binding in function.bindings])
    named = set(re.findall(r"%(\w+)%", text))
    assert named == {flow.schedule_setting for flow in FLOWS} | {f"{name.upper()}_SCHEDULE" for name in FOR_ALL}
    assert named <= set(FLOWS.settings.model_fields)
    assert named <= EXAMPLE["Values"].keys()


def test_the_example_is_valid_as_it_stands() -> None:
    values = EXAMPLE["Values"]
    assert EXAMPLE["IsEncrypted"] is False
    assert set(values) <= set(FLOWS.settings.model_fields) | OF_THE_PLATFORM
    assert FLOWS.read_settings(values).COMPANY == "usmf"


def test_every_text_in_a_queue_reaches_its_function() -> None:
    """With base64 the host poisons what is none at its first delivery, and no function ever sees it."""
    assert QUEUES["messageEncoding"] == "none"


def test_a_message_that_fails_comes_back_later_and_five_times_at_most() -> None:
    assert QUEUES["maxDequeueCount"] == 5
    assert _seconds(QUEUES["visibilityTimeout"]) > 0


def test_an_idle_queue_is_looked_at_every_fifteen_seconds_at_least() -> None:
    assert _seconds(QUEUES["maxPollingInterval"]) <= 15


def test_the_function_timeout_is_five_minutes_and_the_one_that_the_settings_know() -> None:
    assert HOST["functionTimeout"] == "00:05:00"
    assert FLOWS.settings.model_fields["AzureFunctionsJobHost__functionTimeout"].default == HOST["functionTimeout"]


def test_there_is_a_thread_for_everything_that_may_run_at_once(functions: dict[str, Function]) -> None:
    kinds = [binding["type"] for function in functions.values() for binding in function.bindings]
    per_queue = QUEUES["batchSize"] + QUEUES["newBatchThreshold"]
    at_once = kinds.count("timerTrigger") + kinds.count("queueTrigger") * per_queue
    assert int(EXAMPLE["Values"]["PYTHON_THREADPOOL_THREAD_COUNT"]) >= at_once


def test_requests_exceptions_and_events_are_never_sampled_away() -> None:
    excluded = HOST["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")
    assert {"Request", "Exception", "Trace"} <= set(excluded)


def _seconds(text: str) -> float:
    seconds = seconds_of(text)
    assert isinstance(seconds, float)
    return seconds


@cache
def _deployed() -> frozenset[str]:
    return frozenset(packaged_files())


@pytest.mark.parametrize("path", ["local/azurite.py", "tests/conftest.py", "docs/rules.md", "uv.lock", "README.md"])
def test_what_is_for_development_only_is_not_deployed(path: str) -> None:
    assert (ROOT / path).is_file()
    assert path not in _deployed()


@pytest.mark.parametrize("path", ["host.json", "function_app.py", "shared/mapping/value_maps.json"])
def test_what_the_app_needs_at_run_time_is_deployed(path: str) -> None:
    assert path in _deployed()


def test_every_module_that_is_imported_is_deployed() -> None:
    seen: set[Path] = set()
    todo = [ROOT / "function_app.py"]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        todo += [found for name in _imports(file) if (found := _file_of(name)) is not None]
    deployed = [file.relative_to(ROOT).as_posix() for file in seen]
    assert len(deployed) > 30
    assert [path for path in deployed if path not in _deployed()] == []


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _file_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@pytest.mark.usefixtures("environment")
def test_a_pull_of_a_paused_flow_succeeds_and_asks_nobody(functions: dict[str, Function], storage_account: str) -> None:
    results = {flow: worker_library.timer_tick(functions[f"{flow}_pull"], "timer") for flow in FLOWS.names}
    assert failed(results) == {}
    assert {flow: sent for flow in FLOWS.names if (sent := bodies(storage_account, flow))} == {}


@pytest.mark.usefixtures("environment")
def test_a_message_for_a_paused_flow_waits_in_its_hold_queue(
    functions: dict[str, Function], storage_account: str
) -> None:
    results = {
        flow: worker_library.queue_message(functions[f"{flow}_apply"], "message", message(3, flow))
        for flow in FLOWS.names
    }
    assert failed(results) == {}
    for flow in FLOWS.names:
        (held,) = bodies(storage_account, f"{flow}-hold")
        assert json.loads(held)["hints"] == json.loads(message(3, flow))["hints"], flow


@pytest.mark.usefixtures("environment")
def test_a_poisoned_message_is_split_into_its_records(functions: dict[str, Function], storage_account: str) -> None:
    results = {
        flow: worker_library.queue_message(functions[f"{flow}_poison"], "message", message(3, flow))
        for flow in FLOWS.names
    }
    assert failed(results) == {}
    for flow in FLOWS.names:
        alone = [json.loads(body)["hints"] for body in bodies(storage_account, flow)]
        assert sorted(map(len, alone)) == [1, 1, 1], flow


@pytest.mark.usefixtures("environment")
def test_a_poisoned_record_is_listed_as_a_failure(functions: dict[str, Function]) -> None:
    result = worker_library.queue_message(functions["accounts_poison"], "message", message(1))
    assert (result.ok, result.error) == (True, None)
    failure = service(FLOWS).state.failures.load("accounts", [ID.format(0)])[ID.format(0)]
    assert failure.cause == "poison"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("text", ["put here by hand", "", "bm8gaGludA==", "//4="])
def test_a_message_of_a_stranger_reaches_its_function_and_is_listed_as_it_lies_there(
    functions: dict[str, Function], text: str
) -> None:
    assert not worker_library.queue_message(functions["accounts_apply"], "message", text).ok
    assert worker_library.queue_message(functions["accounts_poison"], "message", text).ok
    id = f"message-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    failure = service(FLOWS).state.failures.load("accounts", [id])[id]
    assert failure.cause == "message_unreadable"
    assert failure.message.endswith(f"the body begins with: {text}")


@pytest.mark.usefixtures("environment")
def test_a_message_that_a_tool_wrote_as_base64_is_applied_like_any_other(
    functions: dict[str, Function], storage_account: str
) -> None:
    text = base64.b64encode(message(3).encode()).decode()
    assert worker_library.queue_message(functions["accounts_apply"], "message", text).ok
    assert bodies(storage_account, "accounts-hold") == [text]
    assert worker_library.queue_message(functions["accounts_poison"], "message", text).ok
    assert len(bodies(storage_account, "accounts")) == 3


@pytest.mark.usefixtures("environment")
def test_a_sweep_of_a_paused_flow_succeeds(functions: dict[str, Function]) -> None:
    result = worker_library.timer_tick(functions["sweep"], "timer", past_due=True)
    assert (result.ok, result.error) == (True, None)


@pytest.mark.usefixtures("environment")
def test_events_name_the_run_as_the_host_does(functions: dict[str, Function], heard: Heard) -> None:
    """So that an event and the row of `requests` can be brought together."""
    told: dict[str, tuple[bool, set[str]]] = {}
    ran: dict[str, tuple[bool, set[str]]] = {}
    for name in [*(f"{flow}_{kind}" for flow in FLOWS.names for kind in KINDS), "sweep", "cleanup"]:
        heard.events.clear()
        result = _call(functions[name])
        told[name] = result.ok, {event["run"] for event in heard.events if "run" in event}
        ran[name] = True, {result.id.replace("-", "")}
    assert told == ran


@pytest.mark.usefixtures("environment")
def test_the_first_invocation_makes_every_table_and_queue(functions: dict[str, Function], storage_account: str) -> None:
    assert worker_library.timer_tick(functions["sweep"], "timer").ok
    with TableServiceClient.from_connection_string(storage_account) as tables:
        assert set(TABLES) <= {table.name for table in tables.list_tables()}
    assert {f"{flow}{suffix}" for flow in FLOWS.names for suffix in ("", "-hold", "-poison")} <= _existing(
        storage_account
    )


def test_a_missing_setting_fails_every_trigger_with_the_one_message(
    functions: dict[str, Function], environment: pytest.MonkeyPatch
) -> None:
    environment.delenv("COMPANY")
    environment.setenv("MAX_PARALLELISM", "0")
    for name in [f"{flow}_{kind}" for flow in FLOWS.names for kind in KINDS] + [*FOR_ALL]:
        result = _call(functions[name])
        assert not result.ok, name
        assert str(result.error).startswith("SettingsInvalid"), name
        assert "2 settings to correct:" in str(result.error)
        assert "COMPANY is not set: Legal entity" in str(result.error)
        assert "write a whole number, 1 to 52" in str(result.error)
        assert "AccountKey" not in str(result.error)


def test_a_corrected_setting_is_read_at_the_next_invocation(
    functions: dict[str, Function], environment: pytest.MonkeyPatch
) -> None:
    environment.delenv("COMPANY")
    assert not _call(functions["sweep"]).ok
    environment.setenv("COMPANY", "usmf")
    assert _call(functions["sweep"]).ok


def failed(results: Mapping[str, worker_library.Result]) -> dict[str, object]:
    """The invocations that failed, by flow, each with its error."""
    return {flow: result.error for flow, result in results.items() if not result.ok or result.error}


def _call(function: Function) -> worker_library.Result:
    if any("schedule" in binding for binding in function.bindings):
        return worker_library.timer_tick(function, "timer")
    return worker_library.queue_message(function, "message", message(1, function.name.partition("_")[0]))


def test_the_app_is_indexed_without_any_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name in FLOWS.settings.model_fields:
            monkeypatch.delenv(name)
    try:
        assert len(worker_library.load(ROOT)) == 3 * len(FLOWS.names) + len(FOR_ALL)
    finally:
        worker_library.close()
