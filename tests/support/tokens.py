"""Tokens without an identity."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FixedTokens:
    """One token, whatever happens."""

    value: str

    def token(self) -> str:
        """The token."""
        return self.value

    def refresh(self, refused: str) -> str:
        """The same again."""
        return self.value
