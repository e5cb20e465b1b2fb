"""The control plane's own part for F&O: rights and update conflicts."""

from collections.abc import Mapping

from local.finops.served import SERVED
from local.finops.switches import Right, Switches
from local.simulator.control import Control


def controls(switches: Switches) -> Mapping[str, Control]:
    """The controls by name, each with what it takes in its docstring."""
    return {
        "rights": lambda *given: _rights(switches, *given),
        "conflicts": lambda *given: _conflicts(switches, *given),
    }


def _rights(switches: Switches, method: str, body: object) -> object:
    """POST {"entity": "CustomersV3", "right": "write", "granted": false}; DELETE gives all rights back."""
    match method, body:
        case "POST", {"entity": str() as set_name, "right": str() as right, "granted": bool() as granted}:
            change = switches.give if granted else switches.take
            change(_served(set_name), Right(right))
        case "DELETE", None:
            switches.clear()
        case "GET", _:
            pass
        case _:
            raise ValueError('Use GET, DELETE, or POST with {"entity": name, "right": read or write, "granted": bool}.')
    return switches.state()


def _conflicts(switches: Switches, method: str, body: object) -> object:
    """POST {"entity": "CustomersV3", "times": 2}: the next two changes meet another writer."""
    match method, body:
        case "POST", {"entity": str() as set_name, "times": int() as times} if times >= 0:
            switches.expect_conflicts(_served(set_name), times)
        case "DELETE", None:
            switches.clear()
        case "GET", _:
            pass
        case _:
            raise ValueError('Use GET, DELETE, or POST with {"entity": name, "times": whole number}.')
    return switches.state()


def _served(set_name: str) -> str:
    if set_name not in SERVED:
        raise ValueError(f"{set_name} is not served; known: {', '.join(SERVED)}.")
    return set_name
