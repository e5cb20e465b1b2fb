"""The application: its addresses, its guard, and what becomes of an error."""

from collections.abc import Callable
from functools import partial, wraps
from itertools import chain

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from p2c.console.guard import Guard, Secrets
from p2c.console.pages import acts, decisions, failures, jobs, overview, records, setup
from p2c.console.site import HERE, Site
from p2c.troubles import TOLD, Told, told
from shared.operations.read_once import reading_once

Page = Callable[[Site, Request], Response]


def application(site: Site, kept: Secrets, *, hosts: tuple[str, ...]) -> ASGIApp:
    """The pages of a deployment, for browsers that come by one of these hosts."""
    routes: list[BaseRoute] = [Mount("/static", StaticFiles(directory=HERE / "static"))]
    pages = chain.from_iterable(each.PAGES.items() for each in (overview, failures, records, decisions, jobs, setup))
    routes += [Route(path, _served(site, page)) for path, page in pages]
    changes = {**acts.ACTS, **decisions.ACTS}
    routes += [Route(path, _served(site, _noticed(act)), methods=["POST"]) for path, act in changes.items()]
    made = Starlette(routes=routes, exception_handlers={HTTPException: partial(_unknown, site)})
    return Guard(made, kept=kept, hosts=hosts, writes=site.writes)


def _served(site: Site, page: Page) -> Callable[[Request], Response]:
    """A page; an error that the command line tells in one sentence is told so here, too."""

    @wraps(page)
    def serve(request: Request) -> Response:
        try:
            with site.courtesy.page(), reading_once():
                return page(site, request)
        except TOLD as error:
            return _trouble(site, request, told(error))

    return serve


def _noticed(act: Page) -> Page:
    """An act, after which the overview counts again."""

    @wraps(act)
    def perform(site: Site, request: Request) -> Response:
        try:
            return act(site, request)
        finally:
            site.expire()

    return perform


def _trouble(site: Site, request: Request, why: Told) -> Response:
    return site.page(request, "trouble.html", status=400 if why.is_mistake else 503, why=why)


def _unknown(site: Site, request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return site.page(request, "trouble.html", status=status, why=Told(site.language(request).text("no_page"), 2))
