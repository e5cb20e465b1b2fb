"""How far an act is that takes longer than a page may."""

from starlette.requests import Request
from starlette.responses import Response

from p2c.console.site import Site, asked, whole_number
from p2c.mistakes import Mistake


def job(site: Site, request: Request) -> Response:
    """An act under way, or what has become of it."""
    found = site.jobs.find(whole_number(asked(request, "id")))
    if found is None:
        raise Mistake(site.language(request).text("no_job"))
    return site.page(request, "job.html", job=found, is_over=found.is_over.is_set())


PAGES = {"/job": job}
