"""Values that the sync has written are put back: shown first, asked, audited; only where the history knows them, and
only what nobody has changed since."""

import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from local.simulator.faults import Kind, Rule
from p2c.__main__ import main
from shared.errors import StorageTrouble
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.operations.undo import Undoing
from tests.support.operator import answer, operated, p2c
from tests.support.ordering import Ordering
from tests.support.product import FLOW, Product, product
from tests.support.returning import CANCELLED, CONFIRMED, Returning
from tests.support.trading import ACTIVE, DRAFT, Trading, trading, trading_as

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


@pytest.mark.parametrize(
    ("interrupted", "code", "said"),
    [(True, 130, ""), (False, 2, "nothing was changed; answer y, or pass --yes\n")],
    ids=["Ctrl-C", "no answer"],
)
def test_ctrl_c_at_a_question_interrupts_and_no_answer_is_a_mistake(
    keeping: Product,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    interrupted: bool,
    code: int,
    said: str,
) -> None:
    class Asked:
        def readline(self) -> str:
            if interrupted:
                raise KeyboardInterrupt
            return ""

    changed(keeping, name="Renamed")
    monkeypatch.setattr(sys, "stdin", Asked())
    with pytest.raises(SystemExit) as ended:
        main(["undo", FLOW, "A-0"])
    assert (ended.value.code, capsys.readouterr().err) == (code, said)
    assert name_there(keeping) == "Renamed"


def test_what_was_put_back_stays_until_it_changes_in_the_source(keeping: Product) -> None:
    id = changed(keeping, name="Renamed")
    # Of two entries of one millisecond either may be the first.
    keeping.clock.sleep(1)
    p2c("undo", FLOW, id, "--yes")
    keeping.settle()
    assert name_there(keeping) == "Account A-0"
    again = p2c("undo", FLOW, id, "--yes")
    assert "as before already: OrganizationName" in again
    assert "by others" not in again
    undone = answer("history", FLOW, id)[0]
    assert (undone["outcome"], undone["by"]) == ("put back", "undo by operator@contoso")
    assert undone["values"] == {"OrganizationName": ["Renamed", "Account A-0"]}
    told = " ".join(answer("explain", FLOW, id)["sentences"])
    assert "(undo by operator@contoso): OrganizationName; a repair would reverse that." in told
    assert answer("explain", FLOW, id)["beside"]["values"][0]["changed_there"]
    keeping.edit(id, address1_city="Bern")
    keeping.tick()
    assert "): OrganizationName; a repair" in " ".join(answer("explain", FLOW, id)["sentences"])
    keeping.clock.sleep(1)
    keeping.edit(id, name="Renamed once more")
    keeping.tick()
    assert name_there(keeping) == "Renamed once more"
    assert "Put back" not in " ".join(answer("explain", FLOW, id)["sentences"])


def test_a_write_of_the_same_again_puts_back_only_what_differs(keeping: Product) -> None:
    (id,) = keeping.linked(1)
    keeping.clock.sleep(1)
    keeping.finops.patch(URL, {"OrganizationName": "By hand"}, {"cross-company": "true"})
    p2c("reconcile", FLOW, id, "--repair", code=1)
    keeping.settle()
    assert name_there(keeping) == "Account A-0"
    written = answer("history", FLOW, id)[0]
    assert written["values"]["OrganizationName"] == ["By hand", "Account A-0"]
    same = [name for name, (old, new) in written["values"].items() if old == new]
    assert "IsExternallyMaintained" in same
    said = p2c("undo", FLOW, id, "--yes")
    assert f"written the same again, so the former value is not known: {', '.join(same)}" in said
    assert "as before already" not in said
    assert "put back: 1." in said
    assert name_there(keeping) == "By hand"


def test_of_a_write_that_is_repeated_after_a_lost_answer_no_former_value_is_known(keeping: Product) -> None:
    (id,) = keeping.linked(1)
    keeping.clock.sleep(1)
    keeping.finops.faults.add(Rule(Kind.DROP_AFTER, frozenset({"PATCH"}), times=1))
    keeping.edit(id, name="Renamed")
    keeping.settle()
    assert name_there(keeping) == "Renamed"
    written = answer("history", FLOW, id)[0]
    assert all(old == new for old, new in written["values"].values())
    said = p2c("undo", FLOW, id, "--yes")
    assert f"written the same again, so the former value is not known: {', '.join(written['values'])}" in said
    assert "No former value is known that could be put back." in said
    assert "as before" not in said
    assert answer("audit") == []


def test_values_that_were_put_back_are_told_although_the_history_cannot_be_written(
    keeping: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = changed(keeping, name="Renamed")

    def fails(*_: object) -> None:
        raise StorageTrouble("no answer")

    monkeypatch.setattr(Undoing, "_tell", fails)
    said = p2c("undo", FLOW, id, "--yes", code=3)
    assert "1 value of A-0 put back, but the history does not tell it (the audit does): no answer" in said
    assert name_there(keeping) == "Account A-0"


@pytest.fixture
def three_renamed(keeping: Product) -> list[str]:
    """Accounts in step that were renamed since."""
    ids = keeping.linked(3)
    keeping.clock.sleep(1)
    for id in ids:
        keeping.edit(id, name="Renamed")
    keeping.tick()
    return ids


def test_ctrl_c_among_several_records_tells_how_far_it_came_and_the_rest_is_put_back_by_repeating_it(
    keeping: Product, three_renamed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reached, undo = count(1), Undoing.undo

    def interrupted(*arguments: Any) -> int:
        if next(reached) == 2:
            raise KeyboardInterrupt
        return undo(*arguments)

    monkeypatch.setattr(Undoing, "undo", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["undo", FLOW, *three_renamed, "--yes"])
    assert (ended.value.code, name_there(keeping)) == (130, "Account A-0")
    assert "accounts: put back: 1. Repeat the command for the other 2 records." in capsys.readouterr().out
    assert "put back: 2." in p2c("undo", FLOW, *three_renamed, "--yes")


def test_a_record_that_the_target_refuses_is_named_and_the_others_are_put_back(
    keeping: Product, three_renamed: list[str]
) -> None:
    keeping.finops.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"PATCH"}), "A-1", status=400))
    said = p2c("undo", FLOW, *three_renamed, "--yes", code=2)
    assert f"A-1 ({three_renamed[1]}): F&O has not taken the values back: " in said
    assert "accounts: put back: 2. The sync" in said


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
        ([], "name records, or pass --run RUN; for example: `p2c undo accounts ACC-1001`"),
        (["A-0"], "the history has no change of A-0 ("),
        (["--run", "nothing"], "knows no run 'nothing'"),
    ],
)
def test_what_cannot_be_undone_is_told_with_the_reason(keeping: Product, arguments: list[str], said: str) -> None:
    keeping.linked(1)
    assert said in p2c("undo", FLOW, *arguments, code=2)


def test_without_values_in_the_history_nothing_can_be_put_back(sync: Product) -> None:
    changed(sync, name="Renamed")
    assert "kept with HISTORY_VALUES_DAYS" in p2c("undo", FLOW, "A-0", code=2)


# --- documents --------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk() -> Iterator[Trading]:
    """A deployment with quotations that keeps values."""
    with trading(HISTORY_VALUES_DAYS="10") as made, operated(made):
        yield made


def quoted(desk: Trading, *, lines: int = 2) -> tuple[str, str]:
    """A quote in step; its id and number."""
    account = desk.account("A-1")
    desk.tick()
    id, number = desk.quote(account, lines=lines)
    desk.tick()
    desk.clock.sleep(1)
    return id, number


def in_draft(desk: Trading, quote: str) -> list[str]:
    """A quote that may be changed again; the ids of its lines."""
    desk.set_state(quote, DRAFT)
    return [line["quotedetailid"] for line in desk.lines(quote)]


def revised(desk: Trading, quote: str) -> None:
    """What was changed in draft is in F&O."""
    desk.set_state(quote, ACTIVE)
    desk.tick()


def quantities(desk: Trading, number: str) -> dict[int, int]:
    lines = (desk.quotation(number) or {})["lines"]
    return {line: int(values["RequestedSalesQuantity"]) for line, values in lines.items()}


def test_a_line_that_was_changed_is_put_back_with_the_header(desk: Trading) -> None:
    id, number = quoted(desk)
    first, _ = in_draft(desk, id)
    desk.change_draft(f"quotedetails({first})", quantity=9)
    desk.change_draft(f"quotes({id})", name="Renamed")
    revised(desk, id)
    assert quantities(desk, number) == {1: 9, 2: 2}
    said = p2c("undo", "quotations", number, said="n\n")
    assert "line 1 RequestedSalesQuantity" in said
    assert quantities(desk, number) == {1: 9, 2: 2}
    desk.clock.sleep(1)
    p2c("undo", "quotations", number, "--yes")
    assert quantities(desk, number) == {1: 2, 2: 2}
    assert (desk.quotation(number) or {})["SalesQuotationName"] == "Quote"
    assert "line 1 RequestedSalesQuantity; a repair" in " ".join(answer("explain", "quotations", number)["sentences"])
    assert [act["what"] for act in answer("audit")] == ["undo"]
    desk.clock.sleep(1)
    (first, _) = in_draft(desk, id)
    desk.change_draft(f"quotedetails({first})", quantity=8)
    revised(desk, id)
    assert "line 1 RequestedSalesQuantity; a repair" not in " ".join(
        answer("explain", "quotations", number)["sentences"]
    )


def test_a_line_that_was_added_is_removed_and_one_that_was_removed_is_added_again(desk: Trading) -> None:
    id, number = quoted(desk)
    _, second = in_draft(desk, id)
    assert desk.sales.send("DELETE", f"quotedetails({second})").status_code == 204
    desk.line(id, quantity=7, lineitemnumber=3)
    revised(desk, id)
    assert quantities(desk, number) == {1: 2, 3: 7}
    p2c("undo", "quotations", number, "--yes")
    assert quantities(desk, number) == {1: 2, 2: 2}
    there = (desk.quotation(number) or {})["lines"]
    own = ("@odata.etag", "LineCreationSequenceNumber", "InventoryLotId")
    assert {name: value for name, value in there[2].items() if name not in own} == {
        name: value for name, value in there[1].items() if name not in own
    }


def test_a_line_that_others_have_changed_since_stays(desk: Trading) -> None:
    id, number = quoted(desk)
    first, second = in_draft(desk, id)
    desk.change_draft(f"quotedetails({first})", quantity=9)
    desk.change_draft(f"quotedetails({second})", quantity=9)
    revised(desk, id)
    desk.at_finops(number, lines=[{"LineCreationSequenceNumber": 1, "RequestedSalesQuantity": 4}])
    assert "left: line 1 RequestedSalesQuantity" in p2c("undo", "quotations", number, "--yes")
    assert quantities(desk, number) == {1: 4, 2: 2}


def test_lines_that_were_put_back_already_are_no_change_of_others(desk: Trading) -> None:
    id, number = quoted(desk, lines=3)
    first, second, _ = in_draft(desk, id)
    desk.change_draft(f"quotedetails({first})", quantity=9)
    assert desk.sales.send("DELETE", f"quotedetails({second})").status_code == 204
    desk.line(id, quantity=7, lineitemnumber=4)
    revised(desk, id)
    assert quantities(desk, number) == {1: 9, 3: 2, 4: 7}
    p2c("undo", "quotations", number, "--yes")
    assert quantities(desk, number) == {1: 2, 2: 2, 3: 2}
    said = p2c("undo", "quotations", number)
    assert "as before already: line 1 RequestedSalesQuantity, line 2, line 4" in said
    assert "There is nothing to put back." in said
    assert "others" not in said
    desk.at_finops(
        number,
        lines=[{"LineCreationSequenceNumber": line, "RequestedSalesQuantity": 4} for line in (1, 2)],
    )
    said = p2c("undo", "quotations", number)
    assert "as before already: line 4" in said
    assert "left: line 1 RequestedSalesQuantity, line 2" in said


def test_lines_that_were_written_the_same_again_are_nothing_to_put_back(desk: Trading) -> None:
    _, number = quoted(desk)
    desk.at_finops(number, lines=[{"LineCreationSequenceNumber": 1, "RequestedSalesQuantity": 4}])
    p2c("reconcile", "quotations", number, "--repair", code=1)
    desk.settle()
    assert quantities(desk, number) == {1: 2, 2: 2}
    said = p2c("undo", "quotations", number, "--yes")
    assert "put back: 1." in said
    assert quantities(desk, number) == {1: 4, 2: 2}


def test_a_quotation_that_f_and_o_lets_nobody_change_is_named_with_its_status(desk: Trading) -> None:
    id, number = quoted(desk)
    first, _ = in_draft(desk, id)
    desk.change_draft(f"quotedetails({first})", quantity=9)
    revised(desk, id)
    desk.at_finops(number, SalesQuotationStatus="Sent")
    said = p2c("undo", "quotations", number, code=2)
    assert "quotation_status" in said
    assert "Sent" in said
    assert quantities(desk, number) == {1: 9, 2: 2}


def test_the_status_of_an_order_goes_back_in_sales() -> None:
    with trading_as(Returning, ORDERS_BACK="status", HISTORY_VALUES_DAYS="10") as desk, operated(desk):
        id, number = desk.confirmed()
        desk.tick()
        desk.clock.sleep(1)
        desk.clerk("cancel", number)
        desk.tick()
        assert desk.status(id) == CANCELLED
        p2c("undo", ORDERSBACK, number, "--yes")
        assert desk.status(id) == CONFIRMED


def test_an_order_of_finops_gets_its_lines_back_in_sales_until_it_is_closed_there() -> None:
    settings = {"ORDERS_BACK": "all", "ORDERS_BACK_CANCEL": "on", "HISTORY_VALUES_DAYS": "10"}
    with trading_as(Returning, **settings) as desk, operated(desk):
        desk.born("F-1")
        desk.tick()
        desk.clock.sleep(1)
        desk.at_desk("F-1", None, desk.finops_line(1, OrderedSalesQuantity=5), desk.finops_line(2))
        desk.totals()
        desk.tick()
        assert {at: line["quantity"] for at, line in desk.order_in_sales("F-1")["lines"].items()} == {1: 5, 2: 2}
        p2c("undo", ORDERSBACK, "F-1", "--yes")
        assert {at: line["quantity"] for at, line in desk.order_in_sales("F-1")["lines"].items()} == {1: 2}
        desk.clock.sleep(1)
        desk.clerk("cancel", "F-1")
        desk.tick()
        assert "closed_in_sales" in p2c("undo", ORDERSBACK, "F-1", code=2)


def test_an_order_that_was_sent_belongs_to_the_users_of_finops() -> None:
    with trading_as(Ordering, HISTORY_VALUES_DAYS="10") as desk, operated(desk):
        account = desk.account("A-1")
        desk.tick()
        _, number = desk.order(account)
        desk.tick()
        assert "is written once" in p2c("undo", ORDERS, number, code=2)


def test_a_product_is_corrected_where_it_is(desk: Trading) -> None:
    assert "rows in several tables of Sales: correct P-1 there" in p2c("undo", "products", "P-1", code=2)
