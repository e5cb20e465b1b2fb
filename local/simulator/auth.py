"""Who may speak to a simulator: bearer tokens, fixed or signed by the local identity endpoint."""

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

import jwt
from jwt.types import Options

Clock = Callable[[], datetime]

ISSUER = "https://identity.simulator.local"
_ALGORITHM = "HS256"
_SHORTEST_KEY = 32


class TokenCheck(Protocol):
    """Judges the Authorization header of a request."""

    def refusal(self, authorization: str | None) -> str | None:
        """Why the header is not accepted, None if it is."""
        ...


class FixedToken:
    """Accepts one bearer token, for clients without an identity."""

    def __init__(self, token: str) -> None:
        if not token:
            raise ValueError("The fixed token is empty; give a token of one character or more.")
        self._token = token.encode()

    def refusal(self, authorization: str | None) -> str | None:
        """Why the header is not accepted, None if it is."""
        token = bearer(authorization)
        if token is None:
            return "The Authorization header carries no bearer token."
        return None if hmac.compare_digest(token.encode(), self._token) else "The bearer token is not the fixed one."


class SignedToken:
    """Accepts the tokens that `mint` signs with the same key for the same audience, while they last."""

    def __init__(self, key: bytes, audience: str, clock: Clock) -> None:
        self._key = _checked(key)
        self._audience = audience.rstrip("/")
        self._clock = clock

    def refusal(self, authorization: str | None) -> str | None:
        """Why the header is not accepted, None if it is."""
        token = bearer(authorization)
        if token is None:
            return "The Authorization header carries no bearer token."
        try:
            claims = _claims(token, self._key)
        except jwt.InvalidTokenError as error:
            return f"The bearer token is not one of the identity endpoint: {error}."
        return self._claims_refusal(claims)

    def _claims_refusal(self, claims: Mapping[str, object]) -> str | None:
        now = self._clock().timestamp()
        if str(claims.get("aud", "")).rstrip("/") != self._audience:
            return f"The token is for {claims.get('aud')}, not for {self._audience}."
        if _seconds(claims, "exp") <= now:
            return "The token has expired."
        return "The token is not valid yet." if _seconds(claims, "nbf") > now else None


def mint(key: bytes, audience: str, *, now: datetime, lifetime_s: int, client_id: str) -> str:
    """A signed token for one audience, valid from now for so many seconds."""
    claims = {
        "aud": audience,
        "iss": ISSUER,
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(seconds=lifetime_s),
        "appid": client_id,
    }
    return jwt.encode(claims, _checked(key), algorithm=_ALGORITHM)


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header, None if the header has another form."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.casefold() == "bearer" else None


def client_of(authorization: str | None) -> str | None:
    """The client id inside a token that was checked before, None for a token that carries none."""
    token = bearer(authorization)
    if token is None:
        return None
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None
    client = claims.get("appid")
    return client if isinstance(client, str) else None


def system_clock() -> datetime:
    """The time of this machine in UTC."""
    return datetime.now(UTC)


def _claims(token: str, key: bytes) -> Mapping[str, object]:
    # The times are compared with our own clock, so a test can move it.
    options: Options = {
        "require": ["aud", "exp", "nbf"],
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_aud": False,
    }
    claims: Mapping[str, object] = jwt.decode(token, key, algorithms=[_ALGORITHM], options=options)
    return claims


def _seconds(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _checked(key: bytes) -> bytes:
    if len(key) < _SHORTEST_KEY:
        raise ValueError(f"The identity key has {len(key)} bytes; HS256 needs {_SHORTEST_KEY} or more.")
    return key
