"""A flow is one folder: with `tests/flows/pricelists` in the list of flows, and nothing else changed, it runs between
both simulators, with triggers, settings, value map, explanation, plan and preflight."""

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from function_app import app_of
from shared.errors import SettingsInvalid
from shared.flows.checks import CheckResult
from shared.flows.registry import FLOWS
from shared.flows.spec import Flows
from shared.mapping.map_source import SHIPPED
from shared.operations.preflight.run import Preflight
from shared.settings import schedules, settings_table
from shared.sync.apply.outcome import Kind
from shared.sync.flow import Flow
from tests.flows.pricelists import PRICELISTS
from tests.flows.pricelists.wiring import PRICELISTS_FLOW
from tests.support.operator import answer, operated, p2c
from tests.support.product import Product
from tests.unit.local import dataverse_world, finops_environment
from tests.unit.local.dataverse_world import World as Sales
from tests.unit.local.finops_environment import Caller as Finops

WITH_PRICELISTS = Flows((*FLOWS, PRICELISTS_FLOW))


class Trading(Product):
    """The product with one more flow, seen by that flow; the functions of the app are what is called."""

    flow = PRICELISTS
    flows = WITH_PRICELISTS

    def __init__(self, sales: Sales, finops: Finops) -> None:
        super().__init__(sales, finops)
        self._currency = f"/transactioncurrencies({sales.catalogue()['currency']})"

    def functions(self) -> Mapping[str, Any]:
        """The functions of the app, by name."""
        app = app_of(WITH_PRICELISTS, lambda _: self.service)
        return {str(function.get_function_name()): function.get_user_function() for function in app.get_functions()}

    def sync(self) -> None:
        """The timers of pull and sweep run, and every message is received."""
        functions = self.functions()
        context = SimpleNamespace(invocation_id=str(uuid.uuid4()), thread_local_storage=threading.local())
        functions["pricelists_pull"](None, context)
        functions["sweep"](None, context)
        while received := self.queues.receive(PRICELISTS, limit=1, invisible_s=600):
            functions["pricelists_apply"](func.QueueMessage(body=received[0].body.encode()), context)
            self.queues.delete(PRICELISTS, received[0])

    def price_list(self, name: str, **values: object) -> str:
        """Create a price list in Sales; its id."""
        return self.sales.create("pricelevels", name=name, transactioncurrencyid__to=self._currency, **values)

    def group(self, name: str) -> dict[str, Any] | None:
        """The customer group in F&O with a name."""
        params = {"cross-company": "true", "$filter": f"dataAreaId eq 'usmf' and CustomerGroupId eq '{name}'"}
        return next(iter(self.finops.rows("CustomerGroups", params)), None)

    @property
    def engine(self) -> Flow:
        """The flow as the engine sees it."""
        return self.service.flows[PRICELISTS]


@pytest.fixture
def sync() -> Iterator[Trading]:
    tracked = frozenset({"pricelevel"})
    with dataverse_world.dataverse(also_tracked=tracked) as sales, finops_environment.environment() as finops:
        yield Trading(sales, finops)


def filtering(**condition: object) -> str:
    """The map document with a filter of the added flow."""
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return json.dumps({**shipped, "filters": {"pricelists": [{"name": "pilot", "keep": condition}]}})


def test_a_record_is_created_and_kept_equal(sync: Trading) -> None:
    id = sync.price_list("Retail", description="For shops")
    sync.sync()
    created = sync.group("Retail")
    assert created is not None
    assert (created["Description"], created["IsSalesTaxIncludedInPrice"]) == ("For shops", "No")
    sync.sales.patch(f"pricelevels({id})", {"description": "For shops and kiosks"}, If_Match="*")
    sync.sync()
    changed = sync.group("Retail")
    assert changed is not None
    assert changed["Description"] == "For shops and kiosks"
    assert sync.depth() == 0


def test_a_record_that_cannot_be_mapped_is_listed_with_what_helps(sync: Trading) -> None:
    id = sync.price_list("Retail of the north")
    sync.sync()
    failure = sync.failure(id)
    assert failure is not None
    assert (failure.cause, failure.remedy) == ("number_too_long", "give the price list a shorter name")


def test_a_failure_is_tried_again_by_the_sweep(sync: Trading) -> None:
    key = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='Retail')"
    sync.finops.post("CustomerGroups", {"dataAreaId": "usmf", "CustomerGroupId": "Retail", "Description": "Ours"})
    id = sync.price_list("Retail", description="For shops")
    sync.sync()
    failure = sync.failure(id)
    assert failure is not None
    assert failure.cause == "target_exists"
    sync.finops.delete(key)
    sync.clock.sleep(24 * 3600)
    sync.sync()
    assert sync.failure(id) is None
    group = sync.group("Retail")
    assert group is not None
    assert group["Description"] == "For shops"


def test_its_functions_listen_to_its_queues_and_its_schedule() -> None:
    triggers = {
        str(function.get_function_name()): function.get_trigger()
        for function in app_of(WITH_PRICELISTS).get_functions()
    }
    bound = {
        name: trigger.get_dict_repr() for name, trigger in triggers.items() if trigger and name.startswith(PRICELISTS)
    }
    assert {name: value.get("queueName", value.get("schedule")) for name, value in bound.items()} == {
        "pricelists_pull": "%PRICELISTS_SCHEDULE%",
        "pricelists_apply": "pricelists",
        "pricelists_poison": "pricelists-poison",
    }


def test_its_settings_are_read_checked_and_listed(sync: Trading) -> None:
    assert schedules(WITH_PRICELISTS.settings)["PRICELISTS_SCHEDULE"] == "0 */5 * * * *"
    assert "PRICELISTS_SCOPE" in {name for name, *_ in settings_table(WITH_PRICELISTS.settings)}
    with pytest.raises(SettingsInvalid, match="PRICELISTS_SCOPE is 'some': write all, linked, or a day"):
        sync.start(PRICELISTS_SCOPE="some")
    with pytest.raises(SettingsInvalid, match="PRICELISTS_SCOP is not a setting of this app: did you mean"):
        WITH_PRICELISTS.read_settings({"PRICELISTS_SCOP": "all"})


def test_its_part_of_the_map_document_is_read_and_checked(sync: Trading) -> None:
    wrong = filtering(column="description", operator="like")
    with pytest.raises(SettingsInvalid, match=r"filters\.pricelists\.0\.keep\.operator is 'like'"):
        sync.start(MAP_DOCUMENT=wrong)
    with pytest.raises(SettingsInvalid, match=r"filters\.pricelists is unknown: write 'accounts'"):
        FLOWS.read_map_document(filtering(column="description", operator="filled"))


def test_a_filtered_record_is_explained_in_its_own_words(sync: Trading) -> None:
    sync.start(MAP_DOCUMENT=filtering(column="description", operator="filled"))
    id = sync.price_list("Retail")
    sync.sync()
    assert sync.group("Retail") is None
    told = sync.service.explaining(sync.engine.name).explain(id)
    assert "because the filter `pilot` of the map document does not keep it: `description` filled does not hold" in (
        " ".join(told.sentences)
    )
    assert told.action == "change the record, or the filter"


def test_a_plan_tells_what_a_first_run_would_do(sync: Trading) -> None:
    id = sync.price_list("Retail", description="For shops")
    planned = {each.id: each for each in sync.service.dry_run(sync.engine.name).of_all()}
    assert (planned[id].kind, planned[id].key) == (Kind.CREATED, "Retail")
    assert sync.group("Retail") is None


def test_an_operator_works_on_it_like_on_every_flow(sync: Trading) -> None:
    id = sync.price_list("Retail of the north")
    sync.sync()
    with operated(sync):
        assert PRICELISTS in [flow["flow"] for flow in answer("status", code=1)["flows"]]
        assert "number_too_long" in p2c("failures", PRICELISTS)
        assert f"etn=pricelevel&id={id}" in p2c("explain", PRICELISTS, id)
        assert "sent again: 1" in p2c("retry", PRICELISTS, id)


def test_preflight_looks_for_what_it_reads_and_writes(sync: Trading) -> None:
    checks = {
        check.what: check for check in Preflight(sync.service.systems, sync.deployment, sync.clock.now()).checks()
    }
    for what in (
        "changes of pricelevels are tracked",
        "pricelevels has the columns of the mapping",
        "CustomerGroups has the columns of the mapping",
    ):
        assert checks[what].verdict is CheckResult.WELL, what
        assert PRICELISTS in checks[what].flows or not checks[what].flows
