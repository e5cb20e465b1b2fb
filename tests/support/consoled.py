"""The console of a product in this process, served on loopback."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from urllib.parse import urljoin

import requests

from p2c.console.server import serving
from tests.support.operator import ToProduct
from tests.support.patience import PATIENCE_S
from tests.support.product import Product

_LOOK_EVERY_S = 0.5
_TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')


@dataclass(frozen=True)
class Consoled:
    """A console by its address, and somebody who was given it."""

    address: str
    user: requests.Session

    def url(self, path: str) -> str:
        """A page of it."""
        return urljoin(self.address, path)

    def get(self, path: str, **headers: str) -> requests.Response:
        """What a page answers."""
        return self.user.get(self.url(path), headers=headers, timeout=30)

    def page(self, path: str, **headers: str) -> str:
        """The text of a page."""
        answer = self.get(path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, form: Mapping[str, object], *, origin: str | None = None) -> requests.Response:
        """What a form gets, sent from the page itself unless another origin is named."""
        headers = {"Origin": self.url("/").rstrip("/") if origin is None else origin}
        return self.user.post(self.url(path), data=form, headers=headers, timeout=30)

    @property
    def token(self) -> str:
        """What the forms of its pages hold. The overview has forms once it has counted."""
        end = time.monotonic() + PATIENCE_S
        while (found := _TOKEN.search(self.page("/"))) is None:
            assert time.monotonic() < end, f"not counted within {PATIENCE_S:g} s"
            # What counts waits for those who ask for pages.
            Event().wait(_LOOK_EVERY_S)
        return found[1]

    def act(self, path: str, **fields: object) -> str:
        """Send a form of a page; the page that follows."""
        answer = self.post(path, {"token": self.token, **fields})
        assert answer.status_code == 200, answer.text
        return answer.text


@contextmanager
def visited(address: str) -> Iterator[Consoled]:
    """A console that runs somewhere on this computer; the user opens its address."""
    with requests.Session() as user:
        user.trust_env = False
        assert user.get(address, timeout=30).status_code == 200
        yield Consoled(address, user)


@contextmanager
def consoled(made: Product, *, writes: bool = True) -> Iterator[Consoled]:
    """The console of a product; the user has opened its address."""
    with serving(ToProduct(made.flows, {}, sync=made), writes=writes) as pages:
        thread = Thread(target=pages.run)
        thread.start()
        try:
            with visited(pages.address) as console:
                yield console
        finally:
            pages.server.should_exit = True
            thread.join()
