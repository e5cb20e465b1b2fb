"""Promises of the simulated Dataverse around quotes: states, prices, totals, revisions, the solution's automation."""

from collections.abc import Iterator

import pytest

from local.dataverse.settings import Settings
from tests.unit.local.dataverse_desk import FLAG, WRITE_IN, Desk, desk_in
from tests.unit.local.dataverse_world import code, dataverse

ACTIVE = {"statecode": 1, "statuscode": 2}
DRAFT = {"statecode": 0, "statuscode": 1}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with dataverse() as world:
        yield desk_in(world)


def test_a_quote_is_born_a_draft_with_a_number_and_revision_0(desk: Desk) -> None:
    found = desk.read(f"quotes({desk.quote()})")
    assert found["quotenumber"].startswith("QUO-01000-")
    assert (found["statecode"], found["statuscode"], found["revisionnumber"]) == (0, 1, 0)


def test_a_number_may_be_given_and_never_changes(desk: Desk) -> None:
    quote = desk.quote(quotenumber="Q-1")
    assert desk.read(f"quotes({quote})")["quotenumber"] == "Q-1"
    assert desk.world.patch(f"quotes({quote})", {"quotenumber": "Q-2"}, If_Match="*").status_code == 400


def test_a_line_takes_the_price_of_the_price_list_unless_it_has_its_own(desk: Desk) -> None:
    quote = desk.quote()
    listed = desk.read(f"quotedetails({desk.line(quote, priceperunit=99)})")
    own = desk.read(f"quotedetails({desk.line(quote, ispriceoverridden=True, priceperunit=99)})")
    assert (listed["priceperunit"], listed["extendedamount"]) == (10, 20)
    assert (own["priceperunit"], own["extendedamount"]) == (99, 198)


def test_a_product_that_is_not_on_the_price_list_has_no_price_and_says_why(desk: Desk) -> None:
    other = desk.world.create(
        "pricelevels", name="Other", transactioncurrencyid__to=f"/transactioncurrencies({desk.catalogue['currency']})"
    )
    quote = desk.quote(pricelevelid__to=f"/pricelevels({other})")
    line = desk.read(f"quotedetails({desk.line(quote)})")
    assert (line["priceperunit"], line["pricingerrorcode"]) == (None, 11)


def test_lines_make_the_totals_of_their_quote_and_move_its_version(desk: Desk) -> None:
    quote = desk.quote(freightamount=5, discountpercentage=10)
    before = desk.read(f"quotes({quote})")["versionnumber"]
    desk.line(quote, manualdiscountamount=4, tax=1)
    line = desk.line(quote)
    found = desk.read(f"quotes({quote})")
    assert (found["totallineitemamount"], found["totallineitemdiscountamount"]) == (36, 4)
    assert (found["totaldiscountamount"], found["totalamountlessfreight"]) == (3.6, 32.4)
    assert (found["totaltax"], found["totalamount"]) == (1, 38.4)
    assert found["versionnumber"] > before
    desk.world.send("DELETE", f"quotedetails({line})")
    assert desk.read(f"quotes({quote})")["totallineitemamount"] == 16


def test_lines_are_numbered_and_may_bring_their_number(desk: Desk) -> None:
    quote = desk.quote()
    lines = [desk.line(quote), desk.line(quote, lineitemnumber=7), desk.line(quote)]
    assert [desk.read(f"quotedetails({line})")["lineitemnumber"] for line in lines] == [1, 7, 8]


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"productid@odata.bind": None}, "0x80043b11"),
        ({"uomid@odata.bind": None}, "0x80043b0d"),
        ({"quantity": 1.5}, "0x80043b07"),
        ({"isproductoverridden": True, "productdescription": "Words"}, "0x80043afa"),
    ],
)
def test_a_line_that_does_not_fit_is_refused(desk: Desk, values: dict[str, object], refusal: str) -> None:
    reply = desk.world.send("POST", "quotedetails", desk.line_body(desk.quote(), **values))
    assert code(reply) == (400, refusal)


def test_a_product_in_draft_cannot_be_quoted(desk: Desk) -> None:
    draft = desk.world.product(desk.catalogue, "P-2")
    body = desk.line_body(desk.quote(), **{"productid@odata.bind": f"/products({draft})"})
    assert code(desk.world.send("POST", "quotedetails", body)) == (400, "0x8004f908")


def test_only_a_draft_is_editable_for_ordinary_users_and_its_lines_too(desk: Desk) -> None:
    quote = desk.quote()
    line = desk.line(quote)
    assert desk.set_state(quote, ACTIVE) == (204, "")
    assert desk.world.patch(f"quotes({quote})", {"name": "Other"}, If_Match="*").status_code == 400
    assert code(desk.world.send("POST", "quotedetails", desk.line_body(quote))) == (400, "0x80043b09")
    assert code(desk.world.patch(f"quotedetails({line})", {"quantity": 3}, If_Match="*")) == (400, "0x80043b09")
    assert code(desk.world.send("DELETE", f"quotedetails({line})")) == (400, "0x80043b09")
    assert desk.set_state(quote, DRAFT) == (204, "")
    assert desk.world.patch(f"quotes({quote})", {"name": "Other"}, If_Match="*").status_code == 204


def test_an_administrator_saves_a_quote_that_is_read_only_for_others() -> None:
    with dataverse(settings=Settings(administrator=True)) as world:
        desk = desk_in(world)
        quote = desk.quote()
        desk.set_state(quote, ACTIVE)
        assert desk.world.patch(f"quotes({quote})", {"name": "Other"}, If_Match="*").status_code == 204
        desk.line(quote)


def test_a_quote_is_won_and_closed_by_its_actions_only(desk: Desk) -> None:
    quote = desk.quote()
    assert desk.act("WinQuote", quote, 4)[0] == 400, "a draft cannot be won"
    desk.set_state(quote, ACTIVE)
    assert desk.set_state(quote, {"statecode": 2, "statuscode": 4})[0] == 400
    assert desk.act("WinQuote", quote, -1) == (204, "")
    assert [desk.read(f"quotes({quote})")[name] for name in ("statecode", "statuscode")] == [2, 4]
    assert desk.set_state(quote, ACTIVE) == (400, "0x80100003")
    assert desk.set_state(quote, DRAFT) == (204, "")


def test_a_closed_quote_is_revised_with_new_ids_and_the_same_number_and_lines(desk: Desk) -> None:
    quote = desk.quote()
    line = desk.line(quote, lineitemnumber=3, manualdiscountamount=1)
    desk.set_state(quote, ACTIVE)
    assert desk.revise(quote).status_code == 400, "only a closed quote can be revised"
    assert desk.act("CloseQuote", quote, 7) == (204, "")
    made = desk.revise(quote)
    assert made.status_code == 200, made.text
    old, new = desk.read(f"quotes({quote})"), made.json()
    assert (new["quotenumber"], new["revisionnumber"], new["statecode"]) == (old["quotenumber"], 1, 0)
    assert (new["totalamount"], old["statuscode"]) == (old["totalamount"], 7)
    (copy,) = desk.world.rows(f"quotedetails?$filter=_quoteid_value eq {new['quoteid']}")
    assert (copy["lineitemnumber"], copy["manualdiscountamount"]) == (3, 1)
    assert copy["quotedetailid"] != line
    assert code(desk.revise(quote)) == (400, "0x80048d00")


def test_a_contact_that_is_quoted_becomes_an_active_customer(desk: Desk) -> None:
    before = desk.read(f"contacts({desk.contact})")
    assert before["msdynce_isactivecustomer"] is False
    desk.quote(customerid_contact__to=f"/contacts({desk.contact})")
    after = desk.read(f"contacts({desk.contact})")
    assert after["msdynce_isactivecustomer"] is True
    assert after["versionnumber"] > before["versionnumber"]


def test_the_flag_of_a_quote_says_whether_all_its_products_come_from_finops_and_lines_have_a_copy(desk: Desk) -> None:
    quote = desk.quote()
    assert desk.read(f"quotes({quote})")[FLAG] is True, "an empty quote counts as such"
    line = desk.line(quote)
    own = desk.line(quote, **WRITE_IN)
    copy = "msdynce_quotehasexternalmaintainedproductsonly"
    assert (desk.read(f"quotes({quote})")[FLAG], desk.read(f"quotedetails({line})")[copy]) == (False, False)
    desk.world.send("DELETE", f"quotedetails({own})")
    assert (desk.read(f"quotes({quote})")[FLAG], desk.read(f"quotedetails({line})")[copy]) == (True, True)


def test_a_deleted_quote_takes_its_lines_along_and_both_are_reported_by_change_tracking(desk: Desk) -> None:
    quote = desk.quote()
    line = desk.line(quote)
    links = {}
    for table, id_column in (("quotes", "quoteid"), ("quotedetails", "quotedetailid")):
        reply = desk.world.get(f"{table}?$select={id_column}", Prefer="odata.track-changes")
        links[table] = reply.json()["@odata.deltaLink"]
    assert desk.world.send("DELETE", f"quotes({quote})").status_code == 204
    for table, id in (("quotes", quote), ("quotedetails", line)):
        (entry,) = desk.world.send("GET", links[table]).json()["value"]
        assert (entry["id"], entry["reason"]) == (id, "deleted")


def test_a_quote_in_another_currency_than_its_price_list_is_refused(desk: Desk) -> None:
    euro = desk.world.create(
        "transactioncurrencies",
        isocurrencycode="EUR",
        currencyname="Euro",
        currencysymbol="E",
        currencyprecision=2,
        exchangerate=2,
    )
    body = {
        "name": "Quote",
        "pricelevelid@odata.bind": f"/pricelevels({desk.catalogue['prices']})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({euro})",
    }
    assert code(desk.world.send("POST", "quotes", body)) == (400, "0x80048cee")


@pytest.mark.parametrize("headers", ["quotes", "salesorders"])
def test_a_document_without_a_currency_gets_that_of_the_organisation_and_stays_editable(
    desk: Desk, headers: str
) -> None:
    organisation = desk.world.organisation
    base = {"basecurrencyid": desk.catalogue["currency"]}
    organisation.change(organisation.entity("organization"), str(organisation.setting("organizationid")), base)
    document = desk.world.create(
        headers,
        name="Document",
        pricelevelid__to=f"/pricelevels({desk.catalogue['prices']})",
        customerid_account__to=f"/accounts({desk.account})",
    )
    assert desk.read(f"{headers}({document})")["_transactioncurrencyid_value"] == desk.catalogue["currency"]
    desk.line(document, headers)
    assert desk.world.patch(f"{headers}({document})", {"name": "Renamed"}).status_code == 204


@pytest.mark.parametrize("headers", ["quotes", "salesorders"])
def test_lines_are_read_with_all_annotations(desk: Desk, headers: str) -> None:
    lines = f"{headers.removesuffix('s')}details"
    line = desk.line(desk.document(headers), headers)
    [read] = desk.world.rows(lines, Prefer='odata.include-annotations="*"')
    assert read[f"{lines.removesuffix('s')}id"] == line
    assert [name for name in read if name.startswith("_owningbusinessunit_value")] == ["_owningbusinessunit_value"]
