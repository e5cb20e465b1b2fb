"""For which record a row of the model is, and when another record may have got it."""

import math
import random

import pytest

from shared.clients.finops.keys import FinopsKey
from shared.records import Write
from tests.simulation.finops import Collection
from tests.simulation.stage import Stage
from tests.simulation.targets import CUSTOMERS, Record, Row
from tests.simulation.threads import CALM, Worker

_FIRST, _SECOND = ("accounts", "1"), ("accounts", "2")
_LATE_S = 1500.0


class Model:
    """One collection, and the records that are in its source: both at first. The row is made for the first one, perhaps
    by a late worker."""

    def __init__(self, *, late: bool = False) -> None:
        self._stage = Stage()
        self._finops = self._stage.finops
        self._there = {_FIRST, _SECOND}
        self._finops.exists = self._there.__contains__
        self._target = Collection(
            self._finops, "accounts", CUSTOMERS, FinopsKey("usmf", ("CustomerAccount",)), ("Name",)
        )
        self.write(_FIRST, create=True, late=late)

    @property
    def row(self) -> Row:
        """The row as it is."""
        return self._finops.rows_of("usmf", CUSTOMERS)["k"]

    @property
    def doubled(self) -> list[tuple[Record, Record]]:
        """Whose row was written for whom although it had not passed."""
        return [(each.former, each.now) for each in self._finops.doubled]

    def write(self, record: Record, *, create: bool = False, late: bool = False) -> None:
        """A worker writes the row for a record."""
        self._stage.threads.current = Worker("worker", lambda: None, random.Random(0), CALM, stood_s=late * _LATE_S)
        answers = self._target.write([Write(record[1], "K", {"Name": record[1]}, create)], not_after=math.inf)
        assert answers == {record[1]: None}

    def remove(self, record: Record) -> None:
        """Somebody deletes a record."""
        self._there.discard(record)
        self._finops.note_gone()

    def restore(self, record: Record) -> None:
        """Somebody restores a record."""
        self._there.add(record)


@pytest.fixture
def model() -> Model:
    return Model()


def test_a_row_of_a_record_that_was_never_gone_does_not_pass(model: Model) -> None:
    model.write(_SECOND)
    assert model.doubled == [(_FIRST, _SECOND)]


@pytest.mark.parametrize("restored", [False, True])
def test_a_row_of_a_record_that_was_gone_since_it_was_written_may_pass(model: Model, restored: bool) -> None:
    model.remove(_FIRST)
    if restored:
        model.restore(_FIRST)
    model.write(_SECOND)
    assert (model.row.of, model.doubled) == (_SECOND, [])


def test_a_row_that_has_passed_does_not_pass_back(model: Model) -> None:
    model.remove(_FIRST)
    model.restore(_FIRST)
    model.write(_SECOND)
    model.write(_FIRST)
    assert model.doubled == [(_SECOND, _FIRST)]


def test_a_row_that_is_written_for_its_record_after_that_was_restored_does_not_pass(model: Model) -> None:
    model.remove(_FIRST)
    model.restore(_FIRST)
    model.write(_FIRST)
    model.write(_SECOND)
    assert model.doubled == [(_FIRST, _SECOND)]


def test_a_row_that_a_late_worker_of_another_record_writes_stays_its_records_which_must_write_it(model: Model) -> None:
    model.write(_SECOND, late=True)
    assert (model.row.of, model.row.overwritten) == (_FIRST, _SECOND)
    model.write(_FIRST)
    assert (model.row.of, model.row.overwritten, model.doubled) == (_FIRST, None, [])


def test_a_row_that_a_late_worker_writes_after_its_record_was_gone_is_that_records_which_writes_it_next(
    model: Model,
) -> None:
    model.remove(_FIRST)
    model.restore(_FIRST)
    model.write(_SECOND, late=True)
    assert model.row.of == _SECOND
    model.write(_FIRST)
    assert (model.row.of, model.doubled) == (_FIRST, [])
    model.write(_SECOND)
    assert model.doubled == [(_FIRST, _SECOND)]


def test_a_row_that_a_late_worker_makes_may_pass_until_it_is_written_once_more() -> None:
    model = Model(late=True)
    model.write(_SECOND)
    assert (model.row.of, model.doubled) == (_SECOND, [])
    model.write(_FIRST)
    assert model.doubled == [(_SECOND, _FIRST)]
