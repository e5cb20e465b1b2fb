"""The functions host is killed while it has records of many flows in its hands, among garbage, and is started again
into systems that throttle: the demo's own act, which compares both systems."""

import json
import random
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.demo.report import Trial
from local.demo.stage import Stage
from local.demo.trust import Act
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES
from shared.flows.ordersback import ORDERSBACK
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from tests.e2e.demonstration import WRITES
from tests.e2e.two_hosts.garbage import STRAYS, TOUCHES
from tests.e2e.two_hosts.plans import Deed, Edit, Stray, Touch, litter_of
from tests.e2e.two_hosts.running import LATENCY_MS, assert_all_is_in_step, running_hosts
from tests.support.patience import PATIENCE_S

# So that the claims of the killed host end after 22 seconds.
_MOST_S = 12
# So many records of a flow change at once: what a dead worker had in hand comes back one by one.
_MOST = 4
_BULK = re.compile(r"/v9\.2/(\w+)/Microsoft\.Dynamics\.CRM\.(?:Create|Update)Multiple$")
_PART = re.compile(r"^(?:POST|PATCH|DELETE) \S*/v9\.2/(\w+)", re.MULTILINE)


@pytest.mark.long(45)
def test_a_host_that_is_killed_amid_its_work_and_among_garbage_loses_and_doubles_nothing(tmp_path: Path) -> None:
    chance = random.Random(0)
    with running_hosts(tmp_path, count=1, most_s=_MOST_S) as stage:
        # One order is confirmed in F&O, and one delivered.
        for number in (1, 2):
            stage.people.do(Edit(Deed.ORDER_TAKEN, 0.3 * number, number))
            stage.people.do(Edit(Deed.ORDERS_HANDLED, 0, 0))
        assert stage.settle() == ""
        since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
        before = {name: standing.glance().counts for name, standing in stage.standings.items()}
        stage.play([*(Stray(number) for number in range(len(STRAYS))), *litter_of(chance)])
        for flow in FLOWS.names:
            for kind in TOUCHES:
                stage.touch(Touch(flow, chance.random(), kind))
        result = Act(
            Stage(stage.console),
            stage.session,
            stage.place,
            stage.configuration,
            stage.standings,
            LATENCY_MS,
            PATIENCE_S,
            _MOST,
        ).play(stop=True)
        trial = result.trial
        assert trial is not None
        assert min(trial.touched.values()) > 0
        # On a slow machine one flow may be done before another has begun.
        assert sum(trial.in_hand.values()) > 0
        assert trial.throttled > 0
        assert_all_is_in_step(stage)
    written = {
        name: flow.outcomes["written"] - before[name].get("created", 0) - before[name].get("updated", 0)
        for name, flow in result.flows.items()
    }
    asked = [json.loads(line) for log in stage.session.logs for line in log.read_text(encoding="utf-8").splitlines()]
    assert_only_what_has_changed_is_written(
        trial, written, [each for each in asked if each["time"] > since and each["method"] in WRITES]
    )


def assert_only_what_has_changed_is_written(
    trial: Trial, written: Mapping[str, int], sent: Sequence[Mapping[str, Any]]
) -> None:
    """Nothing is `sent` but what somebody has changed: numbers of telephones, prices, and orders. `written` are the
    records of each flow that were committed: each once, though one that the killed host had in hand may be sent
    twice."""
    sent = [each for each in sent if each["status"] < 400]
    for each in sent:
        assert "/CustomersV3" not in each["url"] or re.search(r"\+1 0\d\d 555 \d{4}", each["request_body"]), each
        assert not re.search("Quotation|ContactPerson", each["url"] + each["request_body"]), each
    # An order that is delivered and then invoiced has another status each time.
    most = {CONTACTS: 0, QUOTATIONS: 0, **trial.touched}
    most[ORDERSBACK] += most[INVOICES]
    assert all(count <= most[name] for name, count in written.items()), (written, most)
    rows = written_in_sales(sent)
    for collection, name in {"products": PRODUCTS, "salesorders": ORDERSBACK, "invoices": INVOICES}.items():
        assert rows.pop(collection, 0) <= most[name] + trial.in_hand.get(name, 0), collection
    assert rows.keys() <= {"invoicedetails", "productpricelevels"}


def written_in_sales(sent: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many rows of each collection were sent in these writes, in bulk messages and in batches."""
    rows = dict[str, int]()
    for each in sent:
        body, bulk = each["request_body"], _BULK.search(each["url"])
        for collection in _PART.findall(body) if bulk is None else [bulk[1]] * len(json.loads(body)["Targets"]):
            rows[collection] = rows.get(collection, 0) + 1
    return rows
