"""What a script over Microsoft's Python SDK would do with products: read them all from F&O, and create them in Sales by
the SDK's bulk calls, one call after the other.

The SDK speaks https only, so it writes into a Sales of its own: a simulator with the same records and a certificate for
this machine. What is left out is as in the naive loop: states and prices, which need requests of their own, and any
memory of what was written.
"""

import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from azure.core.credentials import AccessToken

from benchmarks.naive import Naive, product_columns
from benchmarks.stage import Stage
from local.certificates import self_signed
from local.demo.errors import DemoFailed
from local.demo.flows import NOTHING_KEPT
from local.demo.parts import Part
from shared.clients.dataverse.rows import BULK_ROWS
from shared.flows.products import PRODUCTS
from shared.mapping.verdicts import Mapped
from shared.records import Json

if TYPE_CHECKING:
    from PowerPlatform.Dataverse.client import DataverseClient

_CA_BUNDLE = "REQUESTS_CA_BUNDLE"
_MODULE = "local.dataverse"


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A credential with one token that never expires; satisfies TokenCredential as far as the SDK uses it."""

    token: str

    def get_token(self, *scopes: str, **options: object) -> AccessToken:  # noqa: ARG002 - the names are the protocol's
        """The token."""
        return AccessToken(self.token, 2**31)


def run_by_sdk(stage: Stage, latency_ms: float) -> Naive:
    """Create every product of F&O. Raises DemoFailed if one is refused, or is not for the target."""
    # The SDK brings pandas, which takes a second and 50 MB; few measurements need it.
    from PowerPlatform.Dataverse.client import DataverseClient  # noqa: PLC0415

    watched = stage.watched(PRODUCTS)
    known = watched.view.known(stage.systems, None, NOTHING_KEPT)
    systems = stage.as_clients()
    try:
        with _served(stage, latency_ms) as (url, token), DataverseClient(url, FixedToken(token)) as client:
            began = time.monotonic()
            rows: list[dict[str, Json | float]] = []
            for row in watched.sources(systems):
                mapped = watched.mapper.evaluate(row, known(row))
                if not isinstance(mapped, Mapped):
                    raise DemoFailed(f"The loop over the SDK cannot write {row.id}: {mapped}")
                rows.append({name: _plain(value) for name, value in product_columns(mapped).items()})
            _create(client, rows)
            return Naive(len(rows), time.monotonic() - began)
    finally:
        for access in systems.values():
            access.close()


def _create(client: "DataverseClient", rows: Sequence[dict[str, Json | float]]) -> None:
    for at in range(0, len(rows), BULK_ROWS):
        made = client.records.create("product", list(rows[at : at + BULK_ROWS]))
        if len(made) != len(rows[at : at + BULK_ROWS]):
            raise DemoFailed(f"Sales has created {len(made)} products of a call with {BULK_ROWS}.")


def _plain(value: Json) -> Json | float:
    """The SDK writes floats and knows no decimals."""
    return float(value) if isinstance(value, Decimal) else value


@contextmanager
def _served(stage: Stage, latency_ms: float) -> Iterator[tuple[str, str]]:
    """A Sales with the records of the stage, over https: its address, and the token that it takes."""
    with tempfile.TemporaryDirectory(prefix="bench-sdk-") as name:
        folder, token = Path(name), secrets.token_hex(16)
        tls, ready = self_signed(folder), folder / "ready"
        part = Part("Sales simulator over https", _MODULE, folder / "simulator.log", lambda _text: None)
        arguments = ["--port", "0", "--token", token, "--tls-cert", str(tls.certificate), "--tls-key", str(tls.key)]
        arguments += [
            "--load",
            str(stage.samples),
            "--skip-refused",
            str(folder / "skipped"),
            "--pricing-precision",
            "4",
        ]
        part.begin([*arguments, "--latency-ms", f"{latency_ms:g}", "--ready-file", str(ready)])
        try:
            part.wait(ready.exists)
            with _trusted(tls.certificate):
                yield f"https://127.0.0.1:{ready.read_text(encoding='utf-8').strip()}", token
        finally:
            part.stop()


@contextmanager
def _trusted(certificate: Path) -> Iterator[None]:
    """The SDK makes its own connections and takes certificates of the environment."""
    before = os.environ.get(_CA_BUNDLE)
    os.environ[_CA_BUNDLE] = str(certificate)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CA_BUNDLE]
        else:
            os.environ[_CA_BUNDLE] = before
