"""The rules of the tables, and the automation of the Prospect-to-cash solution."""

import re
from collections.abc import Iterator, Mapping

import pytest

from local.dataverse.settings import Settings
from tests.unit.local.dataverse_world import World, code, dataverse


@pytest.fixture
def world() -> Iterator[World]:
    with dataverse() as running:
        yield running


def test_a_loop_of_parent_accounts_is_refused(world: World) -> None:
    first = world.create("accounts", name="1")
    second = world.create("accounts", name="2", parentaccountid__to=f"/accounts({first})")
    reply = world.patch(f"accounts({first})", {"parentaccountid@odata.bind": f"/accounts({second})"})
    assert code(reply) == (400, "0x80040507")


def test_full_name_and_address_are_put_together(world: World) -> None:
    contact = world.create(
        "contacts", firstname="Ada", lastname="Frei", address1_line1="Gasse 1", address1_city="Bern",
        address1_postalcode="3000", address1_country="CH",
    )  # fmt: skip
    world.patch(f"contacts({contact})", {"lastname": "Frey"})
    row = world.get(f"contacts({contact})").json()
    assert row["fullname"] == "Ada Frey"
    assert row["address1_composite"] == "Gasse 1\r\nBern, 3000\r\nCH"


def test_a_unit_schedule_brings_its_base_unit(world: World) -> None:
    schedule = world.create("uomschedules", name="Units", baseuomname="Each")
    [unit] = world.rows(f"uoms?$select=name,isschedulebaseuom,quantity&$filter=_uomscheduleid_value eq {schedule}")
    assert (unit["name"], unit["isschedulebaseuom"], unit["quantity"]) == ("Each", True, 1)


def test_a_unit_schedule_without_a_base_unit_is_refused(world: World) -> None:
    assert code(world.send("POST", "uomschedules", {"name": "Units"})) == (400, "0x80043810")


def test_a_unit_needs_its_schedule_and_a_base_unit_of_it(world: World) -> None:
    one, other = (world.create("uomschedules", name=name, baseuomname="Each") for name in ("one", "other"))
    base = world.rows(f"uoms?$select=uomid&$filter=_uomscheduleid_value eq {other}")[0]["uomid"]
    body = {"name": "Box", "quantity": 12, "baseuom@odata.bind": f"/uoms({base})"}
    assert code(world.send("POST", "uoms", body)) == (400, "0x80043b0a")
    body["uomscheduleid@odata.bind"] = f"/uomschedules({one})"
    assert code(world.send("POST", "uoms", body)) == (400, "0x80043b0b")
    body["uomscheduleid@odata.bind"] = f"/uomschedules({other})"
    assert world.send("POST", "uoms", body).status_code == 204


def test_a_new_product_is_a_draft(world: World) -> None:
    product = world.product(world.catalogue())
    row = world.get(f"products({product})?$select=statecode,statuscode").json()
    assert (row["statecode"], row["statuscode"]) == (2, 0)


def test_an_organisation_can_have_new_products_active() -> None:
    with dataverse(settings_row={"createproductswithoutparentinactivestate": True}) as world:
        product = world.product(world.catalogue())
        row = world.get(f"products({product})?$select=statecode,statuscode").json()
        assert (row["statecode"], row["statuscode"]) == (0, 1)


@pytest.mark.parametrize(
    ("left_out", "status"),
    [
        ("productnumber", "0x80043b05"),
        ("defaultuomid@odata.bind", "0x80043b0d"),
        ("defaultuomscheduleid@odata.bind", "0x80043b13"),
        ("quantitydecimal", "0x80040203"),
    ],
)
def test_a_product_without_what_it_needs_is_refused(world: World, left_out: str, status: str) -> None:
    catalogue = world.catalogue()
    body = {
        "productnumber": "P-1",
        "name": "Bike",
        "quantitydecimal": 0,
        "defaultuomid@odata.bind": f"/uoms({catalogue['unit']})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({catalogue['schedule']})",
    }
    del body[left_out]
    assert code(world.send("POST", "products", body)) == (400, status)


def test_a_product_number_is_unique_without_regard_to_case(world: World) -> None:
    catalogue = world.catalogue()
    world.product(catalogue, "P-1")
    body = {
        "productnumber": "p-1",
        "quantitydecimal": 0,
        "defaultuomid@odata.bind": f"/uoms({catalogue['unit']})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({catalogue['schedule']})",
    }
    assert code(world.send("POST", "products", body)) == (400, "0x80043b06")


def test_the_default_unit_belongs_to_the_schedule_of_the_product(world: World) -> None:
    catalogue = world.catalogue()
    other = world.create("uomschedules", name="other", baseuomname="Box")
    body = {
        "productnumber": "P-1",
        "quantitydecimal": 0,
        "defaultuomid@odata.bind": f"/uoms({catalogue['unit']})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({other})",
    }
    assert code(world.send("POST", "products", body)) == (400, "0x80043b16")


ACTIVE, RETIRED, DRAFT, REVISION = (0, 1), (1, 2), (2, 0), (3, 3)


def _move(world: World, product: str, state: tuple[int, int]) -> str | None:
    reply = world.patch(f"products({product})", {"statecode": state[0], "statuscode": state[1]})
    return None if reply.status_code == 204 else str(reply.json()["error"]["code"])


@pytest.mark.parametrize(
    ("states", "refusal"),
    [
        ([ACTIVE], None),
        ([ACTIVE, REVISION, ACTIVE], None),
        ([ACTIVE, RETIRED, ACTIVE], None),
        ([RETIRED], "0x8004f978"),
        ([ACTIVE, DRAFT], "0x8004f912"),
        ([ACTIVE, RETIRED, DRAFT], "0x8004f979"),
        ([REVISION], "0x80048408"),
    ],
)
def test_a_product_moves_between_its_states(world: World, states: list[tuple[int, int]], refusal: str | None) -> None:
    product = world.product(world.catalogue())
    assert [_move(world, product, state) for state in states] == [None] * (len(states) - 1) + [refusal]


def test_an_active_product_can_be_edited_unless_the_settings_forbid_it() -> None:
    for only_in_draft, status in ((False, 204), (True, 400)):
        with dataverse(settings=Settings(products_only_in_draft=only_in_draft)) as world:
            product = world.product(world.catalogue())
            _move(world, product, ACTIVE)
            assert world.patch(f"products({product})", {"name": "New"}).status_code == status


def test_the_default_price_list_of_a_product_is_set_by_update_only(world: World) -> None:
    catalogue = world.catalogue()
    product = world.product(catalogue)
    bind = {"pricelevelid@odata.bind": f"/pricelevels({catalogue['prices']})"}
    assert world.patch(f"products({product})", bind, If_Match="*").status_code == 204
    assert code(world.patch("products(11111111-1111-1111-1111-111111111111)", bind)) == (400, "0x80040203")


def test_a_price_list_that_is_a_default_cannot_be_deactivated(world: World) -> None:
    catalogue = world.catalogue()
    product = world.product(catalogue)
    world.patch(f"products({product})", {"pricelevelid@odata.bind": f"/pricelevels({catalogue['prices']})"})
    reply = world.patch(f"pricelevels({catalogue['prices']})", {"statecode": 1, "statuscode": 100002})
    assert code(reply) == (400, "0x80043b04")


def test_the_name_of_a_price_list_is_unique(world: World) -> None:
    world.create("pricelevels", name="List")
    assert code(world.send("POST", "pricelevels", {"name": "LIST"})) == (400, "0x80043b0f")


def _item(catalogue: Mapping[str, str], product: str) -> dict[str, object]:
    return {
        "amount": 10,
        "pricelevelid@odata.bind": f"/pricelevels({catalogue['prices']})",
        "productid@odata.bind": f"/products({product})",
        "uomid@odata.bind": f"/uoms({catalogue['unit']})",
    }


def test_a_price_list_item_takes_currency_and_number_over(world: World) -> None:
    catalogue = world.catalogue()
    reply = world.send("POST", "productpricelevels", _item(catalogue, world.product(catalogue)))
    row = world.get(reply.headers["OData-EntityId"]).json()
    assert (row["_transactioncurrencyid_value"], row["productnumber"]) == (catalogue["currency"], "P-1")


@pytest.mark.parametrize(
    ("left_out", "status"),
    [("pricelevelid", "0x80043b12"), ("productid", "0x80043b11"), ("uomid", "0x80043b0d")],
)
def test_a_price_list_item_without_what_it_needs_is_refused(world: World, left_out: str, status: str) -> None:
    catalogue = world.catalogue()
    body = _item(catalogue, world.product(catalogue))
    del body[f"{left_out}@odata.bind"]
    assert code(world.send("POST", "productpricelevels", body)) == (400, status)


def test_a_price_list_has_a_product_and_unit_once(world: World) -> None:
    catalogue = world.catalogue()
    body = _item(catalogue, world.product(catalogue))
    world.send("POST", "productpricelevels", body)
    assert code(world.send("POST", "productpricelevels", body)) == (400, "0x80043b08")


@pytest.mark.parametrize(("precision", "price"), [(2, "1.2400"), (4, "1.2350")])
def test_a_price_keeps_the_decimals_of_the_organisation(precision: int, price: str) -> None:
    with dataverse(settings_row={"pricingdecimalprecision": precision}) as world:
        product = world.product(world.catalogue(), price=1.235)
        assert f'"price":{price}' in world.get(f"products({product})?$select=price").text


def test_accounts_and_contacts_get_numbers(world: World) -> None:
    account = world.get(f"accounts({world.create('accounts', name='A')})").json()
    contact = world.get(f"contacts({world.create('contacts', lastname='A')})").json()
    assert re.fullmatch(r"ACC-01000-[A-Z]{6}", account["accountnumber"])
    assert re.fullmatch(r"CON-01000-[A-Z]{6}", contact["msdynce_contactnumber"])
    second = world.get(f"accounts({world.create('accounts', name='B')})").json()
    assert second["accountnumber"].startswith("ACC-01001-")


def test_a_number_that_is_given_stays(world: World) -> None:
    account = world.create("accounts", name="A", accountnumber="MINE")
    assert world.get(f"accounts({account})").json()["accountnumber"] == "MINE"


def test_a_contact_knows_whether_its_company_is_an_account(world: World) -> None:
    account = world.create("accounts", name="A")
    contact = world.create("contacts", lastname="Frei")
    flags = [world.get(f"contacts({contact})").json()["msdynce_iscompanyanaccount"]]
    for bind in (f"/accounts({account})", None):
        world.patch(f"contacts({contact})", {"parentcustomerid_account@odata.bind": bind})
        flags.append(world.get(f"contacts({contact})").json()["msdynce_iscompanyanaccount"])
    assert flags == [False, True, False]


def test_a_product_from_outside_gets_its_price_into_the_first_list_of_its_currency(world: World) -> None:
    catalogue = world.catalogue()
    world.create(
        "pricelevels", name="A list", transactioncurrencyid__to=f"/transactioncurrencies({catalogue['currency']})"
    )
    product = world.product(catalogue, price=10, msdynce_ismaintainedexternally=True)
    world.patch(f"products({product})", {"price": 12})
    [item] = world.rows("productpricelevels?$select=amount&$expand=pricelevelid($select=name)")
    assert (item["amount"], item["pricelevelid"]["name"]) == (12, "A list")


def test_without_the_solution_there_are_no_numbers_and_no_columns_of_it() -> None:
    with dataverse(solution=False) as world:
        account = world.create("accounts", name="A")
        assert world.get(f"accounts({account})").json()["accountnumber"] is None
        assert world.get("contacts?$select=msdynce_contactnumber").status_code == 400
        assert world.get("msdynce_p2cautonumbers").status_code == 404


def test_who_am_i_works_with_and_without_parentheses(world: World) -> None:
    replies = [world.get(path) for path in ("WhoAmI", "WhoAmI()")]
    assert replies[0].json() == replies[1].json()
    ids = replies[0].json()
    assert world.get(f"systemusers({ids['UserId']})").status_code == 200
    assert world.get(f"businessunits({ids['BusinessUnitId']})").status_code == 200
    assert world.get(f"organizations({ids['OrganizationId']})").status_code == 200
    assert replies[0].headers["x-ms-dop-hint"] == "4"


def test_bulk_messages_are_found_where_the_table_has_them(world: World) -> None:
    def found(table: str) -> int:
        condition = "sdkmessageid/name eq @m and primaryobjecttypecode eq @t"
        query = f"$select=sdkmessagefilterid&$filter={condition}&@m='CreateMultiple'&@t='{table}'"
        return len(world.rows(f"sdkmessagefilters?{query}"))

    assert [found(table) for table in ("account", "product", "uom", "productpricelevel")] == [1, 1, 0, 0]


def test_rows_are_counted_per_table(world: World) -> None:
    world.create("accounts", name="A")
    collection = world.get("RetrieveTotalRecordCount(EntityNames=['account','contact'])").json()
    assert collection["EntityRecordCountCollection"]["Values"] == [1, 0]
