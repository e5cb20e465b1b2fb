"""What all pages share: the deployment, the language, the templates, and what becomes of an error."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from p2c.connection import Connection
from p2c.console.counting import Counting, Courtesy
from p2c.console.guard import FORM
from p2c.console.jobs import Jobs
from p2c.console.languages import LANGUAGE, LANGUAGES, Language, chosen
from p2c.output import age, words
from p2c.texts import code_of, field_of, flat, nested_rows, run_counts, short, written_of
from shared.flows.required_columns import attribute_of
from shared.operations.acts import acts_of
from shared.operations.failures import Cause
from shared.operations.status import RecordCounts, Status
from shared.service import Service
from shared.state.failures import Failure

HERE = Path(__file__).parent


def _shown(value: object) -> object:
    """A value as people read it: no text of a record is markup, and no control character stays hidden."""
    return value if isinstance(value, Markup) else words(value)


def _acts(failure: Failure) -> Sequence[str]:
    """What to do about a cause, of which this failure is an example."""
    return acts_of(failure, whole_cause=True).words


def _causes(service: Service, dismissed: bool, _: object) -> Sequence[Cause]:
    return service.failing().causes(service.flows, dismissed=dismissed)


@cache
def _templates() -> Environment:
    """Those of every deployment: each is compiled when it is shown first."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"age": age, "short": short, "field": field_of, "flat": flat, "nested": nested_rows, "acts": _acts}
    made.filters |= {"told": words, "counts": run_counts, "written": written_of, "attribute": attribute_of}
    made.filters["code"] = code_of
    return made


@dataclass(frozen=True)
class Site:
    """The pages of one deployment. `states` are those of all flows, `records` the counts of their records by flow,
    `causes` those of the open failures and, under True, of the dismissed ones. `courtesy`
    lets counts wait for pages, `jobs` are acts that take longer than a page may. `writes` says whether anything may be
    changed, `token` proves a form."""

    to: Connection
    states: Counting[Status]
    records: Mapping[str, Counting[RecordCounts]]
    causes: Mapping[bool, Counting[Sequence[Cause]]]
    courtesy: Courtesy
    jobs: Jobs
    token: str
    writes: bool
    templates: Environment

    @classmethod
    def of(cls, to: Connection, *, token: str, writes: bool) -> "Site":
        """The pages of a deployment."""
        service = to.service
        courtesy = Courtesy()
        causes = {
            dismissed: Counting(partial(_causes, service, dismissed), service.clock, courtesy)
            for dismissed in (False, True)
        }
        states = Counting[Status](lambda _: service.brief_status(), service.clock, courtesy)
        # One flow after the other.
        worker = ThreadPoolExecutor(1, thread_name_prefix="counting-records")
        records = {
            flow: Counting(partial(service.count_records, flow), service.clock, courtesy, worker)
            for flow in service.flows
        }
        return cls(to, states, records, causes, courtesy, Jobs(), token, writes, _templates())

    def end(self) -> None:
        """Stop what is done in the background: the console ends."""
        self.courtesy.end()
        self.jobs.end()

    def expire(self) -> None:
        """Something has been changed: what is counted is counted again."""
        self.states.expire()
        for records in self.records.values():
            records.expire()
        for causes in self.causes.values():
            causes.expire()

    @property
    def flows(self) -> Sequence[str]:
        """The flows, in order."""
        return self.to.flows(None)

    def language(self, request: Request) -> Language:
        """The language that the user has chosen, or that the browser prefers."""
        return chosen(request.cookies.get(LANGUAGE, ""), request.headers.get("accept-language", ""))

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page, from its template."""
        language = self.language(request)
        given: Mapping[str, Any] = {
            "t": language.text,
            "language": language,
            "languages": LANGUAGES.values(),
            "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            "path": request.url.path,
            "flows": self.flows,
            "flow": "",
            "writes": self.writes,
            "token": self.token,
            "company": self.to.settings.COMPANY,
            "done": request.query_params.get("done", ""),
            "count": request.query_params.get("count", ""),
            **values,
        }
        return HTMLResponse(self.templates.get_template(template).render(given), status)


def asked(request: Request, name: str) -> str:
    """A parameter of the address; empty if there is none."""
    return request.query_params.get(name, "")


def all_asked(request: Request, name: str) -> list[str]:
    """The values of a parameter that the address may have several times."""
    return request.query_params.getlist(name)


def whole_number(text: str) -> int:
    """A place or a count in an address of our own; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def given(request: Request, name: str) -> str:
    """A field of the form; empty if there is none."""
    return (all_given(request, name) or [""])[-1]


def all_given(request: Request, name: str) -> list[str]:
    """Every value of a field of the form."""
    values: list[str] = request.scope.get(FORM, {}).get(name, [])
    return values


def back_to(path: str, **parameters: object) -> Response:
    """To another page, as a browser goes after a form."""
    kept = {name: str(value) for name, value in parameters.items() if value not in ("", None)}
    return RedirectResponse(f"{path}?{urlencode(kept)}" if kept else path, 303)
