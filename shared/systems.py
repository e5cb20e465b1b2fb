"""The two systems, by the names that settings, state and logs give them."""

from enum import StrEnum


class System(StrEnum):
    """The systems whose trouble closes a gate."""

    DATAVERSE = "dataverse"
    FINOPS = "finops"

    @property
    def label(self) -> str:
        """How people call it."""
        return {System.DATAVERSE: "Sales", System.FINOPS: "F&O"}[self]
