"""What a function learns about its own invocation, and how log lines find the invocation they belong to."""

import secrets
import threading
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import azure.functions as func
from azure.functions import _abc


@dataclass(frozen=True)
class Invocation:
    """One run of one function."""

    id: str
    function: str


current: ContextVar[Invocation | None] = ContextVar("current_invocation", default=None)

# A function that starts its own threads sets `invocation_id` here, to keep their log lines with the invocation.
thread_local = threading.local()


class HostTraceContext(_abc.TraceContext):
    """A fresh W3C trace for each invocation."""

    def __init__(self) -> None:
        self._parent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"

    @property
    def trace_state(self) -> str:
        """No vendor data."""
        return ""

    @property
    def trace_parent(self) -> str:
        """The W3C traceparent."""
        return self._parent

    @property
    def attributes(self) -> dict[str, str]:
        """No attributes."""
        return {}


class HostRetryContext(_abc.RetryContext):
    """This host plays no retry policies: always the first attempt of one."""

    @property
    def retry_count(self) -> int:
        """Always 0."""
        return 0

    @property
    def max_retry_count(self) -> int:
        """Always 0."""
        return 0

    @property
    def exception(self) -> _abc.RpcException:
        """No earlier attempt failed."""
        return cast(_abc.RpcException, None)


class HostContext(func.Context):
    """The `context` parameter."""

    def __init__(self, invocation: Invocation, directory: Path) -> None:
        self._invocation = invocation
        self._directory = directory
        self._trace = HostTraceContext()

    @property
    def invocation_id(self) -> str:
        """This run's id."""
        return self._invocation.id

    @property
    def thread_local_storage(self) -> type[threading.local]:
        """Set `invocation_id` on it in threads of your own."""
        # The library declares the class and hands out an instance.
        return cast(type[threading.local], thread_local)

    @property
    def function_name(self) -> str:
        """The function's name."""
        return self._invocation.function

    @property
    def function_directory(self) -> str:
        """The app's folder."""
        return str(self._directory)

    @property
    def trace_context(self) -> HostTraceContext:
        """The trace of this run."""
        return self._trace

    @property
    def retry_context(self) -> HostRetryContext:
        """The attempt of a retry policy."""
        return HostRetryContext()
