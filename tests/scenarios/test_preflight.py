"""The look at the set-up, between both simulators: what is wrong is named with what helps."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from local.dataverse.schema import Kind as SchemaKind
from local.dataverse.schema import load_schema
from local.simulator.faults import Kind, Rule
from shared.operations.preflight import Check, Preflight, Verdict
from shared.operations.uses import collections_of_finops, tables_of_sales
from tests.support.product import Product, product

TRACKED = ("contact", "quote", "quotedetail")


@contextmanager
def prepared(**tracked: bool) -> Iterator[Product]:
    """A product whose systems are set up for it, but for what is asked."""
    with product() as made:
        entities = made.sales.organisation.schema.entities
        for name in TRACKED:
            object.__setattr__(entities[name], "tracked", tracked.get(name, True))
        made.sales.catalogue()
        yield made


def wrong(sync: Product) -> list[Check]:
    checks = list(Preflight(sync.service.parts, sync.settings).checks())
    return [check for check in checks if check.verdict is Verdict.WRONG]


def test_a_table_without_change_tracking_is_named() -> None:
    with prepared(quotedetail=False) as sync:
        found = [check for check in wrong(sync) if "tracked" in check.what]
    assert [check.what for check in found] == ["changes of quotedetails are tracked"]
    assert "2.4" in found[0].remedy


def test_columns_and_rights_of_a_prepared_pair_are_well() -> None:
    with prepared() as sync:
        found = wrong(sync)
    assert [check for check in found if "columns" in check.what or "may be read" in check.what] == []
    assert [check for check in found if check.area == "F&O"] == []


def test_a_missing_privilege_is_named() -> None:
    with prepared() as sync:
        text = "Principal user is missing prvReadQuote privilege on OTC=1084"
        body = json.dumps({"error": {"code": "0x80040220", "message": text}})
        sync.sales.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"GET"}), r"/quotes\?", status=403, body=body))
        (found,) = [check for check in wrong(sync) if check.what == "quotes may be read"]
    assert "prvReadQuote" in found.found


def test_a_customer_group_that_does_not_exist_is_named() -> None:
    with prepared() as sync:
        group = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')"
        assert sync.finops.delete(group, {"cross-company": "true"}).status_code == 204
        assert [check.what for check in wrong(sync) if check.area == "F&O"] == ["customer group 10 exists"]


def test_a_system_that_does_not_let_us_in_is_one_finding_and_the_other_one_is_still_looked_at() -> None:
    with prepared() as sync:
        sync.sales.faults.add(Rule(Kind.REFUSE_TOKEN))
        found = wrong(sync)
        checks = list(Preflight(sync.service.parts, sync.settings).checks())
    assert [check.what for check in found] == ["reachable, and lets us in"]
    assert any(check.area == "F&O" and check.verdict is Verdict.WELL for check in checks)


def test_what_nobody_can_see_is_listed_with_its_step() -> None:
    with prepared() as sync:
        checks = list(Preflight(sync.service.parts, sync.settings).checks())
    by_hand = [check for check in checks if check.verdict is Verdict.BY_HAND]
    assert any("number sequences" in check.what for check in by_hand)
    assert all("setup.md" in check.remedy for check in by_hand)


def test_what_the_flows_use_exists_in_both_schemas() -> None:
    with product() as sync:
        settings = sync.settings
    entities = {of.entity_set: of for of in load_schema().entities.values()}
    for use in tables_of_sales(settings):
        assert use.columns <= set(entities[use.entity_set].columns), use.entity_set
    assert {use.entity_set for use in tables_of_sales(settings) if use.tracked} == {
        "accounts",
        "contacts",
        "quotes",
        "quotedetails",
    }
    assert len(collections_of_finops(settings)) == 5


def test_a_column_of_another_type_is_named() -> None:
    with prepared() as sync:
        properties = sync.sales.organisation.schema.entities["account"].properties
        assert isinstance(properties, dict)
        properties["numberofemployees"] = replace(properties["numberofemployees"], kind=SchemaKind.TEXT)
        (found,) = [check for check in wrong(sync) if check.what.startswith("accounts has them")]
    assert found.found == "numberofemployees is String"
