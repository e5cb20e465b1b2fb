"""Binds the app's functions to queues and schedules: what a binding says, with its settings looked up."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from local.host.app import AppFunction, Binding
from local.host.app_settings import AppSettings
from local.host.errors import SettingsInvalid
from local.host.schedule import Schedule

log = logging.getLogger("Host.Startup")


@dataclass(frozen=True)
class QueueAddress:
    """A queue's name and the connection string of its account."""

    connection_string: str = field(repr=False)
    name: str


@dataclass(frozen=True)
class QueueFunction:
    """A function that runs once for each message of a queue."""

    function: AppFunction
    source: QueueAddress


@dataclass(frozen=True)
class TimerFunction:
    """A function that runs on a schedule."""

    function: AppFunction
    schedule: Schedule
    run_on_startup: bool
    use_monitor: bool


@dataclass(frozen=True)
class Triggers:
    """Everything that this host listens to."""

    queues: tuple[QueueFunction, ...]
    timers: tuple[TimerFunction, ...]
    outputs: dict[tuple[str, str], QueueAddress]


class _Binder:
    """Collects what can be listened to."""

    def __init__(self, settings: AppSettings) -> None:
        self._settings = settings
        self.queues: list[QueueFunction] = []
        self.timers: list[TimerFunction] = []
        self.outputs: dict[tuple[str, str], QueueAddress] = {}

    def bind(self, function: AppFunction) -> None:
        trigger = function.trigger
        where = f"function {function.name}, binding {trigger.name}"
        match trigger.kind:
            case "queueTrigger":
                queue = QueueFunction(function, self._address(trigger, where))
                self._bind_outputs(function)
                self.queues.append(queue)
            case "timerTrigger":
                timer = self._timer(function, trigger, where)
                self._bind_outputs(function)
                self.timers.append(timer)
            case kind:
                log.warning("Function %s is skipped: this host has no %s", function.name, kind)

    def _bind_outputs(self, function: AppFunction) -> None:
        for binding in function.others:
            if binding.kind != "queue":
                raise SettingsInvalid(f"function {function.name}: this host has no binding of type {binding.kind}")
            where = f"function {function.name}, binding {binding.name}"
            self.outputs[function.name, binding.name] = self._address(binding, where)
        if function.has_retry_policy:
            log.warning("Function %s: this host plays no retry policy", function.name)

    def _address(self, binding: Binding, where: str) -> QueueAddress:
        name = self._settings.resolve(binding.text("queueName"), where=f"{where}, queueName")
        connection = self._settings.resolve(binding.text("connection") or "AzureWebJobsStorage", where=where)
        return QueueAddress(self._settings.connection_string(connection, where=where), name)

    def _timer(self, function: AppFunction, trigger: Binding, where: str) -> TimerFunction:
        where = f"{where}, schedule"
        schedule = Schedule(self._settings.resolve(trigger.text("schedule"), where=where), where=where)
        return TimerFunction(
            function,
            schedule,
            run_on_startup=trigger.flag("runOnStartup", default=False),
            use_monitor=trigger.flag("useMonitor", default=True),
        )


def bind_triggers(functions: Iterable[AppFunction], settings: AppSettings) -> Triggers:
    """Look up every setting that the bindings name. A function with a setting that is missing or wrong is left out and
    logged, as in the real host: the others run, and nothing ends."""
    binder = _Binder(settings)
    for function in functions:
        if settings.is_disabled(function.name):
            log.info("Function %s is disabled", function.name)
            continue
        try:
            binder.bind(function)
        except SettingsInvalid as error:
            log.error("Function %s is disabled by a mistake in the settings: %s", function.name, error)
    return Triggers(tuple(binder.queues), tuple(binder.timers), binder.outputs)
