"""Loads an app and calls its functions through Microsoft's own worker library, as Azure's Python worker does.

The library, azure-functions-runtime, is what the worker of Python 3.13 and later is made of. On older Pythons it works
as well, but pip has to be told: `pip install --no-deps --ignore-requires-python azure-functions-runtime==1.3.0`.
Its interface is internal: nothing else may import it.
"""

import asyncio
import importlib
import importlib.util
import json
import os
import sys
import types
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION = "1.3.0"
INSTALL = f"pip install --no-deps --ignore-requires-python azure-functions-runtime=={VERSION}"
SCRIPT = "function_app"


class WorkerMissing(Exception):
    """The worker library is not installed, or in another version than the one this module knows."""


class IndexingFailed(Exception):
    """The worker refuses the app: in Azure none of its functions would exist."""


@dataclass(frozen=True)
class Function:
    """An indexed function; `handle` is the worker's own record of it."""

    name: str
    id: str
    bindings: tuple[Mapping[str, object], ...]
    handle: Any = field(repr=False, compare=False)


@dataclass(frozen=True)
class Result:
    """How an invocation ended: `error` is None after success; `returned` and `outputs` are what the host would send.
    `id` is the host's id of the invocation."""

    id: str
    ok: bool
    returned: object
    outputs: Mapping[str, object]
    error: str | None


class _BindingInfo(types.SimpleNamespace):
    """The numbers of the protobuf enums that the loader compares with."""

    in_, out, inout = 0, 1, 2
    undefined, string, binary, stream = 0, 1, 2, 3


class _Protos:
    """Stands in for the protobuf module: its classes are only constructed."""

    BindingInfo = _BindingInfo

    def __getattr__(self, name: str) -> Callable[..., types.SimpleNamespace]:
        return types.SimpleNamespace


def load(app_dir: Path) -> dict[str, Function]:
    """Index the app of `app_dir` as the worker does at start; return its functions by name.

    Raises IndexingFailed with the worker's own words, WorkerMissing when the library is not there.
    """
    handle_event, meta, threadpool = _modules("handle_event", "bindings.meta", "utils.threadpool")
    meta.load_binding_registry()
    handle_event.protos = _Protos()
    handle_event._functions = _native()._functions = importlib.import_module(
        "azure_functions_runtime.functions"
    ).Registry()
    threadpool.start_threadpool_executor()
    with _importable(app_dir):
        try:
            found = handle_event.index_functions(str(app_dir / f"{SCRIPT}.py"), str(app_dir))
        except Exception as error:  # whatever the app raises at import, the worker reports as a failure
            raise IndexingFailed(f"{type(error).__name__}: {error}") from error
    return {metadata.name: _function(metadata) for metadata in found}


def invoke(function: Function, inputs: Mapping[str, object], metadata: Mapping[str, object] | None = None) -> Result:
    """Call a function with its trigger data by parameter name: text and bytes pass as they are, the rest as JSON."""
    arguments = [(name, _datum(value)) for name, value in inputs.items()]
    trigger = {name: _json(value) for name, value in (metadata or {}).items()}
    id = str(uuid.uuid4())
    call = _native().invocation_request_native(id, function.id, arguments, trigger)
    ok, returned, outputs, error, _ = asyncio.run(call)
    return Result(
        id=id,
        ok=ok,
        returned=None if returned is None else returned.value,
        outputs={name: datum.value for name, datum in outputs},
        error=error,
    )


def queue_message(function: Function, parameter: str, body: str, *, dequeue_count: int = 1) -> Result:
    """Call a queue function with one message, metadata and all, as the host does."""
    metadata: dict[str, object] = {
        "Id": str(uuid.uuid4()),
        "DequeueCount": str(dequeue_count),
        "PopReceipt": "receipt",
        "InsertionTime": "2026-01-05T08:00:00+00:00",
        "ExpirationTime": "2026-01-12T08:00:00+00:00",
        "NextVisibleTime": "2026-01-05T08:10:00+00:00",
    }
    return invoke(function, {parameter: body}, metadata)


def timer_tick(function: Function, parameter: str, *, past_due: bool = False) -> Result:
    """Call a timer function, as the host does."""
    return invoke(function, {parameter: {"IsPastDue": past_due, "ScheduleStatus": {}, "Schedule": {}}})


def close() -> None:
    """End the worker's threads."""
    (threadpool,) = _modules("utils.threadpool")
    threadpool.stop_threadpool_executor()


def _function(metadata: Any) -> Function:
    bindings = tuple(json.loads(raw) for raw in metadata.raw_bindings)
    return Function(metadata.name, metadata.function_id, bindings, metadata)


def _datum(value: object) -> Any:
    (datumdef,) = _modules("bindings.datumdef")
    match value:
        case str():
            return datumdef.Datum(value, "string")
        case bytes():
            return datumdef.Datum(value, "bytes")
        case _:
            return _json(value)


def _json(value: object) -> Any:
    (datumdef,) = _modules("bindings.datumdef")
    return datumdef.Datum(json.dumps(value), "json")


def _native() -> Any:
    (native,) = _modules("native_invocation")
    return native


def _modules(*names: str) -> tuple[Any, ...]:
    if importlib.util.find_spec("azure_functions_runtime") is None:
        raise WorkerMissing(f"azure-functions-runtime is not installed: {INSTALL}")
    found = importlib.import_module("azure_functions_runtime.version").VERSION
    if found != VERSION:
        raise WorkerMissing(f"azure-functions-runtime is {found}, this module knows {VERSION}: {INSTALL}")
    return tuple(importlib.import_module(f"azure_functions_runtime.{name}") for name in names)


@contextmanager
def _importable(app_dir: Path) -> Iterator[None]:
    """Import the app from `app_dir` afresh, whatever app was imported before."""
    earlier = sys.modules.pop(SCRIPT, None)
    here = os.fspath(app_dir.resolve())
    sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(here)
        sys.modules.pop(SCRIPT, None)
        if earlier is not None:
            sys.modules[SCRIPT] = earlier
