"""The settings file of a demo, which is of no use once the demo has ended."""

import shlex
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from p2c.mistakes import Mistake
from shared.clients.http.origin import is_loopback

_ANSWERS_WITHIN_S = 5.0


def require_demo(file: Path, values: Mapping[str, str]) -> None:
    """Raises Mistake where the settings are those of a demo that has ended. A demo that was killed leaves its file
    behind; it is the only one whose file names a sign-in on this computer."""
    try:
        sign_in = urlsplit(values.get("IDENTITY_ENDPOINT", ""))
        host, port = sign_in.hostname, sign_in.port
    except ValueError:
        return
    if host is None or port is None or not is_loopback(host):
        return
    try:
        socket.create_connection((host, port), _ANSWERS_WITHIN_S).close()
    except OSError:
        raise Mistake(
            f"--settings {shlex.quote(str(file))}: the demo that this file belongs to has ended: start it again, or "
            "name another file"
        ) from None
