"""What the preflight of products finds in the small tables of Sales, and in the map document."""

from collections.abc import Mapping, Sequence

import pytest

from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.http.exchange import Answer, PreparedCall
from shared.flows.checks import Check, CheckResult
from shared.flows.products.preflight import catalogue_checks
from shared.flows.registry import FLOWS
from shared.flows.spec import Deployment
from shared.records import Json, Values
from shared.systems import System
from tests.support.clock import START
from tests.unit.clients.fakes import line, values_of
from tests.unit.mapping.samples import maps
from tests.unit.mapping.test_catalogue import EUR, currency_row, group_row, price_list_row, tables, unit_row
from tests.unit.mapping.test_wrong_map_documents import SETTINGS

WELL, WRONG, BY_HAND = CheckResult.WELL, CheckResult.WRONG, CheckResult.BY_HAND
ONE_UNIT: list[Json] = [{"finops": "ea", "sales": "Each"}]
LISTS = [price_list_row(), price_list_row("Euro", currency=EUR)]


def checks(rows: Mapping[str, Sequence[Values]], parts: Mapping[str, Json], *, silent: str = "") -> list[Check]:
    """The checks with these tables; Sales refuses to show the one that is `silent`."""
    references = tables(**{"pricelevels": LISTS, **rows})

    def answer(call: PreparedCall) -> Answer:
        name = next(each for each in sorted(references, key=len, reverse=True) if f"/{each}?" in call.url)
        return Answer(403) if silent and name == silent else values_of(references[name])

    of = Deployment(FLOWS, FLOWS.read_settings(SETTINGS), maps(**{"units": ONE_UNIT, **parts}))
    return list(catalogue_checks(of, DataverseSystem(line(answer, system=System.DATAVERSE).channel), START))


@pytest.mark.parametrize(
    ("rows", "parts", "found"),
    [
        ({}, {}, {}),
        ({"uoms": [unit_row(name="Box")]}, {}, {"unit ea of F&O": (WRONG, "has no unit 'Each'")}),
        ({"uomschedules": [group_row(name="Other")]}, {}, {"unit ea of F&O": (WRONG, "no unit group 'Default unit'")}),
        (
            {},
            {"currencies": {"USD": "USD"}},
            {"currency EUR is in the value map": (BY_HAND, "it is not; customers and quotes in it would be rejected")},
        ),
        (
            {"transactioncurrencies": [currency_row(code="XTS")]},
            {"currencies": {"USD": "USD"}},
            {"currency XTS is in the value map": (BY_HAND, "it is not; customers and quotes in it would be rejected")},
        ),
        (
            {"pricelevels": [price_list_row()]},
            {},
            {"currency EUR has a price list": (BY_HAND, "; products in it would be rejected")},
        ),
        (
            {"pricelevels": [price_list_row(enddate="2001-01-01"), LISTS[1]]},
            {},
            {"currency USD has a price list": (BY_HAND, "active and valid today; products in it would be rejected")},
        ),
        (
            {},
            {"price_lists": {"USD": "Retail"}},
            {
                "currency USD has a price list": (BY_HAND, "no price list 'Retail' in USD"),
                "price list Retail of USD": (WRONG, "no price list 'Retail' in USD"),
            },
        ),
        ({}, {"price_lists": {"CHF": "Retail"}}, {"price list Retail of CHF": (WRONG, "no active currency 'CHF'")}),
    ],
)
def test_what_sales_or_the_document_lacks_is_told_and_nothing_else(
    rows: Mapping[str, Sequence[Values]], parts: dict[str, Json], found: dict[str, tuple[CheckResult, str]]
) -> None:
    told = {check.what: check for check in checks(rows, parts)}
    assert {what: check.verdict for what, check in told.items() if check.verdict is not WELL} == {
        what: verdict for what, (verdict, _) in found.items()
    }
    assert [what for what, (_, words) in found.items() if words not in told[what].found] == []
    assert [what for what in found if not told[what].remedy] == []


def test_every_unit_currency_and_list_is_looked_for() -> None:
    assert [(check.what, check.members) for check in checks({}, {"price_lists": {"EUR": "Euro"}})] == [
        ("unit ea of F&O", ("ea",)),
        ("currency EUR is in the value map", ("EUR",)),
        ("currency USD is in the value map", ("USD",)),
        ("currency EUR has a price list", ("EUR",)),
        ("currency USD has a price list", ("USD",)),
        ("price list Euro of EUR", ()),
    ]


@pytest.mark.parametrize(
    ("silent", "asked"),
    [
        ("uoms", ["currency EUR is", "currency USD is", "currency EUR has", "currency USD has"]),
        ("uomschedules", ["currency EUR is", "currency USD is", "currency EUR has", "currency USD has"]),
        ("transactioncurrencies", ["unit ea"]),
        ("pricelevels", ["unit ea", "currency EUR is", "currency USD is"]),
    ],
)
def test_what_sales_does_not_show_is_told_as_that_and_not_as_missing(silent: str, asked: list[str]) -> None:
    first, *others = checks({}, {}, silent=silent)
    assert (first.what, first.verdict) == (f"rows of {silent}", WRONG)
    assert [check.verdict for check in others] == [WELL] * len(asked)
    assert [check.what for check, begins in zip(others, asked, strict=True) if not check.what.startswith(begins)] == []
