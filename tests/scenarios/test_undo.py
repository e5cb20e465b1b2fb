"""Values that the sync has written are put back: shown first, asked, audited; only where the history knows them, and
only what nobody has changed since."""

from collections.abc import Iterator

import pytest

from tests.support.operator import answer, operated, p2c
from tests.support.product import FLOW, Product, product
from tests.support.trading import trading

URL = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-0')"


@pytest.fixture
def keeping() -> Iterator[Product]:
    """A deployment that keeps values."""
    with product(HISTORY_VALUES_DAYS="10") as made, operated(made):
        yield made


def changed(sync: Product, **values: object) -> str:
    """An account in step that was changed since; its id."""
    (id,) = sync.linked(1)
    sync.clock.sleep(1)
    sync.edit(id, **values)
    sync.tick()
    return id


def name_there(sync: Product) -> object:
    return (sync.customer("A-0") or {})["OrganizationName"]


def test_a_value_is_shown_asked_for_and_put_back(keeping: Product) -> None:
    changed(keeping, name="Renamed")
    said = p2c("undo", FLOW, "A-0", said="n\n")
    assert "Account A-0" in said
    assert "Nothing was changed." in said
    assert name_there(keeping) == "Renamed"
    assert "put back: 1" in p2c("undo", FLOW, "A-0", "--yes")
    assert name_there(keeping) == "Account A-0"
    (act,) = answer("audit")
    assert (act["what"], act["reason"].split(": ")[1]) == ("undo", "OrganizationName")


def test_what_was_put_back_stays_until_it_changes_in_the_source(keeping: Product) -> None:
    id = changed(keeping, name="Renamed")
    p2c("undo", FLOW, id, "--yes")
    keeping.settle()
    assert name_there(keeping) == "Account A-0"
    assert answer("explain", FLOW, id)["beside"]["values"][0]["changed_there"]
    keeping.edit(id, name="Renamed once more")
    keeping.tick()
    assert name_there(keeping) == "Renamed once more"


def test_what_others_have_changed_since_stays(keeping: Product) -> None:
    id = changed(keeping, name="Renamed")
    keeping.finops.patch(URL, {"OrganizationName": "By hand"}, {"cross-company": "true"})
    assert "left: OrganizationName" in p2c("undo", FLOW, id, "--yes")
    assert name_there(keeping) == "By hand"
    assert answer("audit") == []


def test_all_that_a_run_has_changed_is_put_back(keeping: Product) -> None:
    ids = keeping.linked(3)
    keeping.clock.sleep(1)
    for id in ids[:2]:
        keeping.edit(id, name="Renamed")
    keeping.tick()
    run = answer("history", FLOW, ids[0])[0]["run"]
    assert "put back: 2" in p2c("undo", FLOW, "--run", run, "--yes")
    names = {(keeping.customer(f"A-{number}") or {})["OrganizationName"] for number in range(3)}
    assert names == {"Account A-0", "Account A-1", "Account A-2"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name records, or pass --run RUN"),
        (["A-0"], "the history has no change of"),
        (["--run", "nothing"], "knows no run 'nothing'"),
    ],
)
def test_what_cannot_be_undone_is_told_with_the_reason(keeping: Product, arguments: list[str], said: str) -> None:
    keeping.linked(1)
    assert said in p2c("undo", FLOW, *arguments, code=2)


def test_without_values_in_the_history_nothing_can_be_put_back(sync: Product) -> None:
    changed(sync, name="Renamed")
    assert "kept only with HISTORY_VALUES_DAYS" in p2c("undo", FLOW, "A-0", code=2)


def test_a_document_is_corrected_where_it_is() -> None:
    with trading(HISTORY_VALUES_DAYS="10") as desk, operated(desk):
        account = desk.account("A-1")
        desk.tick()
        _, number = desk.quote(account)
        desk.tick()
        assert f"correct {number} there" in p2c("undo", "quotations", number, code=2)
