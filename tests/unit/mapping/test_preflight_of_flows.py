"""What the preflight of a flow finds in rows of both systems, and how much it looks at."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.finops.environment import FinopsSystem
from shared.clients.http.exchange import Answer, PreparedCall
from shared.flows.accounts.mapping import AccountMapper
from shared.flows.accounts.preflight import others_customers
from shared.flows.checks import Check, CheckResult
from shared.flows.invoices import preflight as invoices
from shared.flows.orders import preflight as orders
from shared.flows.ordersback import preflight as ordersback
from shared.flows.registry import FLOWS
from shared.flows.spec import Deployment
from shared.records import Json
from shared.systems import System
from tests.support.clock import START
from tests.unit.clients.fakes import line, values_of
from tests.unit.mapping.samples import maps
from tests.unit.mapping.test_wrong_map_documents import SETTINGS

Rows = Mapping[str, Sequence[Mapping[str, Json]]]
ORDERS = "CDSSalesOrderHeaders"
WELL, WRONG, BY_HAND = CheckResult.WELL, CheckResult.WRONG, CheckResult.BY_HAND


class Both:
    """Both systems with these rows by collection. Filters are not judged; `asked` are the options of each request."""

    def __init__(self, rows: Rows) -> None:
        self.asked: dict[str, dict[str, str]] = {}

        def answer(call: PreparedCall) -> Answer:
            address = urlsplit(call.url)
            name = address.path.rpartition("/")[2]
            self.asked[name] = {key: found[0] for key, found in parse_qs(address.query).items()}
            return values_of(rows.get(name, ()))

        self.finops = FinopsSystem(line(answer).channel, "usmf")
        self.dataverse = DataverseSystem(line(answer, system=System.DATAVERSE).channel)


def deployment(**settings: str) -> Deployment:
    return Deployment(FLOWS, FLOWS.read_settings({**SETTINGS, **settings}), maps())


def told(check: Check) -> tuple[CheckResult, str]:
    return check.verdict, check.found


@pytest.mark.parametrize(
    ("prefix", "number", "suffix", "like"),
    [
        ("ORD", 1000, 6, None),
        ("ORD", 99_999, 6, None),
        ("ORDERS", 99_999, 7, None),
        ("ORDERS", 99_999, 8, "ORDERS-99999-XXXXXXXX, which has 21"),
        ("ORDERS", 100_000, 7, "ORDERS-100000-XXXXXXX, which has 21"),
        ("ORDERSOFUS", 7, 4, "ORDERSOFUS-00007-XXXX, which has 21"),
        (None, None, None, None),
    ],
)
def test_the_next_number_of_an_order_has_twenty_characters_at_most(
    prefix: Json, number: Json, suffix: Json, like: str | None
) -> None:
    row: dict[str, Json] = {"orderprefix": prefix, "currentordernumber": number, "uniquespecifierlength": suffix}
    (check,) = orders.checks_of_sales(deployment(), Both({"organizations": [row]}).dataverse, START)
    assert told(check) == (
        (WELL, "") if like is None else (WRONG, f"the next one is like {like}: such an order would be rejected")
    )


ORGANISATION: list[dict[str, Json]] = [{"orderprefix": "ORD", "currentordernumber": 7, "uniquespecifierlength": 6}]


@pytest.mark.parametrize(
    ("of_finops", "of_sales", "found"),
    [
        ([], [], None),
        (["ORD-1", "ORD-2"], ["ord-2", "ORD-1"], None),
        (["ORD-1"], [], "of 1 sales order that begin with ORD-, 1 belong to no order of Sales, such as ORD-1"),
        (["ORD-3", "ORD-2", "ORD-1"], ["ORD-1"],
         "of 3 sales orders that begin with ORD-, 2 belong to no order of Sales, such as ORD-2"),
    ],
)  # fmt: skip
def test_sales_orders_that_look_like_those_of_sales_and_belong_to_none_are_told(
    of_finops: list[str], of_sales: list[str], found: str | None
) -> None:
    both = Both(
        {
            "organizations": ORGANISATION,
            ORDERS: [{"SalesOrderNumber": number} for number in of_finops],
            "salesorders": [{"ordernumber": number} for number in of_sales],
        }
    )
    (check,) = orders.checks_of_finops(deployment(), both.dataverse, both.finops)
    assert told(check) == ((WELL, "") if found is None else (BY_HAND, f"{found}: did F&O number them?"))
    assert both.asked[ORDERS]["$top"] == "100"


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([], BY_HAND),
        ([{"SalesOrderNumber": "1", "SalesOrderOriginType": "SalesOrderIntegration"}], WELL),
        ([{"SalesOrderNumber": "1", "SalesOrderOriginType": "Web"}], WRONG),
    ],
)
def test_the_type_of_a_sales_origin_is_that_of_an_order_that_has_it(
    rows: list[dict[str, Json]], verdict: CheckResult
) -> None:
    both = Both({ORDERS: rows})
    _, check = orders.checks_of_finops(deployment(ORDERS_ORIGIN="SALES"), both.dataverse, both.finops)
    assert check.verdict is verdict
    if verdict is WRONG:
        assert check.found == "the sales order 1 has this origin, and the type Web"


@pytest.mark.parametrize(
    ("count", "found"),
    [
        (0, None),
        (1, "1 confirmed sales order without totals, such as SO-0"),
        (99, "99 confirmed sales orders without totals, such as SO-0"),
        (100, "100 confirmed sales orders or more without totals, such as SO-0"),
    ],
)
def test_confirmed_orders_without_totals_are_counted_up_to_a_hundred(count: int, found: str | None) -> None:
    both = Both({ORDERS: [{"SalesOrderNumber": f"SO-{at}"} for at in range(count)]})
    (check,) = ordersback.checks_of_finops(deployment(ORDERS_BACK="all"), both.dataverse, both.finops)
    batch = ": does the batch job `Calculate sales totals` run?"
    assert told(check) == ((WELL, "") if found is None else (BY_HAND, found + batch))
    assert both.asked[ORDERS]["$top"] == "100"
    assert list(ordersback.checks_of_finops(deployment(ORDERS_BACK="off"), both.dataverse, both.finops)) == []


def customers(*numbers: str, mark: str = "Yes") -> list[dict[str, Json]]:
    return [{"dataAreaId": "DEMF", "CustomerAccount": each, "IsExternallyMaintained": mark} for each in numbers]


def accounts(*numbers: str, inactive: bool = False) -> list[dict[str, Json]]:
    return [
        {"accountid": each, "accountnumber": each, "name": each, "statecode": 1 if inactive else 0} for each in numbers
    ]


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        (customers("A-1"), [], None),
        (customers("A-1", mark="No"), [], None),
        (customers("A-1"), accounts("A-1", inactive=True), None),
        (customers("A-2", "A-1"), accounts("A-2", "A-1"),
         "2 accounts that this deployment keeps: A-1 of DEMF, A-2 of DEMF"),
        (customers(*"ABC"), accounts(*"ABC"), "3 accounts that this deployment keeps: A of DEMF, B of DEMF, C of DEMF"),
        (customers(*"ABCDE"), accounts(*"ABCDE"),
         "5 accounts that this deployment keeps: A of DEMF, B of DEMF, C of DEMF and 2 more"),
    ],
)  # fmt: skip
def test_accounts_that_another_company_has_made_customers_are_told(
    theirs: list[dict[str, Json]], ours: list[dict[str, Json]], found: str | None
) -> None:
    companies = [{"LegalEntityId": code, "Name": code} for code in ("USMF", "DEMF")]
    both = Both({"LegalEntities": companies, "CustomersV3": theirs, "accounts": ours})
    (check,) = others_customers(AccountMapper(maps()), deployment(), both.dataverse, both.finops)
    assert told(check) == ((WELL, "") if found is None else (BY_HAND, found))
    assert both.asked["CustomersV3"]["$top"] == "500"
    assert both.asked["CustomersV3"]["$filter"] == "dataAreaId eq 'DEMF'"


def test_where_there_is_one_company_nothing_is_asked_about_others() -> None:
    both = Both({"LegalEntities": [{"LegalEntityId": "USMF", "Name": "Contoso"}]})
    assert list(others_customers(AccountMapper(maps()), deployment(), both.dataverse, both.finops)) == []


@pytest.mark.parametrize("setting", ["off", "on"])
def test_the_latest_hundred_posted_invoices_and_lines_are_looked_at_unless_the_flow_is_off(setting: str) -> None:
    both = Both({"organizations": [{"pricingdecimalprecision": 2}]})
    found = list(invoices.checks_of_finops(deployment(INVOICES=setting), both.dataverse, both.finops))
    assert bool(found) is (setting == "on")
    asked = [options for options in both.asked.values() if "InvoiceDate desc" in options.get("$orderby", "")]
    assert [options["$top"] for options in asked] == (["100", "100"] if setting == "on" else [])
