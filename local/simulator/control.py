"""The control plane under /_simulator/: faults, latency, counters and what a simulator adds of its own."""

import hmac
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from local.simulator.exchanges import ExchangeLog
from local.simulator.faults import Faults, rule_from
from local.simulator.messages import Reply, Request

PREFIX = "/_simulator/"
TOKEN_HEADER = "x-simulator-admin-token"  # noqa: S105 - the name of a header

_NO_ADMIN = (
    f"The header {TOKEN_HEADER} does not carry the admin token: start the simulator with --admin-token-file FILE, and "
    "send what the file holds."
)
Control = Callable[[str, object], object]
"""Takes method and JSON body (None without one), returns JSON. Raises ValueError for an invalid body."""


class ControlPlane:
    """Answers the requests of the simulator's operator; clients of the service never use it."""

    def __init__(
        self, faults: Faults, exchanges: ExchangeLog, admin_token: str, controls: Mapping[str, Control] | None = None
    ) -> None:
        self._faults = faults
        self._exchanges = exchanges
        self._token = admin_token.encode()
        self._controls: dict[str, Control] = {
            "faults": self._fault_rules,
            "latency": self._latency,
            "counters": self._counters,
            "exchanges": self._last_exchanges,
            **(controls or {}),
        }

    def answer(self, request: Request, peer: str | None) -> Reply:
        """Do what the request asks; 403 without the admin token or from another machine."""
        if not _is_loopback(peer):
            return _json(403, {"error": "The control plane answers this machine only."})
        given = request.header(TOKEN_HEADER) or ""
        if not self._token or not hmac.compare_digest(given.encode(), self._token):
            return _json(403, {"error": _NO_ADMIN})
        name, _, rest = request.raw_path.removeprefix(PREFIX).partition("/")
        control = self._controls.get(name)
        if control is None:
            return _json(404, {"error": f"No control {name!r}; known: {', '.join(sorted(self._controls))}."})
        try:
            body = json.loads(request.body) if request.body else (int(rest) if rest else None)
            result = control(request.method, body)
        except ValueError as error:
            return _json(400, {"error": str(error)})
        return _json(200, result)

    def _fault_rules(self, method: str, body: object) -> object:
        match method, body:
            case "GET", _:
                return self._faults.listed()
            case "POST", dict():
                return {"id": self._faults.add(rule_from(body))}
            case "DELETE", int():
                return {"removed": self._faults.remove(body)}
            case "DELETE", None:
                self._faults.clear()
                return {"removed": True}
        raise ValueError("Use GET, POST with a rule, or DELETE with faults/<id> or faults for all.")

    def _latency(self, method: str, body: object) -> object:
        match method, body:
            case "POST", {"latency_ms": int() | float() as latency_ms}:
                self._faults.latency_ms = float(latency_ms)
            case "DELETE", None:
                self._faults.latency_ms = 0.0
            case "GET", _:
                pass
            case _:
                raise ValueError('Use GET, DELETE, or POST with {"latency_ms": number}.')
        return {"latency_ms": self._faults.latency_ms}

    def _counters(self, method: str, _body: object) -> object:
        counted = self._exchanges.counters()
        if method in ("POST", "DELETE"):
            self._exchanges.reset()
        return counted

    def _last_exchanges(self, _method: str, body: object) -> object:
        self._exchanges.flush()
        return [asdict(exchange) for exchange in self._exchanges.last(body if isinstance(body, int) else 100)]


def _is_loopback(peer: str | None) -> bool:
    try:
        return peer is not None and ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def _json(status: int, content: object) -> Reply:
    return Reply(status, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(content).encode())
