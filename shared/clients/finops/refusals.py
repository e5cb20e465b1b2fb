"""What F&O says when it refuses a record, in a form that groups equal refusals (finops-odata, section 6)."""

import re
from dataclasses import dataclass

from shared.clients.http.exchange import Answer
from shared.clients.http.responses import json_object, redacted
from shared.errors import RecordRejected

_FIELD = re.compile(r"validateField failed on field '(?:\w+\.)*(\w+)'")
_ROW = re.compile(r"validateWrite failed on data source '(\w+)")
_CONFLICT = re.compile(r"An update conflict occurred due to another user process", re.IGNORECASE)
_UNKNOWN_PROPERTY = re.compile(r"does not exist on type '", re.IGNORECASE)
_OPENING = re.compile(r"^\s*Write failed for table row of type '[^']*'\.\s*(?:Infolog:\s*)?")
_TECHNICAL = re.compile(r"(?:validateField failed on field|validateWrite failed on data source) '[^']*'\.*")
_LEVEL = re.compile(r"(?:^|;\s*)(?:Warning|Error|Info):\s*")
# Everything from the first frame on; the text before it is for people.
_STACK = re.compile(r"\s+at [A-Z]\w*(?:\.\w+)+\(.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The parts of a refusal. `text` is for people, `field` and `row` name the place if F&O names one."""

    status: int
    text: str
    field: str | None = None
    row: str | None = None
    conflict: bool = False
    schema_drift: bool = False

    def error(self) -> RecordRejected:
        """The refusal of one record."""
        if self.conflict or self.status == 412:
            remedy = "nothing to do: somebody else changed the row at the same time, the sync retries"
            return RecordRejected("finops.update_conflict", self.text, remedy=remedy, repeatable=True)
        if self.status in (413, 414):
            return RecordRejected("finops.too_large", self.text, remedy="shorten the texts of the record in the source")
        if self.field is not None:
            remedy = f"create the missing value of {self.field} in F&O, or correct the source value or the value map"
            return RecordRejected(f"finops.validateField.{self.field}", self.text, remedy=remedy)
        if self.row is not None:
            remedy = f"complete or correct the record in the source so that {self.row} in F&O accepts it"
            return RecordRejected(f"finops.validateWrite.{self.row}", self.text, remedy=remedy)
        remedy = "correct the record in the source, or the set-up in F&O that the text names"
        return RecordRejected("finops.refused", self.text, remedy=remedy)


def read_refusal(answer: Answer) -> Refusal:
    """What an answer that refuses a record says."""
    text = _text(answer)
    field, row = _FIELD.search(text), _ROW.search(text)
    by_business = field is not None or row is not None or _OPENING.match(text) is not None
    return Refusal(
        answer.status,
        _for_people(text) or f"F&O refused the record with {answer.status} and gave no reason",
        field.group(1) if field else None,
        row.group(1) if row else None,
        conflict=_CONFLICT.search(text) is not None,
        schema_drift=not by_business and answer.status == 400 and _UNKNOWN_PROPERTY.search(text) is not None,
    )


def _text(answer: Answer) -> str:
    error = (json_object(answer) or {}).get("error")
    if not isinstance(error, dict):
        return ""
    inner = error.get("innererror")
    text = inner.get("message") if isinstance(inner, dict) else None
    return _STACK.sub("", str(text or error.get("message") or ""))


def _for_people(text: str) -> str:
    without_place = _TECHNICAL.sub("", _OPENING.sub("", text))
    sentences = (sentence.strip(" ;") for sentence in _LEVEL.split(without_place))
    return redacted(" ".join(sentence for sentence in sentences if sentence))
