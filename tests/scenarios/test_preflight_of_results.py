"""The look at the columns for results: each must exist, take its result, and be writable."""

import json
from collections.abc import Mapping

import pytest

from shared.flows.checks import Check, CheckResult
from shared.operations.preflight.run import Preflight
from tests.support.assortment import MAP_DOCUMENT
from tests.support.product import Product
from tests.unit.local import dataverse_world, finops_environment
from tests.unit.local.dataverse_world import OWN_COLUMNS


def checks_with(columns: Mapping[str, object], flow: str = "accounts") -> list[Check]:
    """What preflight says of the columns for the results of a flow."""
    document = json.dumps({**json.loads(MAP_DOCUMENT), "results": {flow: columns}})
    with dataverse_world.dataverse(own=OWN_COLUMNS) as sales, finops_environment.environment() as finops:
        sync = Product(sales, finops, MAP_DOCUMENT=document)
        found = Preflight(sync.service.systems, sync.deployment, sync.clock.now()).checks()
        return [check for check in found if "results" in check.what]


def test_columns_that_fit_are_well_and_the_right_to_write_is_told() -> None:
    columns = {"state": "new_financestate", "reason": "new_financereason", "since": "new_infinancesince"}
    written, right = checks_with(columns)
    assert (written.what, written.verdict) == ("accounts has the columns for results", CheckResult.WELL)
    assert (right.what, right.verdict) == ("the app may write accounts, for results", CheckResult.BY_HAND)


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (
            {"state": "new_nothing", "reason": "new_calculated", "since": "new_short"},
            "there is no new_nothing; new_calculated cannot be written; "
            "new_short is String, and needs a date with its time",
        ),
        (
            {"state": "new_infinancesince", "reason": "new_short"},
            "new_infinancesince is DateTime, and needs a text; new_short takes 100 characters, and needs 500",
        ),
    ],
)
def test_a_column_that_does_not_fit_is_named_and_blocks_no_flow(columns: Mapping[str, object], found: str) -> None:
    check, _ = checks_with(columns)
    assert (check.verdict, check.found, dict(check.drift)) == (CheckResult.WRONG, found, {})


def test_who_writes_results_of_quotes_is_told_by_hand() -> None:
    columns = {"status": "new_quotationstatus"}
    _, _, ours = checks_with(columns, "quotations")
    assert ours.what == "results of active quotes are written by a system administrator"
    _, _, named = checks_with({**columns, "written_for": "0" * 8 + "-0000-0000-0000-" + "0" * 12}, "quotations")
    assert named.what.startswith("the app may act for the user of results.quotations.written_for")
    assert {ours.verdict, named.verdict} == {CheckResult.BY_HAND}
