"""What the service refuses, in the words of its own error bodies."""

from dataclasses import dataclass
from typing import ClassVar

WRITE_EXCEPTION = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"
PROTOCOL_EXCEPTION = "Microsoft.OData.ODataException"

NOTHING_TO_UPDATE = "No resources were found when selecting for update."
SEVERAL_TO_UPDATE = "More than one resource was found when selecting for update."


class Refused(Exception):
    """A request is answered with an error: `detail` becomes innererror.message, the only place with content."""

    def __init__(self, status: int, detail: str, exception: str = PROTOCOL_EXCEPTION) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.exception = exception


class RouteUnknown(Exception):
    """The address leads to no collection or action; the answer has a shape of its own."""


class Declined(Exception):
    """A request is answered by its status alone, or by a page of the web server with `title`."""

    status: ClassVar[int]
    title: ClassVar[str] = ""


class RecordUnknown(Declined):
    """A read named a key that no visible record has."""

    status = 404


class MethodUnknown(Declined):
    """The address does not take this method."""

    status = 405


class TagStale(Declined):
    """The record has another tag than If-Match names."""

    status = 412


class PathRefused(Declined):
    """The web server refused the path before the service saw it."""

    status = 400
    title = "A potentially dangerous Request.Path value was detected"


class AddressTooLong(Declined):
    """Path and query exceed what the web server takes."""

    status = 414
    title = "Request-URI Too Long"


@dataclass(frozen=True, slots=True)
class Infolog:
    """The lines of the message log: what went wrong for people, then the place for programs."""

    lines: tuple[str, ...]
    place: str


def bad_request(detail: str) -> Refused:
    """The request itself is wrong: a name, a type, an option."""
    return Refused(400, detail)


def not_simulated(what: str) -> Refused:
    """501: the real service does this, the simulator does not."""
    return Refused(501, f"The simulator does not serve {what}.")


def write_failed(aot: str, log: Infolog) -> Refused:
    """The business logic refused a row; the text follows the grammar that clients parse."""
    parts = (*log.lines, f"Warning: {log.place}.")
    return Refused(
        400, f"Write failed for table row of type '{aot}'. Infolog: {'; '.join(parts)}", exception=WRITE_EXCEPTION
    )


def right_missing(aot: str) -> Refused:
    """The user of the token lacks a right on the entity."""
    return Refused(403, f"Access to '{aot}' is denied.", exception="System.UnauthorizedAccessException")


def nothing_to_update() -> Refused:
    """The key names no record of the companies that the request may change."""
    return Refused(400, NOTHING_TO_UPDATE, exception=WRITE_EXCEPTION)


def entity_read_only(aot: str, name: str) -> Refused:
    """A collection that is there for export only was to be changed; status and words are our decision."""
    text = f"Error: The entity '{name}' is read-only."
    return Refused(400, f"Write failed for table row of type '{aot}'. Infolog: {text}", exception=WRITE_EXCEPTION)


def several_to_update() -> Refused:
    """A change was sent to a collection instead of a record."""
    return Refused(400, SEVERAL_TO_UPDATE, exception=WRITE_EXCEPTION)


def record_exists(aot: str, table: str, record: str) -> Refused:
    """The key is taken. `table` is label and name of the table, `record` shows the key."""
    text = f"Cannot create a record in {table}. {record}.\nThe record already exists."
    return Refused(
        400, f"Write failed for table row of type '{aot}'. Infolog: Error: {text}.", exception=WRITE_EXCEPTION
    )


def update_conflict(aot: str, table: str) -> Refused:
    """Another writer was first; the same request may succeed a moment later."""
    text = (
        f"Cannot edit a record in {table}. An update conflict occurred due to another user process "
        "deleting the record or changing one or more fields in the record."
    )
    return Refused(
        400, f"Write failed for table row of type '{aot}'. Infolog: Error: {text}.", exception=WRITE_EXCEPTION
    )


def field_failed(aot: str, name: str, text: str) -> Refused:
    """A given value was refused by the check of its field."""
    return write_failed(aot, Infolog((f"Warning: {text}",), f"validateField failed on field '{aot}.{name}'"))


def row_failed(aot: str, *texts: str) -> Refused:
    """The row as a whole was refused, after the defaults were filled in."""
    lines = tuple(f"Warning: {text}" for text in texts)
    return write_failed(aot, Infolog(lines, f"validateWrite failed on data source '{aot} ({aot})'"))


def delete_failed(aot: str, text: str) -> Refused:
    """A row cannot be deleted; that the message has the form of a refused write is inferred."""
    return write_failed(aot, Infolog((f"Warning: {text}",), f"validateDelete failed on data source '{aot} ({aot})'"))
