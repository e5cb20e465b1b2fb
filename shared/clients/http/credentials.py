"""Bearer tokens for one origin, from a credential of azure-identity."""

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError, DecodeError, HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ManagedIdentityCredential

from shared.clients.http.origin import Origin
from shared.clients.http.signing_in import DeveloperSignIn
from shared.clock import Clock
from shared.errors import AccessRefused, NotSignedIn, Transient
from shared.systems import System

# Variables that functions hosts and their token endpoints set; Core Tools set none of them.
_HOSTED = frozenset(
    {
        "IDENTITY_ENDPOINT",
        "MSI_ENDPOINT",
        "AZURE_FEDERATED_TOKEN_FILE",
        "WEBSITE_INSTANCE_ID",
        "WEBSITE_POD_NAME",
        "WEBSITE_SKU",
    }
)
_RENEW_BEFORE = timedelta(minutes=5)
# An empty claims request: it makes the credential bypass its own cache.
_PAST_THE_CACHE = '{"access_token":{}}'


class Tokens(Protocol):
    """A source of bearer tokens."""

    def token(self) -> str:
        """A token that is valid now."""

    def refresh(self, refused: str) -> str:
        """A new token instead of the one that was refused."""


def identity(environ: Mapping[str, str], client_id: str | None = None) -> TokenCredential:
    """The app's identity: its managed identity if it is hosted (the demo included), otherwise the signed-in user."""
    return managed_identity(client_id) if _HOSTED & environ.keys() else DeveloperSignIn()


def managed_identity(client_id: str | None = None) -> TokenCredential:
    """The identity of the Function App; `client_id` names a user-assigned one."""
    # Its endpoint is on the same computer and needs no proxy.
    transport = RequestsTransport(use_env_settings=False)
    return ManagedIdentityCredential(client_id=client_id, transport=transport)


class TokenProvider:
    """Tokens for one origin, kept until shortly before they expire. Safe for use by many threads.

    Raises AccessRefused if the identity is refused, and Transient if its endpoint does not answer.
    """

    def __init__(self, system: System, origin: Origin, credential: TokenCredential, clock: Clock) -> None:
        self._system = system
        self._origin = origin
        self._credential = credential
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: AccessToken | None = None

    def token(self) -> str:
        """A token that is valid for some minutes more."""
        with self._lock:
            renew_at = (self._clock.now() + _RENEW_BEFORE).timestamp()
            if self._kept is None or self._kept.expires_on <= renew_at:
                self._kept = self._fetch(None)
            return self._kept.token

    def refresh(self, refused: str) -> str:
        """A newly issued token, or the one that another thread has fetched since."""
        with self._lock:
            if self._kept is None or self._kept.token == refused:
                self._kept = self._fetch(_PAST_THE_CACHE)
            return self._kept.token

    def _fetch(self, claims: str | None) -> AccessToken:
        scope = f"{self._origin}/.default"
        try:
            return self._credential.get_token(scope, claims=claims) if claims else self._credential.get_token(scope)
        except (ServiceRequestError, ServiceResponseError, DecodeError) as error:
            raise self._unanswered(error) from error
        except HttpResponseError as error:
            if error.status_code is not None and (error.status_code == 429 or error.status_code >= 500):
                raise self._unanswered(error) from error
            raise self._refused(error) from error
        except NotSignedIn as nobody:
            raise AccessRefused(self._system, str(nobody), lacks="identity") from nobody
        except AzureError as error:
            raise self._refused(error) from error
        except ValueError as error:
            # An answer that is not JSON comes from a gateway in front of the identity endpoint.
            raise self._unanswered(error) from error

    def _unanswered(self, error: Exception) -> Transient:
        return Transient(
            self._system, f"no token for {self._origin}: the identity endpoint did not answer ({type(error).__name__})"
        )

    def _refused(self, error: AzureError) -> AccessRefused:
        text = " ".join(str(error.message).split())[:300]
        return AccessRefused(
            self._system,
            f"no token for {self._origin} by the app's managed identity: {text}; give the Function App that identity "
            "and register it there",
            lacks="identity",
        )
