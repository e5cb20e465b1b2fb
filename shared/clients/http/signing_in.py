"""The sign-in of a user on their own computer: `az` or `azd` issues the tokens."""

import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential, AzureDeveloperCliCredential, CredentialUnavailableError

from shared.errors import NotSignedIn

# `az` loads thousands of files: on a busy computer, or with a virus scanner, that has taken 13 s.
WAIT_S = 60
_LONGEST_SAID = 300
_ASKS = {"az": "account get-access-token", "azd": "auth token"}


class DeveloperSignIn:
    """Tokens from the first of the tools that has one; satisfies TokenCredential. Raises NotSignedIn."""

    def __init__(self, *, wait_s: int = WAIT_S) -> None:
        self._wait_s = wait_s
        self._tools: Mapping[str, TokenCredential] = {
            "az": AzureCliCredential(process_timeout=wait_s),
            "azd": AzureDeveloperCliCredential(process_timeout=wait_s),
        }

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        """A token for these scopes. Claims that bypass a cache are dropped: `az` accepts none, and keeps its own
        cache."""
        told, slow = [], ""
        for tool, credential in self._tools.items():
            try:
                token = credential.get_token(*scopes)
            except ClientAuthenticationError as error:
                told.append(f"{tool} {self._why(tool, error)}")
                slow = slow or (tool if _is_slow(error) else "")
            else:
                # The next token is requested from the tool that has answered.
                self._tools = {tool: credential}
                return token
        remedy = "call `az login` or `azd auth login`"
        if not any(map(shutil.which, self._tools)):
            remedy = "install one of the two, and sign in with it (`az login` or `azd auth login`)"
        if slow:
            remedy = f"check how long `{slow} {_ASKS[slow]}` takes, then try again, or sign in with the other tool"
        raise NotSignedIn(f"no token for {' '.join(scopes)}: {'; '.join(told)}: {remedy}")

    def _why(self, tool: str, error: ClientAuthenticationError) -> str:
        if _is_slow(error):
            return f"did not answer within {self._wait_s} s"
        if shutil.which(tool) is None:
            return "is not installed"
        if isinstance(error.__cause__, OSError):
            return "cannot be started"
        if isinstance(error, CredentialUnavailableError):
            return "is not signed in"
        first = next(iter(str(error.message).splitlines()), "")
        # An answer that cannot be understood may hold a token.
        said = "its answer is not a token" if first.startswith("Unexpected output") else first[:_LONGEST_SAID]
        return f"is refused ({said})"


def _is_slow(error: ClientAuthenticationError) -> bool:
    return isinstance(error.__cause__, subprocess.TimeoutExpired)
