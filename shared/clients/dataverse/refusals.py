"""What Dataverse says when it refuses a record, in a form that groups equal refusals (dataverse-web-api, section 9)."""

import re

from shared.clients.http.exchange import Answer
from shared.clients.http.responses import error_code, json_object, redacted, schema_name
from shared.errors import RecordMissing, RecordRejected, SchemaDrift, SyncError
from shared.systems import System

_ROW_MISSING = frozenset({"0x80040217", "0x80060891"})
# The row, or its product number, exists already.
_EXISTS = frozenset({"0x80040237", "0x80060892", "0x80043b06"})
_UNKNOWN_PROPERTY = "0x80048d19"
_VERSION_MISMATCH = "0x80060882"
_TOO_LONG = "0x80044331"
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_REMEDIES = {
    _TOO_LONG: "shorten the text in the source",
    "0x8004431a": "choose an option that the column has, or correct the value map",
    "0x80043b07": "correct the number of decimals of the unit in F&O",
    "0x80043b08": "the price list has an item of this product already: let the Sales solution's automation write the "
    "items, or remove the item",
    "0x80043b16": "put the unit into the unit group that the value map names",
    "0x80043b14": "put the unit into the unit group that the value map names",
    "0x80048cee": "correct the currency of the price list, or the price list of this currency in the value map",
    "0x8004f978": "publish or delete the product in Sales: a draft cannot be retired",
    "0x80040265": "read the message of the organisation's plug-in and correct what it asks for",
}


def refusal_of(answer: Answer, system: System, subject: str, *, ids: frozenset[str] = frozenset()) -> SyncError:
    """The error for an answer that refuses a record; `ids` are the target rows of the request.

    RecordMissing if it says that one of these rows does not exist, SchemaDrift for a column that it does not know,
    otherwise RecordRejected.
    """
    code, text = error_code(answer), _text(answer)
    if code in _ROW_MISSING:
        named = {found.lower() for found in _GUID.findall(text)}
        if named & ids:
            return RecordMissing(f"a row of {subject} does not exist")
        remedy = (
            "a row that the record refers to is not there: check units, currencies, price lists, and lookups that "
            "the map document sets by key; then retry"
        )
        return RecordRejected("dataverse.reference_missing", text, remedy=remedy, repeatable=True)
    if code == _UNKNOWN_PROPERTY:
        return SchemaDrift(
            system,
            f"Dataverse does not know a column that the mapping of {subject} sends{schema_name(text)}; compare the "
            "mapping with the organisation (columns msdynce_* come with the Prospect-to-cash solution for Sales)",
            said=text,
        )
    if code in _EXISTS:
        return RecordRejected("target_exists", text, remedy="look at the row that has the key")
    if code == _VERSION_MISMATCH:
        remedy = "nothing to do: somebody else changed the row at the same time, the sync retries"
        return RecordRejected("dataverse.update_conflict", text, remedy=remedy, repeatable=True)
    if answer.status == 413:
        return RecordRejected("dataverse.too_large", text, remedy="shorten the texts of the record in the source")
    remedy = _REMEDIES.get(code, "correct the record in F&O, or the set-up in Sales that the text names")
    return RecordRejected(f"dataverse.{code or answer.status}", text, remedy=remedy)


def _text(answer: Answer) -> str:
    error = (json_object(answer) or {}).get("error")
    text = error.get("message") if isinstance(error, dict) else None
    return redacted(str(text or f"Dataverse refused the record with {answer.status} and gave no reason"))
