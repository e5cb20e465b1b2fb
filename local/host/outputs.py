"""Queue output bindings: collected while a function runs, sent after it returned."""

from collections.abc import Callable, Iterable

import azure.functions as func
from azure.functions import _abc

from local.host.app import RETURN, AppFunction

# Sends one message body for a function's binding.
SendOutput = Callable[[str, str, bytes], None]


class OutputValue(func.Out[object]):
    """The `func.Out` that a function gets for one of its output bindings."""

    def __init__(self) -> None:
        self._value: object = None

    def set(self, val: object) -> None:
        """Remember what to send; the last call wins."""
        self._value = val

    def get(self) -> object:
        """Return what will be sent."""
        return self._value


class WrongReturn(TypeError):
    """A function without a `$return` binding returned something."""


def output_parameters(function: AppFunction) -> dict[str, OutputValue]:
    """Return a fresh `func.Out` for each output parameter."""
    return {binding.name: OutputValue() for binding in function.others if binding.name != RETURN}


def send_outputs(function: AppFunction, parameters: dict[str, OutputValue], returned: object, send: SendOutput) -> None:
    """Send everything that the function set or returned; raise TypeError for a value that a queue cannot hold."""
    values: dict[str, object] = {name: parameter.get() for name, parameter in parameters.items()}
    if any(binding.name == RETURN for binding in function.others):
        values[RETURN] = returned
    elif returned is not None:
        raise WrongReturn(f"function {function.name} without a $return binding returned a non-None value")
    for name, value in values.items():
        for body in _bodies(value):
            send(function.name, name, body)


def _bodies(value: object) -> list[bytes]:
    match value:
        case None:
            return []
        case str():
            return [value.encode()]
        case bytes():
            return [value]
        case _abc.QueueMessage():
            return [_encoded(value.get_body())]
        case Iterable():
            return [body for item in value for body in _item(item)]
        case _:
            raise TypeError(f"a queue output takes str, bytes, QueueMessage or a list of them, not {type(value)}")


def _item(value: object) -> list[bytes]:
    if not isinstance(value, str | _abc.QueueMessage):
        raise TypeError(f"a list for a queue output takes str or QueueMessage, not {type(value).__name__}")
    return _bodies(value)


def _encoded(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body
