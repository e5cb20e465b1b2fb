"""F&O as a target."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.finops.environment import MAX_URL_LENGTH, FinopsCollection, FinopsSystem, FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.clients.finops.refusals import read_refusal
from shared.clients.http.exchange import Answer, AnswerLost, NotConnected, PreparedCall
from shared.errors import (
    NotSent,
    OperatorNeeded,
    OutcomeUnknown,
    RecordMissing,
    RecordRejected,
    SchemaDrift,
    SyncError,
    Transient,
)
from shared.records import Json, TargetRow, Write
from tests.unit.clients.fakes import Line, Reply, line, ok, refused, values_of

GROUP = (
    "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: The value 'Local' in field "
    "'Customer group' is not found in the related table 'Customer groups'.; Warning: validateField failed on field "
    "'CustCustomerV3Entity.CustomerGroupId'.."
)
BLANK = (
    "Write failed for table row of type 'smmContactPersonV2Entity'. Infolog: Warning: Field 'Associated party number' "
    "must be filled in.; Warning: validateWrite failed on data source 'smmContactPersonV2Entity (X)'."
)
CONFLICT = (
    "Write failed for table row of type 'X'. Infolog: Error: Cannot edit a record in Customers (CustTable). An update "
    "conflict occurred due to another user process deleting the record or changing one or more fields in the record."
)
DUPLICATE = "Ein Datensatz in Debitoren (CustTable) kann nicht erstellt werden.\nDer Datensatz ist bereits vorhanden."
NO_SUCH_ROW = "No resources were found when selecting for update."
EMPTY = values_of([])
FOUND = values_of([{"@odata.etag": "W/", "dataAreaId": "usmf", "CustomerAccount": "A-1", "OrganizationName": "x"}])


def collection_of(system: FinopsSystem, key: str, *fields: str) -> FinopsCollection:
    return FinopsCollection(FinopsTable(system, "CustomersV3", FinopsKey("usmf", (key,)), fields))


def customers(*replies: Reply, parallel: int = 1) -> tuple[FinopsCollection, Line]:
    at = line(*replies, parallel=parallel)
    system = FinopsSystem(at.channel, "usmf")
    return collection_of(system, "CustomerAccount", "OrganizationName"), at


def options(call: PreparedCall) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(call.url).query).items()}


def create(id: str = "1", key: str = "A-1", **values: Json) -> Write:
    return Write(id, key, values or {"OrganizationName": "Litra AG"}, create=True)


def update(id: str = "1", key: str = "A-1", **values: Json) -> Write:
    return Write(id, key, values or {"OrganizationName": "Litra AG"}, create=False)


def write_one(write: Write, *replies: Reply) -> SyncError | None:
    target, _ = customers(*replies)
    return target.write([write], not_after=1000)[write.id]


def collection(rows: Mapping[str, str]) -> Reply:
    """A collection that compares as F&O does, the wildcard included."""

    def answer(call: PreparedCall) -> Answer:
        texts = [t.replace("''", "'") for t in re.findall(r"K eq '((?:[^']|'')*)'", options(call)["$filter"])]
        hits = [
            {"K": key, "Name": name}
            for key, name in rows.items()
            if any("*" in text or key.rstrip().casefold() == text.rstrip().casefold() for text in texts)
        ]
        return values_of(hits)

    return answer


def test_the_company_is_read_as_f_and_o_writes_it() -> None:
    at = line(values_of([{"LegalEntityId": "USMF"}]))
    system = FinopsSystem(at.channel, "usmf")
    system.probe()
    assert system.identity() == "USMF"
    assert options(at.server.calls[0]) == {
        "$filter": "LegalEntityId eq 'usmf'",
        "$select": "LegalEntityId",
        "$top": "1",
        "cross-company": "true",
    }


def test_a_company_that_does_not_exist_calls_the_operator() -> None:
    with pytest.raises(OperatorNeeded, match="'usmf'"):
        FinopsSystem(line(EMPTY).channel, "usmf").probe()


def test_rows_are_found_across_companies_with_the_company_named() -> None:
    target, at = customers(FOUND)
    assert target.find(["a-1 ", "A-2"]) == {
        "a-1 ": TargetRow({"dataAreaId": "usmf", "CustomerAccount": "A-1", "OrganizationName": "x"}, etag="W/")
    }
    asked = options(at.server.calls[0])
    assert asked["$filter"] == "dataAreaId eq 'usmf' and (CustomerAccount eq 'a-1 ' or CustomerAccount eq 'A-2')"
    assert asked["cross-company"] == "true"
    assert asked["$select"] == "dataAreaId,CustomerAccount,OrganizationName"


@pytest.mark.parametrize("count", [1, 34, 35, 500])
def test_a_look_up_keeps_within_the_length_of_an_address(count: int) -> None:
    rows = {f"ACC-{number:05}": str(number) for number in range(count)}
    at = line(collection(rows), parallel=4)
    target = collection_of(FinopsSystem(at.channel, "usmf"), "K", "Name")
    assert {key: row.values["Name"] for key, row in target.find(list(rows)).items()} == rows
    assert all(len(call.url) < MAX_URL_LENGTH for call in at.server.calls)


@given(keys=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20), max_size=30))
def test_every_key_finds_its_own_row_and_no_other(keys: list[str]) -> None:
    at = line(collection({key: key for key in keys}))
    target = collection_of(FinopsSystem(at.channel, "usmf"), "K", "Name")
    for key, row in target.find(keys).items():
        assert str(row.values["Name"]).rstrip(" ").casefold() == key.rstrip(" ").casefold()


def test_a_wildcard_is_not_looked_up() -> None:
    target, at = customers(FOUND)
    assert target.find(["*", "A*", "", "A\0"]) == {}
    assert target.find([]) == {}
    assert at.server.calls == []


def test_an_unknown_field_of_a_look_up_calls_the_operator() -> None:
    target, _ = customers(refused("Could not find a property named 'Nmae' on type 'X'."))
    with pytest.raises(SchemaDrift, match="'Nmae'"):
        target.find(["A-1"])


def test_a_create_carries_company_and_key_in_its_body() -> None:
    target, at = customers(ok({}, 201))
    assert target.write([create(CreditLimit=Decimal("1000.10"))], not_after=1000) == {"1": None}
    call = at.server.calls[0]
    assert (call.method, urlsplit(call.url).path) == ("POST", "/data/CustomersV3")
    assert options(call) == {"cross-company": "true"}
    assert call.body == b'{"CreditLimit":1000.10,"dataAreaId":"usmf","CustomerAccount":"A-1"}'


def test_an_update_names_the_record_and_carries_the_changes_only() -> None:
    target, at = customers(Answer(204))
    changed = update(key="O'Neil 1", OrganizationName="Zoë", CustomerAccount="A-1")
    assert target.write([changed], not_after=1000) == {"1": None}
    call = at.server.calls[0]
    expected = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='O''Neil 1')"
    assert (call.method, unquote(urlsplit(call.url).path)) == ("PATCH", expected)
    assert options(call) == {"cross-company": "true"}
    assert json.loads(call.body or b"") == {"OrganizationName": "Zoë"}


@pytest.mark.parametrize("write", [create(key="A/1"), update(key="A*"), create(key=" "), update(key="A%1")])
def test_a_key_that_cannot_be_addressed_is_refused_before_anything_is_sent(write: Write) -> None:
    target, at = customers(ok({}, 201))
    result = target.write([write], not_after=1000)["1"]
    assert isinstance(result, RecordRejected)
    assert result.cause == "key_not_addressable"
    assert at.server.calls == []


@pytest.mark.parametrize(
    ("write", "replies", "expected", "cause"),
    [
        (create(), [refused(GROUP), EMPTY], RecordRejected, "finops.validateField.CustomerGroupId"),
        (create(), [refused(BLANK), EMPTY], RecordRejected, "finops.validateWrite.smmContactPersonV2Entity"),
        (create(), [refused(DUPLICATE), FOUND], RecordRejected, "target_exists"),
        (create(), [refused("Something else."), EMPTY], RecordRejected, "finops.refused"),
        (create(), [Answer(400), EMPTY], RecordRejected, "finops.refused"),
        (create(), [refused(DUPLICATE), Answer(500)], Transient, None),
        (create(), [refused("The property 'Foo' does not exist on type 'X'.")], SchemaDrift, None),
        (create(), [Answer(500)], OutcomeUnknown, None),
        (create(), [AnswerLost("no answer")], OutcomeUnknown, None),
        (create(), [NotConnected("no connection")], Transient, None),
        (update(), [refused(NO_SUCH_ROW), EMPTY], RecordMissing, None),
        (update(), [refused("Keine Ressourcen gefunden."), EMPTY], RecordMissing, None),
        (update(), [refused(GROUP), FOUND], RecordRejected, "finops.validateField.CustomerGroupId"),
        (update(), [refused(CONFLICT), FOUND], RecordRejected, "finops.update_conflict"),
        (update(), [Answer(412), FOUND], RecordRejected, "finops.update_conflict"),
        (update(), [Answer(413), FOUND], RecordRejected, "finops.too_large"),
        (update(), [Answer(404)], OperatorNeeded, None),
        (update(), [Answer(403)], OperatorNeeded, None),
        (update(), [Answer(503)], OutcomeUnknown, None),
    ],
)
def test_a_failed_write_has_the_result_that_says_what_to_do(
    write: Write, replies: list[Reply], expected: type[SyncError], cause: str | None
) -> None:
    result = write_one(write, *replies)
    assert isinstance(result, expected)
    assert getattr(result, "cause", None) == cause


def test_a_change_of_a_row_as_it_was_read_names_its_version_and_any_other_none() -> None:
    target, at = customers(FOUND)
    (row,) = target.find(["A-1"]).values()
    assert row.values == {"dataAreaId": "usmf", "CustomerAccount": "A-1", "OrganizationName": "x"}
    at.server.reply(Answer(204))
    target.write([replace(update(), if_match=row.etag)], not_after=1000)
    target.write([update()], not_after=1000)
    assert [call.headers.get("If-Match") for call in at.server.calls[1:]] == ["W/", None]


def test_only_an_update_conflict_may_be_repeated() -> None:
    conflict, other = write_one(update(), refused(CONFLICT), FOUND), write_one(update(), refused(GROUP), FOUND)
    assert isinstance(conflict, RecordRejected)
    assert isinstance(other, RecordRejected)
    assert (conflict.repeatable, other.repeatable) == (True, False)


def test_a_refusal_is_told_to_people_without_technical_parts() -> None:
    error = read_refusal(refused(GROUP + "\n   at Microsoft.Dynamics.Platform.Update()")).error()
    assert (
        str(error) == "The value 'Local' in field 'Customer group' is not found in the related table 'Customer groups'."
    )
    assert "CustomerGroupId" in error.remedy


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"error": {"message": "Outer.", "innererror": {"message": "Inner."}}}, "Inner."),
        ({"error": {"message": "Outer.", "innererror": {"message": ""}}}, "Outer."),
        ({"error": {"message": "Outer.", "innererror": "no object"}}, "Outer."),
        ({"error": {"message": "Outer."}}, "Outer."),
        ({"error": {}}, "F&O refused the record with 400 and gave no reason"),
        ({"error": "no object"}, "F&O refused the record with 400 and gave no reason"),
        ({}, "F&O refused the record with 400 and gave no reason"),
        ([], "F&O refused the record with 400 and gave no reason"),
    ],
)
def test_the_innermost_words_of_a_refusal_are_told(body: Json, told: str) -> None:
    assert read_refusal(ok(body, 400)).text == told


@pytest.mark.parametrize(
    ("status", "cause", "repeatable"),
    [
        (400, "finops.refused", False),
        (412, "finops.update_conflict", True),
        (413, "finops.too_large", False),
        (414, "finops.too_large", False),
    ],
)
def test_a_refusal_is_known_by_its_status(status: int, cause: str, repeatable: bool) -> None:
    error = read_refusal(refused("No.", status)).error()
    assert (error.cause, error.repeatable, bool(error.remedy)) == (cause, repeatable, True)


@pytest.mark.parametrize(
    "text", ["The property 'Seaside' is already let.", "validateField failed on field 'A.Property'"]
)
def test_a_refusal_by_the_business_is_no_schema_drift(text: str) -> None:
    wrapped = f"Write failed for table row of type 'X'. Infolog: Error: {text}"
    assert not read_refusal(refused(wrapped)).schema_drift


def test_records_of_one_call_fail_each_for_itself() -> None:
    def answer(call: PreparedCall) -> Answer:
        if call.method == "GET":
            return EMPTY
        key = json.loads(call.body or b"")["CustomerAccount"]
        return refused(GROUP) if key == "A-3" else ok({}, 201)

    target, _ = customers(answer, parallel=4)
    results = target.write([create(str(n), f"A-{n}") for n in range(20)], not_after=1000)
    assert list(results) == [str(n) for n in range(20)]
    assert {id for id, result in results.items() if result is not None} == {"3"}


@pytest.mark.parametrize(
    ("reply", "sent"),
    [
        (Answer(403), 1),
        (Answer(401), 2),
        (Answer(429, {"Retry-After": "900"}), 1),
        (NotConnected("refused"), 1),
        (Answer(500), 3),
        (AnswerLost("no answer"), 3),
    ],
)
def test_writes_behind_a_system_in_trouble_are_not_sent(reply: Reply, sent: int) -> None:
    target, at = customers(reply)
    results = target.write([create(str(n), f"A-{n}") for n in range(10)], not_after=1000)
    assert len(at.server.calls) == sent
    troubled = [result for result in results.values() if not isinstance(result, NotSent)]
    assert len(troubled) == (3 if sent == 3 else 1)


def test_single_lost_answers_do_not_stop_the_others() -> None:
    lost, fine = Answer(500), ok({}, 201)
    target, at = customers(lost, lost, fine, lost, lost, fine)
    results = target.write([create(str(n), f"A-{n}") for n in range(7)], not_after=1000)
    assert sum(isinstance(result, OutcomeUnknown) for result in results.values()) == 4
    assert sum(result is None for result in results.values()) == 3
    assert len(at.server.calls) == 7


def test_no_write_starts_after_the_time_given() -> None:
    target, at = customers()

    def slow(call: PreparedCall) -> Answer:
        at.clock.sleep(4)
        return ok({}, 201)

    at.server.reply(slow)
    results = target.write([create(str(n), f"A-{n}") for n in range(5)], not_after=10)
    assert [type(result) for result in results.values()] == [type(None)] * 3 + [NotSent] * 2


def test_a_short_throttling_delays_the_call_only() -> None:
    target, at = customers(Answer(429, {"Retry-After": "3"}), ok({}, 201))
    results = target.write([create(str(n), f"A-{n}") for n in range(3)], not_after=1000)
    assert list(results.values()) == [None] * 3
    assert at.clock.seconds == 3


def test_nothing_to_write_sends_nothing() -> None:
    target, at = customers(ok({}, 201))
    assert target.write([], not_after=1000) == {}
    assert target.write([update(CustomerAccount="A-1")], not_after=1000) == {"1": None}
    assert at.server.calls == []


def test_what_was_sent_is_counted() -> None:
    target, at = customers(ok({}, 201))
    target.write([create()], not_after=1000)
    counts = FinopsSystem(at.channel, "usmf").requests
    assert (counts.reads, counts.writes) == (0, 1)
