"""Trouble on demand: rules that are switched on and off while the server runs."""

import random
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What happens to a request that a rule hits."""

    THROTTLE = "throttle"
    """429, nothing applied."""
    ERROR_BEFORE = "error_before"
    """A 5xx, nothing applied."""
    ERROR_AFTER = "error_after"
    """Applied, then a 5xx."""
    DROP_BEFORE = "drop_before"
    """The connection is cut, nothing applied."""
    DROP_AFTER = "drop_after"
    """Applied, then the connection is cut without an answer."""
    DROP_MID = "drop_mid"
    """Applied; headers and half of the body are sent, then the connection is cut."""
    SLOW = "slow"
    """Applied, answered after a delay."""
    REFUSE_TOKEN = "refuse_token"  # noqa: S105 - the name of a rule
    """401, nothing applied."""
    HTML = "html"
    """200 with a page of HTML, nothing applied."""
    TRUNCATE = "truncate"
    """Applied; the answer is half of its JSON, with a matching Content-Length."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of trouble and the requests that it affects.

    `methods` empty = every method; `path` is searched in path and query as sent; `times` None = until removed;
    `retry_after` is sent as it is (seconds or HTTP date), None = no such header; `body` is `json`, `html` or a text
    that is sent verbatim.
    """

    kind: Kind
    methods: frozenset[str] = frozenset()
    path: str = ""
    times: int | None = None
    probability: float = 1.0
    status: int = 503
    retry_after: str | None = None
    body: str = "json"
    delay_s: float = 0.0


@dataclass(slots=True)
class _Active:
    rule: Rule
    pattern: re.Pattern[str]
    left: int | None
    hits: int = field(default=0)


class Faults:
    """The rules that are switched on, first added first tried. Safe to change from another thread."""

    def __init__(self, *, seed: int = 0, latency_ms: float = 0.0, throttle_body: str | None = None) -> None:
        self._active: dict[int, _Active] = {}
        self._next_id = 1
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._latency_ms = latency_ms
        self.throttle_body = throttle_body or '{"error":{"code":"429","message":"Too many requests."}}'

    @property
    def latency_ms(self) -> float:
        """How long each answer takes beyond its own work."""
        return self._latency_ms

    @latency_ms.setter
    def latency_ms(self, value: float) -> None:
        if not 0 <= value <= 600_000:
            raise ValueError(f"A latency of {value} ms is not possible; give 0 to 600000.")
        self._latency_ms = value

    @property
    def idle(self) -> bool:
        """Whether nothing is played: no rule is on, and no answer is held up."""
        with self._lock:
            return not self._active and not self._latency_ms

    def add(self, rule: Rule) -> int:
        """Switch a rule on. Returns the id to remove it by. Raises ValueError for a rule that cannot work."""
        try:
            pattern = re.compile(rule.path)
        except re.error as error:
            raise ValueError(f"The path {rule.path!r} is not a regular expression: {error}.") from error
        if not 0 < rule.probability <= 1:
            raise ValueError(f"The probability {rule.probability} is not in the range above 0 up to 1.")
        with self._lock:
            rule_id = self._next_id
            self._next_id += 1
            self._active[rule_id] = _Active(rule, pattern, rule.times)
        return rule_id

    def remove(self, rule_id: int) -> bool:
        """Switch a rule off; False if it was not on."""
        with self._lock:
            return self._active.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Switch all rules off."""
        with self._lock:
            self._active.clear()

    def hit(self, method: str, target: str) -> Rule | None:
        """The rule that this request meets, counted as one of its times."""
        with self._lock:
            for rule_id, active in self._active.items():
                if self._applies(active, method, target):
                    self._count(rule_id, active)
                    return active.rule
        return None

    def listed(self) -> Sequence[Mapping[str, object]]:
        """Every rule that is on, with its id, hits and what is left of its times."""
        with self._lock:
            return [
                {
                    "id": rule_id,
                    **asdict(active.rule),
                    "methods": sorted(active.rule.methods),
                    "left": active.left,
                    "hits": active.hits,
                }
                for rule_id, active in self._active.items()
            ]

    def _applies(self, active: _Active, method: str, target: str) -> bool:
        rule = active.rule
        if rule.methods and method not in rule.methods:
            return False
        if active.pattern.search(target) is None:
            return False
        return rule.probability == 1 or self._random.random() < rule.probability

    def _count(self, rule_id: int, active: _Active) -> None:
        active.hits += 1
        if active.left is None:
            return
        active.left -= 1
        if active.left <= 0:
            del self._active[rule_id]


def rule_from(given: Mapping[str, object]) -> Rule:
    """A rule out of the JSON of the control plane. Raises ValueError naming what is wrong."""
    unknown = set(given) - set(Rule.__dataclass_fields__)
    if unknown:
        raise ValueError(f"A fault has no {', '.join(sorted(unknown))}; known: {', '.join(Rule.__dataclass_fields__)}.")
    try:
        kind = Kind(str(given.get("kind")))
    except ValueError as error:
        raise ValueError(f"{given.get('kind')!r} is not a kind of fault; choose one of: {', '.join(Kind)}.") from error
    return Rule(
        kind=kind,
        methods=_methods(given.get("methods")),
        path=str(given.get("path") or ""),
        times=_times(given.get("times")),
        probability=_number(given, "probability", 1.0),
        status=int(_number(given, "status", 503)),
        retry_after=None if given.get("retry_after") is None else str(given["retry_after"]),
        body=str(given.get("body") or "json"),
        delay_s=_number(given, "delay_s", 0.0),
    )


def _methods(given: object) -> frozenset[str]:
    if given is None:
        return frozenset()
    if not isinstance(given, list) or not all(isinstance(method, str) for method in given):
        raise ValueError(f"methods is {given!r}; give a list of HTTP methods.")
    return frozenset(method.upper() for method in given)


def _times(given: object) -> int | None:
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise ValueError(f"times is {given!r}; give a whole number from 1, or leave it out.")
    return given


def _number(given: Mapping[str, object], name: str, default: float) -> float:
    match given.get(name, default):
        case int() | float() as value if not isinstance(value, bool):
            return float(value)
        case other:
            raise ValueError(f"{name} is {other!r}; give a number.")
