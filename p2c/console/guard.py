"""Who may use the page: only a browser on this computer that was given the address with the secret of this start.

The address holds a secret; whoever brings it gets a cookie, and everything else needs the cookie. The Host header must
be the address itself, so a name that resolves to loopback leads nowhere. A change needs a token of the page besides, an
origin that is the page's own, and a console that was started with `--write`.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEY = "key"
"""The parameter of the address that holds the secret."""
TOKEN = "token"  # noqa: S105 - the name of a form field
"""The field of every form that proves that the page itself has made it."""
FORM = "form"
"""Where the scope of a request holds the fields of its form, each with all its values."""
LARGEST_FORM_BYTES = 256 * 1024

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it a browser names no origin in a form of our own.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_OPEN = ("/static/",)


@dataclass(frozen=True)
class Secrets:
    """The secrets of one start: `key` stands in the address, `session` in the cookie."""

    key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def token(self) -> str:
        """The token of the forms; it follows from the session, and does not tell it."""
        return hmac.new(self.session.encode(), b"form", hashlib.sha256).hexdigest()


class Guard:
    """Lets through what may pass, and adds the headers that keep a browser careful. `hosts` are the values that the
    Host header may have; `writes` says whether anything may be changed."""

    def __init__(self, app: ASGIApp, *, kept: Secrets, hosts: Iterable[str], writes: bool) -> None:
        self._app = app
        self._kept = kept
        self._hosts = tuple(hosts)
        self._writes = writes

    @property
    def cookie(self) -> str:
        """The name of the cookie. Browsers keep cookies by host and not by port: each console has its own."""
        return f"p2c_{self._hosts[0].rpartition(':')[2]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() != b"server"]
                added = {**_HEADERS} if _is_open(scope["path"]) else {**_HEADERS, "Cache-Control": "no-store"}
                message["headers"] = [*kept, *((name.encode(), value.encode()) for name, value in added.items())]
            await send(message)

        refused = self._refusal(scope, headers)
        if refused is not None:
            await refused(scope, receive, careful)
            return
        if scope["method"] == "POST":
            body = await _body(receive, headers)
            if body is None:
                await PlainTextResponse("the form is too large", 413)(scope, receive, careful)
                return
            given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
            if not hmac.compare_digest(given.get(TOKEN, [""])[-1].encode(), self._kept.token.encode()):
                await PlainTextResponse("this form is not of this console; reload the page", 403)(
                    scope, receive, careful
                )
                return
            scope = {**scope, FORM: given}
        await self._app(scope, receive, careful)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> Response | None:
        """What answers a request that may not pass, or that only brings the secret; None for any other."""
        if headers.get("host", "") not in self._hosts:
            return PlainTextResponse("this address is not the console's", 421)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("only GET and POST are served", 405)
        if _is_open(scope["path"]):
            return None
        if scope["path"] == "/" and self._brings_key(scope):
            return self._welcome()
        if not hmac.compare_digest(_cookie(headers, self.cookie).encode(), self._kept.session.encode()):
            return PlainTextResponse(
                "open the address that `p2c console` shows: it holds the secret of this start", 403
            )
        if scope["method"] == "POST":
            if headers.get("origin", "") not in [f"http://{host}" for host in self._hosts]:
                return PlainTextResponse("this form comes from another page", 403)
            if not self._writes:
                return PlainTextResponse("this console only shows: start it with --write to change anything", 403)
        return None

    def _brings_key(self, scope: Scope) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get(KEY, [""])[-1]
        return hmac.compare_digest(given.encode(), self._kept.key.encode())

    def _welcome(self) -> Response:
        """The secret leaves the address at once."""
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self.cookie, self._kept.session, httponly=True, samesite="strict", path="/")
        return answer


def _is_open(path: str) -> bool:
    """Whether a path holds nothing of the deployment."""
    return path.startswith(_OPEN)


def _cookie(headers: dict[str, str], name: str) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


async def _body(receive: Receive, headers: dict[str, str]) -> bytes | None:
    """The form; None if it is larger than any of ours."""
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length) > LARGEST_FORM_BYTES:
        return None
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_FORM_BYTES:
            return None
    return body
