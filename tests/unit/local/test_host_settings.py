"""App settings, host.json and bindings, as the real host reads them."""

import json
from pathlib import Path

import azure.functions as func
import pytest

from local.host.app import functions_of, load_app
from local.host.app_settings import DEVELOPMENT_STORAGE, AppSettings, read_local_settings
from local.host.errors import AppInvalid, SettingsInvalid
from local.host.host_json import HostJson, parse_host_json, read_host_json
from local.host.triggers import bind_triggers

CONNECTION = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}


def small_app() -> func.FunctionApp:
    app = func.FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule="%TICK%", run_on_startup=True)
    def tick(timer: func.TimerRequest) -> None: ...

    @app.queue_trigger(arg_name="message", queue_name="%WORK%", connection="AzureWebJobsStorage")
    def work(message: func.QueueMessage) -> None: ...

    @app.route(route="health", auth_level=func.AuthLevel.ANONYMOUS)
    def health(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("ok")

    return app


def test_host_json_has_the_defaults_of_the_real_host() -> None:
    document = parse_host_json({"version": "2.0"}, {})

    queues = document.queues
    assert (queues.batch_size, queues.fetch_threshold, queues.max_dequeue_count) == (16, 8, 5)
    assert (queues.visibility_timeout, queues.max_polling_interval, queues.message_encoding) == (0, 60, "base64")
    assert document.function_timeout == 1800


def test_app_settings_override_host_json_without_regard_to_case() -> None:
    document = {"version": "2.0", "extensions": {"queues": {"batchSize": 4, "visibilityTimeout": "00:00:30"}}}
    overrides = {
        "AzureFunctionsJobHost__extensions__queues__batchSize": "8",
        "AzureFunctionsJobHost:Extensions:Queues:MessageEncoding": "None",
        "AzureFunctionsJobHost__functionTimeout": "-1",
        "AzureFunctionsJobHost__logging__logLevel__Host.Triggers": "Warning",
    }

    host_json = parse_host_json(document, overrides)

    assert host_json.queues.batch_size == 8
    assert host_json.queues.visibility_timeout == 30
    assert host_json.queues.message_encoding == "none"
    assert host_json.function_timeout is None
    assert host_json.log_levels == {"host.triggers": "warning"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batchSize", 0),
        ("batchSize", 33),
        ("newBatchThreshold", -1),
        ("maxDequeueCount", 0),
        ("maxPollingInterval", "00:00:00.05"),
        ("visibilityTimeout", "half a minute"),
        ("visibilityTimeout", "8.00:00:00"),
        ("messageEncoding", "utf16"),
    ],
)
def test_a_queue_option_outside_its_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingsInvalid, match=name.casefold()):
        parse_host_json({"version": "2.0", "extensions": {"queues": {name: value}}}, {})


def test_a_misspelt_queue_option_is_noticed() -> None:
    document = {"version": "2.0", "extensions": {"queues": {"batchsizes": 4}}}

    assert parse_host_json(document, {}).unknown_queue_options == ("batchsizes",)


def test_a_missing_or_broken_host_json_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"host\.json does not exist"):
        read_host_json(tmp_path / "host.json")
    (tmp_path / "host.json").write_text("{")
    with pytest.raises(SettingsInvalid, match=r"host\.json is not JSON"):
        read_host_json(tmp_path / "host.json")


def test_the_environment_wins_over_local_settings(tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text(json.dumps({"IsEncrypted": False, "Values": {"A": "file", "B": "file"}}))

    settings = read_local_settings(path).over({"A": "environment"})

    assert (settings["a"], settings["B"]) == ("environment", "file")


@pytest.mark.parametrize(
    ("document", "named"),
    [({}, "Values"), ({"Values": {"A": 1}}, "A must be strings"), ({"IsEncrypted": True, "Values": {}}, "encrypted")],
)
def test_local_settings_that_the_tools_would_refuse_are_refused(
    tmp_path: Path, document: dict[str, object], named: str
) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SettingsInvalid, match=named):
        read_local_settings(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_settings_are_read_however_an_editor_has_saved_them(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "local.settings.json"
    path.write_bytes('{"Values": {"A": "Zürich"}}'.encode(encoding))
    assert read_local_settings(path)["A"] == "Zürich"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{'Values': 'ü'}".encode("cp1252"), "is neither UTF-8 nor UTF-16: save it as UTF-8"),
        (b'{"Values": {\n"A" 1', "is not JSON: look at line 2, column 5"),
        (b"[" * 99_999, "nested too deeply"),
        (b'{"Values": {"A": "\\u0000"}}', "the values of A must be strings without NUL"),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_named_with_the_remedy(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "local.settings.json"
    path.write_bytes(content)
    with pytest.raises(SettingsInvalid, match=said) as caught:
        read_local_settings(path)
    assert str(caught.value).startswith(str(path))


def test_bindings_take_their_values_from_app_settings() -> None:
    settings = AppSettings({**CONNECTION, "TICK": "0 */5 * * * *", "WORK": "work-items"})

    triggers = bind_triggers(functions_of(small_app()), settings)

    assert triggers.timers[0].schedule.expression == "0 */5 * * * *"
    assert triggers.timers[0].run_on_startup
    assert triggers.timers[0].use_monitor
    assert triggers.queues[0].source.name == "work-items"
    assert triggers.queues[0].source.connection_string == DEVELOPMENT_STORAGE


GOOD = {**CONNECTION, "TICK": "0 * * * * *", "WORK": "work-items"}


@pytest.mark.parametrize(
    ("settings", "timers", "queues", "said"),
    [
        ({**GOOD, "TICK": None}, [], ["work"], "function tick, binding timer, schedule refers to %TICK%"),
        ({**GOOD, "TICK": "soon"}, [], ["work"], "function tick, binding timer, schedule is set"),
        ({**GOOD, "WORK": None}, ["tick"], [], "function work, binding message, queueName refers to %WORK%"),
        ({**GOOD, "AzureWebJobsStorage": ""}, ["tick"], [], "holds a storage connection string"),
        ({**GOOD, "AzureWebJobsStorage": None}, ["tick"], [], "holds a storage connection string"),
        (
            {**GOOD, "AzureWebJobsStorage": "AccountKey=a2V5"},
            ["tick"],
            [],
            "is not a connection string: copy the whole",
        ),
    ],
)
def test_a_mistake_in_a_setting_disables_that_function_alone(
    settings: dict[str, str | None], timers: list[str], queues: list[str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    known = {name: value for name, value in settings.items() if value is not None}
    triggers = bind_triggers(functions_of(small_app()), AppSettings(known))

    assert [timer.function.name for timer in triggers.timers] == timers
    assert [queue.function.name for queue in triggers.queues] == queues
    assert said in caplog.text


def test_a_connection_by_identity_is_explained(caplog: pytest.LogCaptureFixture) -> None:
    settings = {"AzureWebJobsStorage__accountName": "a", "TICK": "0 * * * * *", "WORK": "work"}
    assert bind_triggers(functions_of(small_app()), AppSettings(settings)).queues == ()
    assert "identity-based" in caplog.text


def test_a_disabled_function_is_not_listened_for_and_needs_no_settings() -> None:
    settings = AppSettings({**CONNECTION, "AzureWebJobs.tick.Disabled": "true", "WORK": "work-items"})

    triggers = bind_triggers(functions_of(small_app()), settings)

    assert not triggers.timers
    assert [queue.function.name for queue in triggers.queues] == ["work"]


def test_a_parameter_without_binding_is_refused_as_by_the_worker() -> None:
    app = func.FunctionApp()

    @app.queue_trigger(arg_name="message", queue_name="q", connection="AzureWebJobsStorage")
    def work(msg: func.QueueMessage) -> None: ...

    with pytest.raises(AppInvalid, match=r"work.*message"):
        functions_of(app)


def test_two_functions_of_one_name_are_refused() -> None:
    app = func.FunctionApp()
    for _ in range(2):

        @app.function_name("same")
        @app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
        def tick(timer: func.TimerRequest) -> None: ...

    with pytest.raises(AppInvalid, match="unique"):
        functions_of(app)


def test_a_folder_without_function_app_is_named(tmp_path: Path) -> None:
    with pytest.raises(AppInvalid, match=r"function_app\.py"):
        load_app(tmp_path)


def test_host_json_needs_its_version() -> None:
    with pytest.raises(SettingsInvalid, match="version"):
        parse_host_json({}, {})
    assert isinstance(parse_host_json({"version": "2.0"}, {}), HostJson)
