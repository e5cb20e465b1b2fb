"""How the service says no: status, code and text of each refusal."""

from collections.abc import Mapping

from shared import exact_json

_WRONG_REQUEST = "0x80060888"
_WRONG_PAYLOAD = "0x80048d19"
_INVALID_ARGUMENT = "0x80040203"


class Refused(Exception):
    """The request is refused; nothing of it was applied."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The JSON body of the answer."""
        return exact_json.dumps({"error": {"code": self.code, "message": str(self)}}).encode(errors="replace")


def wrong_request(message: str) -> Refused:
    """400: the address or a query option will not do."""
    return Refused(400, _WRONG_REQUEST, message)


def wrong_payload(message: str) -> Refused:
    """400: the body will not do."""
    return Refused(400, _WRONG_PAYLOAD, message)


def invalid_argument(message: str) -> Refused:
    """400: a value will not do."""
    return Refused(400, _INVALID_ARGUMENT, message)


def business_rule(code: str, message: str) -> Refused:
    """400: a rule of the table forbids it."""
    return Refused(400, code, message)


def unknown_property(name: str, entity: str) -> Refused:
    """400: a query names a property that the table does not have."""
    return wrong_request(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{entity}'.")


def undeclared_property(name: str, entity: str) -> Refused:
    """400: a body names a property that the table does not have."""
    return wrong_payload(
        f"Error identified in Payload provided by the user for Entity :'{entity}'. The property '{name}' does not "
        f"exist on type 'Microsoft.Dynamics.CRM.{entity}'. Make sure to only use property names that the type defines."
    )


def row_missing(entity: str, row_id: str) -> Refused:
    """404: no row with that id."""
    return Refused(404, "0x80040217", f"{entity} With Id = {row_id} Does Not Exist")


def key_missing(entity: str) -> Refused:
    """404: no row with those key values."""
    return Refused(404, "0x80060891", f"A record with the specified key values does not exist in {entity} entity")


def resource_missing(segment: str) -> Refused:
    """404: the address names nothing that the service has."""
    return Refused(404, "0x8006088a", f"Resource not found for the segment '{segment}'.")


def method_refused(method: str) -> Refused:
    """405: the resource knows no such method."""
    return Refused(405, _WRONG_REQUEST, f"The requested resource does not support http method '{method}'.")


def version_mismatch() -> Refused:
    """412: the row has changed since the caller read it."""
    return Refused(
        412, "0x80060882", "The version of the existing record doesn't match the RowVersion property provided."
    )


def exists_already() -> Refused:
    """412: If-None-Match: * met an existing row."""
    return Refused(412, "0x80060892", "A record with matching key values already exists.")


def content_id_missing(content_id: str) -> Refused:
    """400: a request of a change set refers to one that is not before it in the set."""
    return wrong_request(f"Content-ID Reference: '${content_id}' does not exist in the batch context.")


def duplicate_id() -> Refused:
    """412: the id is taken."""
    return Refused(412, "0x80040237", "A record with matching key values already exists.")


def duplicate_key(key: str, columns: str) -> Refused:
    """412: another row has these key values."""
    return Refused(
        412,
        "0x80060892",
        f"Entity Key {key} violated. A record with the same value for {columns} already exists. A duplicate record "
        "cannot be created. Select one or more unique values and try again.",
    )


def token_expired() -> Refused:
    """400: the deletions since this delta token are no longer known."""
    return Refused(
        400, "0x80044352", "Version stamp associated with the client has expired. Please perform a full sync."
    )


def tracking_disabled(entity: str) -> Refused:
    """400: the table keeps no track of changes."""
    return Refused(400, "0x80072491", f"Entity {entity} isn't enabled for change tracking.")


def privilege_missing(verb: str, entity: str, user: str) -> Refused:
    """403: the caller's role does not allow it."""
    return Refused(403, "0x80040220", f"Principal user (Id={user}) is missing prv{verb} privilege on {entity}.")


def limit_exceeded(code: str, message: str, retry_after_s: int) -> Refused:
    """429: a limit of service protection; the client is to come back after so many seconds."""
    return Refused(429, code, message, {"Retry-After": str(retry_after_s)})


def not_simulated(what: str) -> Refused:
    """501: the real service does this, the simulator does not."""
    return Refused(501, _WRONG_REQUEST, f"The simulator does not serve {what}.")
