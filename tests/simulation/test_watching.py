"""What the oracle says of writes over what people have put into a target."""

import random
from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from shared import exact_json
from shared.errors import StorageTrouble, SyncError
from shared.operations.audit_log import Refused
from shared.records import Json, Values, Write
from shared.state.links import link_key
from shared.state.storage.tables import Cell, Insert
from shared.state.storage.tables import Row as Stored
from shared.sync.apply.plan import CONFLICT
from shared.systems import System
from tests.simulation.operators import Operators
from tests.simulation.stage import Stage
from tests.simulation.takings import Takings
from tests.simulation.targets import CUSTOMERS, Row
from tests.simulation.threads import CALM, Worker
from tests.simulation.watching import Decided, Place, Watch

_RECORD = ("accounts", "1")
_PLACE: Place = ("usmf", CUSTOMERS, "k")
_COUNTS = Decided(counts=True, ended={"OnHoldStatus": "All"})
_OURS = Write("1", "K", {"SalesMemo": "ours"}, create=False)


def _watch(stage: Stage, **cells: Cell) -> Watch:
    stage.tables["links"].transact([Insert(Stored("accounts", link_key("1"), cells))])
    return Watch(stage.threads, stage.tables["links"])


def _told(watch: Watch, *, shown: Values | None = None, write: Write = _OURS) -> list[str]:
    """What is wrong if a row that people have changed is written."""
    row = Row("K", {"SalesMemo": "theirs", "OnHoldStatus": "No"}, of=_RECORD, touched={"SalesMemo", "OnHoldStatus"})
    watch.judge_change(_COUNTS, row, _RECORD, write, shown)
    return list(watch.problems(set()))


def _known_as(memo: str) -> dict[str, Cell]:
    return {"target_key": "K", "applied": exact_json.dumps({"SalesMemo": memo, "OnHoldStatus": "Invoice"})}


def _read_by_worker(stage: Stage, watch: Watch, *read: Values) -> Values | None:
    """What a worker that reads so has been shown last."""
    shown: list[Values | None] = []

    def work() -> None:
        for values in read:
            watch.note_read(_PLACE, values)
        shown.append(watch.last_read(_PLACE))

    stage.threads.run([Worker("apply", work, random.Random(0), CALM)], random.Random(0))
    return shown[0]


def test_a_worker_that_saw_a_change_at_its_second_read_is_reported() -> None:
    stage = Stage()
    watch = _watch(stage, **_known_as("before"))
    shown = _read_by_worker(stage, watch, {"SalesMemo": "before"}, {"SalesMemo": "theirs"})
    assert _told(watch, shown=shown) == ["I3 accounts 1: SalesMemo of K is 'theirs' by people, and is written over"]


def test_a_worker_that_was_shown_the_row_before_the_change_is_excused() -> None:
    stage = Stage()
    watch = _watch(stage, **_known_as("before"))
    assert _told(watch, shown=_read_by_worker(stage, watch, {"SalesMemo": "before"})) == []


def test_a_worker_that_has_not_looked_is_reported() -> None:
    stage = Stage()
    watch = _watch(stage, **_known_as("before"))
    assert len(_told(watch, shown=_read_by_worker(stage, watch))) == 1


def test_the_end_of_a_record_is_written_whatever_people_have_put_there() -> None:
    watch = _watch(Stage(), **_known_as("before"))
    assert _told(watch, write=Write("1", "K", {"OnHoldStatus": "All"}, create=False)) == []
    assert len(_told(watch, write=Write("1", "K", {"OnHoldStatus": "None"}, create=False))) == 1


def test_a_row_has_another_version_when_a_value_comes_back_and_when_it_is_made_again() -> None:
    row = Row("K", {})
    seen = [row.version]
    for memo in ("one", "two", "one"):
        row.change({"SalesMemo": memo})
        seen.append(row.version)
    assert len({*seen, Row("K", {}).version}) == 5


@pytest.mark.parametrize(
    ("ends_in", "stored", "excused"),
    [
        (None, None, True),
        (Refused("it has changed since it was shown"), None, False),
        (StorageTrouble("it was not saved"), None, False),
        (StorageTrouble("the answer got lost"), {"SalesMemo": "theirs"}, True),
        (StorageTrouble("what is stored is an earlier decision"), {"SalesMemo": "other"}, False),
    ],
)
def test_only_a_decision_that_has_been_made_excuses_a_write(
    ends_in: SyncError | None, stored: dict[str, Json] | None, excused: bool
) -> None:
    stage = Stage()
    cells = {**_known_as("before"), **({} if stored is None else {"overruled": exact_json.dumps(stored)})}
    stage.finops.watch = watch = _watch(stage, **cells)
    company: Any = SimpleNamespace(stage=stage)
    no_log: Any = None
    operators = Operators(company, Counter(), Takings(company))
    with nullcontext() if ends_in is None else pytest.raises(type(ends_in)):
        operators._resolve(_process_that_decides(ends_in), no_log, random.Random(1))
    assert (_told(watch) == []) is excused


def _process_that_decides(ends_in: Exception | None) -> Any:
    """A deployment with one conflict, whose decision ends so. These dice decide for the source."""

    def resolve(*_: object) -> None:
        if ends_in is not None:
            raise ends_in

    shown = SimpleNamespace(fields=[SimpleNamespace(field="SalesMemo", there="theirs")])
    flow = SimpleNamespace(source_system=System.DATAVERSE)
    service = SimpleNamespace(
        state=SimpleNamespace(links=SimpleNamespace(walk=lambda _flow: [])),
        failing=lambda: SimpleNamespace(walk=lambda _flow: [SimpleNamespace(id="1", cause=CONFLICT)]),
        resolving=lambda _flow: SimpleNamespace(look=lambda _id: shown, resolve=resolve, flow=flow),
    )
    return SimpleNamespace(service=service, flows=["accounts"])
