"""The whole error tree. The class says what to do next; adapters translate at their border.

SyncError                   every error that this package raises on purpose
  SystemTrouble             a system is in trouble: close its gate, count no attempt
    Transient               nothing was applied: send the request again
    OperatorNeeded          repeating cannot help until somebody corrects it
      AccessRefused         identity, token or privilege
      SchemaDrift           a table or column does not match the mapping
    OutcomeUnknown          a write may have been applied: read back first
  NotSent                   certainly not sent
  RecordRejected            the target refused this one record
  RecordMissing             an update named a row that does not exist
  PartlyApplied             a first part was applied, a later one was not
  LinkRefused               a next link or a delta link was refused: read again
    LinkElsewhere           it leads to another environment
  InvariantBroken           a commit would contradict the protocol: nothing is stored
  SettingsInvalid           settings: every mistake in one message
    MapInvalid              the map document, with the list of its mistakes
  FileUnreadable            a file is not text
  NotSignedIn               no token for the user of this computer
  RowConflict               a table row is another version by now
  RowTooLarge               a row is larger than Table Storage can hold
  StateUnreadable           a row of our own tables cannot be read
  StorageTrouble            our own storage did not answer
"""

from dataclasses import dataclass

from shared.map_mistakes import MapMistake
from shared.systems import System


class SyncError(Exception):
    """Every error that this package raises on purpose."""


class SystemTrouble(SyncError):
    """A system is in trouble and no record is to blame: close its gate, count no attempt (protocol F1).

    `retry_after_s` is what the system asked for (seconds from now), None when it named no time. `said` are the
    system's own words, for the operator: they may show a record, so they are kept out of the message, which is logged.
    """

    def __init__(self, system: System, message: str, *, said: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.system = system
        self.said = said
        self.retry_after_s = retry_after_s


class Transient(SystemTrouble):
    """Nothing was applied (throttled, not connected, 5xx on a read): the same request may be sent again."""


class OperatorNeeded(SystemTrouble):
    """Access, configuration or schema is wrong: repeating cannot help until somebody corrects it."""


class AccessRefused(OperatorNeeded):
    """The system, or the identity endpoint, refuses access. `lacks` is what is missing: `identity` (no token is
    issued), `token` (the system refuses it) or `privilege`."""

    def __init__(self, system: System, message: str, *, lacks: str, said: str = "") -> None:
        super().__init__(system, message, said=said)
        self.lacks = lacks


class SchemaDrift(OperatorNeeded):
    """A table or column does not match the mapping. The system itself is healthy: only the flow that uses the column
    stops. `record` is the id of the record that met it, empty if it was no particular record."""

    record: str = ""


class OutcomeUnknown(SystemTrouble):
    """A write may have been applied: read back before writing again."""


class NotSent(SyncError):
    """The request was certainly not sent: no time was left, or the gate closed before its turn."""


class RecordRejected(SyncError):
    """The target refused this one record; the others of its batch are unaffected.

    `cause` is a short, language-independent code that groups equal refusals, such as
    `finops.reference_not_found.CustomerGroupId`; the message is for people and may quote values;
    `remedy` says what to do. `repeatable` is true when the same request may succeed a moment later
    (an update conflict). `sent` is false when the refusal is our own, made before any request: then it says nothing
    about the system.
    """

    def __init__(self, cause: str, message: str, *, remedy: str, repeatable: bool = False, sent: bool = True) -> None:
        super().__init__(message)
        self.cause = cause
        self.remedy = remedy
        self.repeatable = repeatable
        self.sent = sent


class RecordMissing(SyncError):
    """An update named a target row that does not exist."""


class PartlyApplied(SyncError):
    """A first part of a record was applied, a later one was not: `error` says why (protocol A8, A9)."""

    def __init__(self, error: SyncError) -> None:
        super().__init__(f"written in part only: {error}")
        self.error = error


class LinkRefused(SyncError):
    """The source refused a next link or a delta link: read again from an earlier point (protocol P2). `said` as in
    SystemTrouble."""

    def __init__(self, message: str, *, said: str = "") -> None:
        super().__init__(message)
        self.said = said


class LinkElsewhere(LinkRefused):
    """A next link or a delta link leads to another address than the settings name: the environment was renamed since
    the link was stored. Nothing was sent there; everything is read again."""


class InvariantBroken(SyncError):
    """A worker was about to commit something that contradicts the protocol, a defect of this package: nothing of it is
    stored. `rule` is the name of the rule that it contradicts."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{what} would contradict the rule {rule}")
        self.rule = rule


class SettingsInvalid(SyncError):
    """One or more settings are missing or wrong; the message lists every one by name, value and remedy."""


class MapInvalid(SettingsInvalid):
    """The map document has mistakes, each with its place, value and remedy. With `left_out`, it could not be checked
    further because of them."""

    def __init__(self, message: str, mistakes: tuple[MapMistake, ...], *, left_out: bool = False) -> None:
        super().__init__(message)
        self.mistakes = mistakes
        self.left_out = left_out


class FileUnreadable(SyncError):
    """A file cannot be read as text; the message names it with the remedy, and shows nothing of its content."""


class NotSignedIn(SyncError):
    """The user of this computer gets no token; the message says which tool was asked, and the remedy."""


class RowConflict(SyncError):
    """A table write met another version of the row at `index` of its operations; nothing was written."""

    def __init__(self, index: int, message: str = "") -> None:
        super().__init__(message or f"operation {index} met another version of its row")
        self.index = index


class RowTooLarge(SyncError):
    """A row exceeds what Table Storage can hold; found by our own check before any request."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Why a row of our own tables cannot be read: the first property that this app would not write like that, and what
    helps.
    It shows no content."""

    table: str
    partition: str
    key: str
    property: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """In words, without the remedy."""
        place = f"row {self.key} of partition {self.partition} in table {self.table}"
        return f"{place} cannot be read: {self.property} {self.problem}"


class StateUnreadable(SyncError):
    """A row of our own tables cannot be read, by a damage or because another version of the app has written it. Only
    what needs this row stops."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(f"{damage}; what helps: {damage.remedy}")
        self.damage = damage


class StorageTrouble(SyncError):
    """Our own storage did not answer: the invocation ends and its message comes back. `refused` says that it answered
    and refused access."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
