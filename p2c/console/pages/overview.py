"""The flows as a picture: what runs, how far behind it is, and what is open."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from p2c.console.languages import LANGUAGE, LANGUAGES
from p2c.console.site import Site, asked, back_to
from p2c.named import NAMED, keys_of_audit, records_of
from shared.clock import Clock
from shared.operations.status import FlowStatus
from shared.state.runs import Run
from shared.systems import System

_AUDIT = 100
_RUNS = 50
# For each flow: a small one is counted at once.
_COUNT_PATIENCE_S = 0.05
_AS_GOOD_AS_NOW_S = 10.0
_WIDTH, _HEIGHT = 120.0, 24.0


@dataclass(frozen=True, slots=True)
class Sparkline:
    """The times between pulls as points of a line, in a box of _WIDTH and _HEIGHT; `worst_s` is the longest."""

    points: str
    worst_s: int

    @classmethod
    def of(cls, lags: Sequence[int]) -> "Sparkline | None":
        """The line of these seconds; None if there are too few for one."""
        if len(lags) < 2:
            return None
        worst = max(*lags, 1)
        step = _WIDTH / (len(lags) - 1)
        points = (f"{at * step:.1f},{_HEIGHT - 1 - (_HEIGHT - 2) * lag / worst:.1f}" for at, lag in enumerate(lags))
        return cls(" ".join(points), max(lags))


@dataclass(frozen=True, slots=True)
class Arrow:
    """A flow in the picture. `is_counted` says that all its records are counted, not only some or none; `counted_at` is
    the time of day of that count where it is not as good as now, empty otherwise."""

    status: FlowStatus
    leads_right: bool
    standing: str
    line: Sparkline | None
    is_counted: bool
    counted_at: str


def overview(site: Site, request: Request) -> Response:
    """The state of every flow."""
    return site.page(request, "overview.html", **_state(site))


def live(site: Site, request: Request) -> Response:
    """The part of the overview that is refreshed."""
    return site.page(request, "live.html", **_state(site))


def runs(site: Site, request: Request) -> Response:
    """What the last runs did."""
    flow = asked(request, "flow")
    found: list[Run] = []
    for name in site.to.flows(flow or None):
        found += site.to.service.state.runs.latest(name, _RUNS)
    newest = sorted(found, key=lambda run: run.started, reverse=True)[:_RUNS]
    return site.page(request, "runs.html", runs=newest, flow=flow)


def audit(site: Site, request: Request) -> Response:
    """What operators have done."""
    service = site.to.service
    entries = service.state.audit.latest(_AUDIT)
    named = [(entry, records_of(entry, service.flows)) for entry in entries]
    return site.page(request, "audit.html", entries=named, keys=keys_of_audit(service, entries), most=NAMED)


def language(_: Site, request: Request) -> Response:
    """Keep the language that the user has chosen, and go back."""
    page = asked(request, "back")
    answer = back_to(page if page.startswith("/") and not page.startswith("//") and "\\" not in page else "/")
    wanted = asked(request, "to")
    if wanted in LANGUAGES:
        answer.set_cookie(LANGUAGE, wanted, samesite="strict", httponly=True, path="/")
    return answer


def _state(site: Site) -> dict[str, Any]:
    counted = site.states.latest()
    if counted is None:
        return {"counted": None, "arrows": (), "closed": ()}
    return {
        "counted": counted,
        "arrows": list(_arrows(site, counted.flows)),
        "closed": [gate for gate in counted.gates if gate.closed],
    }


def _arrows(site: Site, flows: Sequence[FlowStatus]) -> Iterator[Arrow]:
    for status in flows:
        to_finops = site.to.service.flows[status.flow].target_system is System.FINOPS
        counted = site.records[status.flow].latest(_COUNT_PATIENCE_S)
        shown = status if counted is None else status.with_counts(counted)
        is_counted = counted is not None and counted.is_complete
        counted_at = _if_old(site.to.service.clock, site.records[status.flow].counted_at)
        yield Arrow(shown, to_finops, status.standing, Sparkline.of(status.lags), is_counted, counted_at)


def _if_old(clock: Clock, counted_at: datetime | None) -> str:
    if counted_at is None or (clock.now() - counted_at).total_seconds() <= _AS_GOOD_AS_NOW_S:
        return ""
    return f"{counted_at:%H:%M:%S}"


PAGES = {"/": overview, "/live": live, "/runs": runs, "/audit": audit, "/language": language}
