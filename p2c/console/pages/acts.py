"""What changes something. Each act is one of the command line's, and is written to the same audit log."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from p2c.console.site import Site, all_given, back_to, given
from p2c.mistakes import Mistake
from shared.state.failures import Failure


def retry(site: Site, request: Request) -> Response:
    """Send failed records again: those that are ticked, or all of the cause, which may take minutes."""
    flow, cause = _flow(site, request), given(request, "cause")
    failing, log = site.to.service.failing(), site.to.audit_log
    if not given(request, "all"):
        return _back(request, flow, "retried", failing.retry(flow, _chosen(site, request, flow), log))

    def all_of_cause(tell: Callable[[int], None]) -> int:
        return failing.retry(flow, failing.walk(flow, cause=cause), log, progress=tell)

    back = f"/failures?{urlencode({'flow': flow, 'cause': cause})}"
    job = site.jobs.start("retried", back, all_of_cause, site.expire)
    if job.is_over.is_set() and job.why is None:
        return _back(request, flow, "retried", job.so_far)
    return back_to("/job", id=job.id)


def dismiss(site: Site, request: Request) -> Response:
    """Remove failures from the list of open ones, with a reason."""
    flow, reason = _flow(site, request), given(request, "reason")
    dismissed = site.to.service.failing().dismiss(flow, _chosen(site, request, flow), reason, site.to.audit_log)
    return _back(request, flow, "dismissed", dismissed)


def assign(site: Site, request: Request) -> Response:
    """Say who looks after failures, and note something about them."""
    flow = _flow(site, request)
    chosen = _chosen(site, request, flow)
    noted = site.to.service.failing().assign(
        flow, chosen, site.to.audit_log, to=given(request, "assigned"), note=given(request, "note")
    )
    return _back(request, flow, "assigned", noted)


def sync(site: Site, request: Request) -> Response:
    """Queue a record to be synced now."""
    flow, id = _flow(site, request), given(request, "id")
    queued = site.to.service.syncing(site.to.audit_log).some(flow, [id])
    return back_to("/record", flow=flow, id=id, done="queued", count=queued)


def repair(site: Site, request: Request) -> Response:
    """Compare a record with its row in the target, and queue it if it has drifted."""
    flow, id = _flow(site, request), given(request, "id")
    service = site.to.service
    reconciling = service.reconciling(flow)
    queued = reconciling.repair(list(reconciling.drifted_of([id])), site.to.audit_log, service.sender)
    return back_to("/record", flow=flow, id=id, done="queued", count=queued)


def link(site: Site, request: Request) -> Response:
    """Link a record to the row with its number in the target, as `p2c links FLOW link` does."""
    flow, id = _flow(site, request), given(request, "id")
    site.to.service.linking(flow, site.to.audit_log).link(id)
    return back_to("/record", flow=flow, id=id, done="linked", count=1)


def _steer(site: Site, request: Request, *, pauses: bool) -> Response:
    flow, commands = _flow(site, request), site.to.service.commands(site.to.audit_log)
    steer = commands.pause if pauses else commands.resume
    steer(flow, given(request, "reason"))
    return back_to("/", done="paused" if pauses else "resumed", count=flow)


def _flow(site: Site, request: Request) -> str:
    """The flow of the form. Raises Mistake if there is none of this name."""
    (name,) = site.to.flows(given(request, "flow"))
    return name


def _chosen(site: Site, request: Request, flow: str) -> list[Failure]:
    """The failures that the form names. Raises Mistake if it names none."""
    failing, ids = site.to.service.failing(), all_given(request, "id")
    if not ids:
        raise Mistake(site.language(request).text("nothing_ticked"))
    return failing.load(flow, ids)


def _back(request: Request, flow: str, done: str, count: int) -> Response:
    """To the page that the form was on: that of a cause, or that of a record."""
    if record := given(request, "record"):
        return back_to("/record", flow=flow, id=record, done=done, count=count)
    return back_to("/failures", flow=flow, cause=given(request, "cause"), done=done, count=count)


ACTS: dict[str, Callable[[Site, Request], Response]] = {
    "/retry": retry,
    "/dismiss": dismiss,
    "/assign": assign,
    "/sync": sync,
    "/repair": repair,
    "/link": link,
    "/pause": partial(_steer, pauses=True),
    "/resume": partial(_steer, pauses=False),
}
