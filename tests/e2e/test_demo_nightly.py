"""The demo on all of its records: real triggers, Azurite, both systems simulated. It takes minutes."""

from pathlib import Path

import pytest

from local.demo.clerkscenes import TAKEN
from local.demo.trust import ORDERED
from shared.flows.registry import FLOWS
from tests.e2e.demonstration import (
    SCENES,
    WRITES,
    Sample,
    assert_everything_is_written,
    assert_scenes,
    assert_well,
    ended_by_ctrl_c,
    exchanges,
    looks,
    rename_two_accounts,
    run_once,
    running_demo,
    sales_system,
)

pytestmark = [pytest.mark.nightly, pytest.mark.long(300)]

SAMPLE = Sample(
    accounts=701,
    persons=753,
    individuals=476,
    quoted=25,
    products=504,
    sample_quotes=179,
    invoices=23,
    account_reads=21,
)
# Of the orders that --trust finds, of so many something was delivered and not invoiced.
TO_INVOICE = 6


def test_the_demo_syncs_everything_continues_after_edits_and_then_writes_nothing(tmp_path: Path) -> None:
    keep = tmp_path / "keep"

    first = run_once(keep, tmp_path / "first")
    assert_everything_is_written(first, tmp_path / "first", SAMPLE)
    walked = exchanges(tmp_path / "first", "finops")
    assert len(walked) == sum(first["requests"]["finops"].values())
    asked = {
        name: {system: sum(value.values()) for system, value in first["flows"][name]["requests"].items()}
        for name in first["flows"]
    }
    assert asked["accounts"]["finops"] <= 1.1 * SAMPLE.accounts
    walks = looks(walked, "finops", "SellableReleasedProducts?")
    assert asked["products"]["finops"] + asked["products"]["dataverse"] - walks <= 0.2 * SAMPLE.products

    with running_demo("--keep", str(keep), "--pause-s", "0") as (demo, read_to):
        read_to("Now users edit records")
        assert_scenes(read_to("is invoiced by"), SCENES)
        assert ended_by_ctrl_c(demo) == 0

    with sales_system(keep, tmp_path) as address:
        rename_two_accounts(address)
    second = run_once(keep, tmp_path / "second")
    assert_well(second)
    assert second["flows"]["accounts"]["outcomes"]["updated"] == 2
    assert second["comparison"]["accounts"]["expected"] == SAMPLE.accounts + 2
    assert second["comparison"]["products"]["expected"] == SAMPLE.products + 2

    third = run_once(keep, tmp_path / "third")
    assert_well(third)
    assert [flow["outcomes"]["written"] for flow in third["flows"].values()] == [0] * len(FLOWS.names)
    sent = [*exchanges(tmp_path / "third", "finops"), *exchanges(tmp_path / "third", "dataverse")]
    assert not [exchange for exchange in sent if exchange["method"] in WRITES]


def test_ctrl_c_in_the_midst_of_the_first_sync_ends_every_process() -> None:
    with running_demo() as (demo, read_to):
        read_to("decided: accounts")
        assert ended_by_ctrl_c(demo) == 130


def test_begun_in_the_worst_order_and_killed_amid_its_work_it_ends_the_same_with_nothing_lost_or_doubled(
    tmp_path: Path,
) -> None:
    report = run_once(tmp_path / "keep", tmp_path / "report", "--worst-order", "--trust")
    assert_well(report)
    assert {name: compared["expected"] for name, compared in report["comparison"].items()} == {
        "accounts": SAMPLE.accounts,
        "contacts": SAMPLE.contacts,
        "products": SAMPLE.products,
        "quotations": SAMPLE.quotations - SAMPLE.won,
        "orders": SAMPLE.orders + ORDERED,
        "ordersback": SAMPLE.orders + TAKEN,
        "invoices": SAMPLE.invoices + TO_INVOICE,
    }
    assert [flow["waiting"] for flow in report["flows"].values()] == [0] * len(FLOWS.names)
    trial = report["trial"]
    # On a slow machine one flow may be done before the other has begun.
    assert sum(trial["in_hand"].values()) > 0
    assert trial["throttled"] > 0
    assert (trial["lost"], trial["extra"], trial["doubled"], trial["stale"]) == (0, 0, 0, 0)


def test_an_organisation_with_fields_of_its_own_has_them_all_in_both_systems_after_kills(tmp_path: Path) -> None:
    report = run_once(tmp_path / "keep", tmp_path / "report", "--trust", "--map", "examples/contoso.yaml")
    trial = report["trial"]
    assert (trial["lost"], trial["extra"], trial["doubled"], trial["stale"]) == (0, 0, 0, 0)
    assert report["in_step"] is True
    assert {name: flow["filled"] for name, flow in report["flows"].items() if "filled" in flow} == {
        "accounts": {
            "ContosoAccountManager": SAMPLE.accounts,
            "ContosoSegment": SAMPLE.accounts,
            # Every fifth account has none.
            "ContosoTier": SAMPLE.accounts - SAMPLE.accounts // 5,
            "ContosoCustomerSince": SAMPLE.accounts - SAMPLE.accounts // 5,
        },
        "products": {"new_brand": SAMPLE.products},
    }
    assert report["flows"]["contacts"]["filtered"]["filter.for_finance"] > SAMPLE.persons // 10
