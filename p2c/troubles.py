"""An error as one sentence, with the exit code that it means."""

from dataclasses import dataclass

from p2c.mistakes import Mistake
from shared.errors import OperatorNeeded, StateUnreadable, StorageTrouble, SystemTrouble
from shared.operations.audit_log import Refused
from shared.operations.lookup import NotFound

MISTAKE, TROUBLE = 2, 3
TOLD = (Mistake, NotFound, Refused, SystemTrouble, OperatorNeeded, StateUnreadable, StorageTrouble)
"""The errors that a user is told in one sentence; every other one is a defect."""
_ROLES = "; you need the roles Storage Table and Queue Data Contributor, or the current account key"


@dataclass(frozen=True, slots=True)
class Told:
    """What is said, and the exit code of a command that ends by it."""

    message: str
    code: int

    @property
    def is_mistake(self) -> bool:
        """Whether the user can correct what was asked for; otherwise a system or the storage does not answer."""
        return self.code == MISTAKE


def told(error: Exception) -> Told:
    """The sentence for one of TOLD. Raises TypeError for any other error."""
    match error:
        case Mistake() | NotFound() | Refused():
            return Told(str(error), MISTAKE)
        case OperatorNeeded():
            return Told(_with_words(error), TROUBLE)
        case SystemTrouble():
            return Told(f"{_with_words(error)}; try again later", TROUBLE)
        case StateUnreadable():
            return Told(str(error), TROUBLE)
        case StorageTrouble():
            return Told(f"the storage account: {error}{_ROLES if error.refused else ''}", TROUBLE)
    raise TypeError(f"{type(error).__name__} has no sentence")


def _with_words(trouble: SystemTrouble) -> str:
    return f"{trouble} ({trouble.said})" if trouble.said else str(trouble)
