"""Rows of F&O that are marked as coming from our source."""

from shared.clients.finops.environment import FinopsSystem, FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.flows.contacts.mapping import PERSON_KEY, PERSON_MARK, PERSON_SET
from shared.records import KEY_SEPARATOR, Json, MarkedRow
from tests.unit.clients.fakes import line, values_of

NUMBER, OF = PERSON_KEY
MARK = next(iter(PERSON_MARK))


def person(number: str, mark: str) -> dict[str, Json]:
    return {"dataAreaId": "usmf", NUMBER: number, OF: "ACC-1", MARK: mark}


def test_a_marked_row_has_its_whole_key_and_the_number_of_its_record() -> None:
    at = line(values_of([person("CON-1", "Yes"), person("CON-2", "No")]))
    persons = FinopsTable(FinopsSystem(at.channel, "usmf"), PERSON_SET, FinopsKey("usmf", PERSON_KEY), [], PERSON_MARK)
    assert list(persons.marked()) == [MarkedRow(f"CON-1{KEY_SEPARATOR}ACC-1", "CON-1")]


def test_where_no_field_can_be_a_mark_nothing_is_asked() -> None:
    at = line(values_of([person("CON-1", "Yes")]))
    persons = FinopsTable(FinopsSystem(at.channel, "usmf"), PERSON_SET, FinopsKey("usmf", PERSON_KEY), [])
    assert list(persons.marked()) == []
    assert at.server.calls == []
