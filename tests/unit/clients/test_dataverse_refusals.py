"""What Dataverse says when it refuses a record, and what that means for the record."""

import pytest

from shared.clients.dataverse.refusals import refusal_of
from shared.clients.http.exchange import Answer
from shared.errors import RecordMissing, RecordRejected, SchemaDrift
from shared.systems import System
from tests.unit.clients.fakes import ok

ID, OTHER = "2e451703-0000-0000-0000-00000000000a", "2e451703-0000-0000-0000-00000000000b"


def refused(code: str, text: str, status: int = 400, *ids: str) -> Exception:
    answer = ok({"error": {"code": code, "message": text}}, status)
    return refusal_of(answer, System.DATAVERSE, "products", ids=frozenset(ids))


@pytest.mark.parametrize("code", ["0x80040217", "0x80060891"])
@pytest.mark.parametrize(
    ("text", "is_missing"),
    [(f"product With Id = {ID} Does Not Exist", True), (f"{OTHER} of {ID.upper()}", True), (f"uom {OTHER}", False)],
)
def test_a_row_that_is_not_there_is_missing_only_if_it_is_one_of_the_request(
    code: str, text: str, is_missing: bool
) -> None:
    found = refused(code, text, 404, ID)
    if is_missing:
        assert isinstance(found, RecordMissing)
        assert "products" in str(found)
    else:
        assert isinstance(found, RecordRejected)
        assert (found.cause, found.repeatable) == ("dataverse.reference_missing", True)


@pytest.mark.parametrize(
    ("code", "status", "cause", "repeatable", "remedy"),
    [
        ("0x80040237", 412, "target_exists", False, "look at the row that has the key"),
        ("0x80060892", 412, "target_exists", False, "look at the row that has the key"),
        ("0x80043b06", 400, "target_exists", False, "look at the row that has the key"),
        ("0x80060882", 412, "dataverse.update_conflict", True, "nothing to do"),
        ("", 413, "dataverse.too_large", False, "shorten the texts"),
        ("0x80044331", 400, "dataverse.0x80044331", False, "shorten the text in the source"),
        ("0x8004431a", 400, "dataverse.0x8004431a", False, "choose an option that the column has"),
        ("0x80043b07", 400, "dataverse.0x80043b07", False, "decimals of the unit"),
        ("0x80043b08", 400, "dataverse.0x80043b08", False, "an item of this product already"),
        ("0x80043b16", 400, "dataverse.0x80043b16", False, "put the unit into the unit group"),
        ("0x80043b14", 400, "dataverse.0x80043b14", False, "put the unit into the unit group"),
        ("0x80048cee", 400, "dataverse.0x80048cee", False, "correct the currency of the price list"),
        ("0x8004f978", 400, "dataverse.0x8004f978", False, "a draft cannot be retired"),
        ("0x80040265", 400, "dataverse.0x80040265", False, "plug-in"),
        ("0x80099999", 400, "dataverse.0x80099999", False, "correct the record in F&O"),
        ("", 400, "dataverse.400", False, "correct the record in F&O"),
    ],
)
def test_a_refusal_is_known_by_its_code_and_says_what_helps(
    code: str, status: int, cause: str, repeatable: bool, remedy: str
) -> None:
    found = refused(code, "No.", status)
    assert isinstance(found, RecordRejected)
    assert (found.cause, found.repeatable, str(found)) == (cause, repeatable, "No.")
    assert remedy in found.remedy


def test_a_column_that_dataverse_does_not_know_is_drift_with_its_name() -> None:
    found = refused("0x80048d19", "The property 'nmae' does not exist on type 'Microsoft.Dynamics.CRM.product'.")
    assert isinstance(found, SchemaDrift)
    assert "products" in str(found)
    assert "'nmae'" in str(found)
    assert found.said.startswith("The property 'nmae'")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "no"}', b'{"error": {"message": null}}'])
def test_a_refusal_without_a_reason_says_so_with_its_status(body: bytes) -> None:
    found = refusal_of(Answer(400, {"Content-Type": "application/json"}, body), System.DATAVERSE, "products")
    assert isinstance(found, RecordRejected)
    assert str(found) == "Dataverse refused the record with 400 and gave no reason"
