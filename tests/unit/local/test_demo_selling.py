"""Quotes as the demo writes them, against the simulator of Sales."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from local.demo.samplequotes import SampleQuotes
from local.demo.selling import LOST, Wanted
from local.demo.systems import DATAVERSE
from tests.unit.local.demo_trade import Trade, trade

QUOTED, SECOND = "9d1cd95c-0000-4000-8000-000000000001", "9d1cd95c-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def running() -> Iterator[Trade]:
    with trade() as world:
        yield world


@pytest.fixture
def customer(running: Trade) -> str:
    return running.shop.account(f"A-{uuid4().hex[:8]}")


def sample_quotes(running: Trade, folder: Path) -> SampleQuotes:
    return SampleQuotes(running.systems[DATAVERSE], folder)


def put(folder: Path, name: str, *rows: dict[str, object]) -> None:
    (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def samples(running: Trade, folder: Path, customer: str) -> str:
    """A folder with one active quote, one that was won, and the lines of both; the id of the active one."""
    quote = {
        "quoteid": str(uuid4()),
        "quotenumber": f"SO{uuid4().hex[:6]}",
        "name": "From the file",
        "revisionnumber": 8,
        "_customerid_value": customer,
        "_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
        "_transactioncurrencyid_value": running.shop.catalogue["currency"],
        "_pricelevelid_value": running.shop.catalogue["prices"],
        "totalamount": 99,
        "statecode": 1,
    }
    won = {**quote, "quoteid": str(uuid4()), "quotenumber": "SO-WON", "statecode": 2}
    line = {
        "_quoteid_value": quote["quoteid"],
        "_productid_value": QUOTED,
        "lineitemnumber": 7,
        "quantity": 2,
        "priceperunit": 10.25,
        "manualdiscountamount": 0.5,
        "baseamount": 1,
    }
    put(folder, "quotes.jsonl", quote, won)
    put(folder, "quotedetails.jsonl", {**line, "quotedetailid": str(uuid4())})
    put(folder, "products_dataverse.jsonl", {"productid": QUOTED, "productnumber": "BK-1"})
    return str(quote["quoteid"])


def quotes(running: Trade, id: str) -> list[dict[str, object]]:
    columns = "quotenumber,revisionnumber,statecode,totallineitemamount"
    return running.shop.sales.rows(f"quotes?$select={columns}&$filter=quoteid eq {id}")


def test_an_active_quote_of_the_file_is_written_with_its_prices_and_activated(
    running: Trade, customer: str, tmp_path: Path
) -> None:
    id = samples(running, tmp_path, customer)
    assert sample_quotes(running, tmp_path).write(running.catalogue()) == (1, 1)
    (found,) = quotes(running, id)
    assert (found["statecode"], found["revisionnumber"], found["totallineitemamount"]) == (1, 0, 20)
    (line,) = running.seller.lines(id)
    assert line["lineitemnumber"] == 7


def test_a_quote_with_a_product_that_sales_does_not_have_is_not_written(
    running: Trade, customer: str, tmp_path: Path
) -> None:
    id = samples(running, tmp_path, customer)
    put(tmp_path, "products_dataverse.jsonl", {"productid": SECOND, "productnumber": "BK-1"})
    assert sample_quotes(running, tmp_path).write(running.catalogue()) == (0, 0)
    assert quotes(running, id) == []


def test_prices_are_added_once_where_the_price_list_of_another_currency_lacks_a_quoted_product(
    running: Trade, customer: str, tmp_path: Path
) -> None:
    currency = running.shop.sales.create(
        "transactioncurrencies",
        isocurrencycode="EUR",
        currencyname="Euro",
        currencysymbol="E",
        currencyprecision=2,
        exchangerate=2,
    )
    other = running.shop.sales.create(
        "pricelevels", name=f"Other {uuid4()}", transactioncurrencyid__to=f"/transactioncurrencies({currency})"
    )
    samples(running, tmp_path, customer)
    rows = [json.loads(row) for row in (tmp_path / "quotes.jsonl").read_text(encoding="utf-8").splitlines()]
    put(tmp_path, "quotes.jsonl", *({**row, "_pricelevelid_value": other} for row in rows))
    catalogue = running.catalogue()
    assert sample_quotes(running, tmp_path).add_prices(catalogue) == 1
    assert sample_quotes(running, tmp_path).add_prices(catalogue) == 0
    wanted = f"_pricelevelid_value eq {other}"
    (item,) = running.shop.sales.rows(f"productpricelevels?$select=amount&$filter={wanted}")
    assert item["amount"] == 10.25


def test_a_quote_or_line_that_sales_refuses_is_named_and_the_others_are_written(
    running: Trade, customer: str, tmp_path: Path
) -> None:
    id = samples(running, tmp_path, customer)
    quote = json.loads((tmp_path / "quotes.jsonl").read_text(encoding="utf-8").splitlines()[0])
    line = json.loads((tmp_path / "quotedetails.jsonl").read_text(encoding="utf-8"))
    wrong = [
        {**quote, "quoteid": str(uuid4()), "quotenumber": "Q-LONG", "name": "x" * 301},
        {**quote, "quoteid": str(uuid4()), "quotenumber": "Q-NOBODY", "_customerid_value": str(uuid4())},
        {**quote, "quoteid": str(uuid4()), "quotenumber": "Q-LESS", "_pricelevelid_value": None},
    ]
    put(tmp_path, "quotes.jsonl", wrong[0], quote, *wrong[1:])
    put(tmp_path, "quotedetails.jsonl", line, {**line, "quotedetailid": str(uuid4()), "quantity": "two"})
    found = sample_quotes(running, tmp_path)
    assert found.write(running.catalogue()) == (1, 1)
    assert [quote["statecode"] for quote in quotes(running, id)] == [1]
    places = {f"{tmp_path / name}.jsonl line {at}: column {column}: " for name, at, column in (
        ("quotes", 1, "name"), ("quotes", 3, "_customerid_value"), ("quotes", 4, "_pricelevelid_value"),
        ("quotedetails", 2, "quantity"),
    )}  # fmt: skip
    assert len(found.skipped) == len(places)
    assert all(any(message.startswith(place) for message in found.skipped) for place in places), found.skipped


def test_a_quote_can_be_lost(running: Trade, customer: str) -> None:
    id, _ = running.quote(f"/accounts({customer})", Wanted("BK-1"))
    running.seller.close(id, LOST)
    (found,) = quotes(running, id)
    assert found["statecode"] == 3


def test_a_revision_is_a_draft_of_the_same_number_with_the_same_lines(running: Trade, customer: str) -> None:
    id, number = running.quote(f"/accounts({customer})", Wanted("BK-1", 3))
    again = running.seller.revise(id)
    (found,) = quotes(running, again)
    assert (found["quotenumber"], found["statecode"], found["revisionnumber"]) == (number, 0, 1)
    assert [line["quantity"] for line in running.seller.lines(again)] == [3]


def test_a_line_in_words_has_the_price_that_it_is_given(running: Trade, customer: str) -> None:
    words = Wanted(text="Assembly", price=Decimal("80.5"))
    id, _ = running.quote(f"/accounts({customer})", words, active=False)
    (found,) = quotes(running, id)
    assert found["totallineitemamount"] == 80.5


def test_a_product_of_sales_only_can_be_quoted(running: Trade, customer: str) -> None:
    like = running.catalogue().products["BK-1"]
    number = running.seller.own_product(like, f"OWN-{uuid4().hex[:6]}", "Gift card")
    id, _ = running.quote(f"/accounts({customer})", Wanted(number, price=Decimal(25)))
    (found,) = quotes(running, id)
    assert (found["statecode"], found["totallineitemamount"]) == (1, 25)
