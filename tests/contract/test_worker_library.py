"""The worker library helper itself, on a sample app."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract import worker_library
from tests.contract.worker_library import Function, IndexingFailed

SAMPLE_APP = Path(__file__).parent / "sample_app"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    worker_library.close()


@pytest.fixture
def functions() -> dict[str, Function]:
    return worker_library.load(SAMPLE_APP)


def test_the_worker_indexes_every_function_with_its_bindings(functions: dict[str, Function]) -> None:
    assert set(functions) == {"sample_tick", "sample_work", "sample_async"}
    kinds = {str(binding["type"]) for binding in functions["sample_work"].bindings}
    assert kinds == {"queueTrigger", "queue"}


def test_a_timer_function_sends_its_output(functions: dict[str, Function]) -> None:
    result = worker_library.timer_tick(functions["sample_tick"], "timer", past_due=True)

    assert result.ok
    sent = [json.loads(text) for text in json.loads(str(result.outputs["out"]))]
    assert sent[0] == {"past_due": True, "function": "sample_tick", "number": 0}


def test_a_queue_function_sees_body_and_dequeue_count(functions: dict[str, Function]) -> None:
    result = worker_library.queue_message(functions["sample_work"], "message", '{"number": 7}', dequeue_count=3)

    assert json.loads(str(result.outputs["done"])) == {"number": 7, "attempt": 3}


def test_an_async_function_returns_its_output(functions: dict[str, Function]) -> None:
    assert worker_library.queue_message(functions["sample_async"], "message", "hello").returned == "hello"


def test_a_raising_function_is_a_failed_result(functions: dict[str, Function]) -> None:
    result = worker_library.queue_message(functions["sample_work"], "message", '{"fail": true}')

    assert not result.ok
    assert "asked for a failure" in str(result.error)
    assert not result.outputs


HEAD = "import azure.functions as func\napp = func.FunctionApp()\n"
TIMER = '@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")\n'


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise RuntimeError('broken at import')\n", "broken at import"),
        ("", "Could not find top level function app"),
        (HEAD + "alias = app\n", "More than one FunctionApp"),
        (HEAD + TIMER + "def tick(other): ...\n", "other"),
        (
            HEAD + TIMER + '@app.queue_output(arg_name="out", queue_name="q", connection="C")\n'
            "def tick(timer: func.TimerRequest, out: func.Out[list[str]]) -> None: ...\n",
            "annotation",
        ),
    ],
)
def test_an_app_that_the_worker_refuses_fails_with_its_words(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "function_app.py").write_text(source)

    with pytest.raises(IndexingFailed, match=said):
        worker_library.load(tmp_path)


def test_two_apps_can_be_loaded_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(HEAD + TIMER + "def only(timer: func.TimerRequest) -> None: ...\n")

    assert set(worker_library.load(tmp_path)) == {"only"}
    assert "sample_tick" in worker_library.load(SAMPLE_APP)
