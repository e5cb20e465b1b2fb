"""A mapping as people read it: what commands and documents show."""

from dataclasses import dataclass

from shared.mapping.words import Ownership


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a mapping as people read it. A length is verified, or a common value that the document may change;
    `is_changed` says that the map document changes or adds the field."""

    field: str
    ownership: Ownership
    columns: tuple[str, ...]
    rule: str
    length: int | None
    is_verified: bool
    is_changed: bool

    @property
    def sentence(self) -> str:
        """The row as one line."""
        origin = f", from {', '.join(self.columns)}" if self.columns else ""
        limit = "" if self.length is None else f", at most {self.length} characters"
        return f"{self.ownership}{origin}: {self.rule}{limit}"
