"""Loads an app of the Python v2 model and lists its functions, refusing what the real worker would refuse."""

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import azure.functions as func

from local.host.errors import AppInvalid

CONTEXT = "context"
RETURN = "$return"


@dataclass(frozen=True)
class Binding:
    """One binding of a function: its kind, the parameter that it fills, and its raw properties."""

    kind: str
    name: str
    properties: Mapping[str, object]

    @property
    def is_trigger(self) -> bool:
        """True for the one binding that starts the function."""
        return self.kind.casefold().endswith("trigger")

    def text(self, key: str) -> str:
        """Return a property that must be text; a property left out is empty."""
        return str(self.properties.get(key) or "")

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a property that is true or false."""
        value = self.properties.get(key)
        return default if value is None else bool(value)


@dataclass(frozen=True)
class AppFunction:
    """One function of the app: its name, what to call, and its bindings."""

    name: str
    call: Callable[..., object]
    bindings: tuple[Binding, ...]
    wants_context: bool
    has_retry_policy: bool

    @property
    def trigger(self) -> Binding:
        """The one trigger binding."""
        return next(binding for binding in self.bindings if binding.is_trigger)

    @property
    def others(self) -> tuple[Binding, ...]:
        """Every binding but the trigger."""
        return tuple(binding for binding in self.bindings if not binding.is_trigger)


def load_app(directory: Path) -> tuple[AppFunction, ...]:
    """Import `function_app.py` of `directory` and return its functions."""
    if not (directory / "function_app.py").is_file():
        raise AppInvalid(f"{directory} has no function_app.py: name the folder of a function app")
    if str(directory.resolve()) not in sys.path:
        sys.path.insert(0, str(directory.resolve()))
    try:
        module = importlib.import_module("function_app")
    except Exception as error:  # the app's own code runs here: anything may come out
        raise AppInvalid(f"function_app.py cannot be imported: {type(error).__name__}: {error}") from error
    apps = [name for name, value in vars(module).items() if isinstance(value, func.FunctionApp)]
    if len(apps) != 1:
        names = ", ".join(apps) or "none"
        raise AppInvalid(f"function_app.py must bind exactly one name to a FunctionApp, found {names}")
    return functions_of(getattr(module, apps[0]))


def functions_of(app: func.FunctionApp) -> tuple[AppFunction, ...]:
    """Return the functions of `app`. The library allows this once for each app object."""
    try:
        built = app.get_functions()
    except ValueError as error:
        raise AppInvalid(f"the app's functions cannot be indexed: {error}") from error
    functions = []
    for function in built:
        bindings = tuple(_binding(json.loads(raw)) for raw in function.get_raw_bindings())
        call = function.get_user_function()
        retries = function.get_settings_dict("retry_policy") is not None
        functions.append(_checked(str(function.get_function_name()), call, bindings, has_retry_policy=retries))
    return tuple(functions)


def _binding(raw: dict[str, object]) -> Binding:
    return Binding(kind=str(raw["type"]), name=str(raw["name"]), properties=raw)


def _checked(
    name: str, call: Callable[..., object], bindings: tuple[Binding, ...], *, has_retry_policy: bool
) -> AppFunction:
    """The worker refuses the whole app when a parameter and a binding do not answer to each other."""
    parameters = set(inspect.signature(call).parameters)
    bound = {binding.name for binding in bindings} - {RETURN}
    if missing := bound - parameters:
        raise AppInvalid(f"function {name}: the bindings {sorted(missing)} have no parameter of that name")
    if unbound := parameters - bound - {CONTEXT}:
        raise AppInvalid(f"function {name}: the parameters {sorted(unbound)} have no binding of that name")
    wants_context = CONTEXT in parameters and CONTEXT not in bound
    return AppFunction(name, call, bindings, wants_context, has_retry_policy)
