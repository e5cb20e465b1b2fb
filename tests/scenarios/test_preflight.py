"""The look at the set-up, between both simulators: what is wrong is named with what helps."""

import json
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from local.dataverse.schema import Kind as SchemaKind
from local.dataverse.schema import Property as SalesProperty
from local.dataverse.schema import load_schema
from local.finops.schema import Kind as FinopsKind
from local.finops.schema import Property as FinopsProperty
from local.finops.schema import load_schema as load_finops
from local.simulator.faults import Kind, Rule
from shared.flows.checks import ACCESS, SALES, Check, CheckResult
from shared.flows.products import catalogue
from shared.flows.registry import FLOWS
from shared.mapping.map_source import SHIPPED
from shared.operations.drift_blocks import DriftBlocks
from shared.operations.preflight.required_columns import collections_of_finops, tables_of_sales
from shared.operations.preflight.run import Preflight
from shared.setupguide import section
from shared.state.control import BlockKind
from shared.systems import System
from tests.support.product import Product
from tests.unit.local import dataverse_world, finops_environment
from tests.unit.mapping.samples import document, keeping, maps

TRACKED = ("contact", "quote", "quotedetail", "salesorder", "salesorderdetail")


SALES_TABLES = (
    "accounts", "contacts", "quotes", "quotedetails", "salesorders", "salesorderdetails", "products",
    "productpricelevels", *catalogue.TABLES,
)  # fmt: skip
FINOPS_TABLES = (
    "CustomersV3", "CDSContactPersonsV2", "SellableReleasedProducts", "CDSSalesQuotationHeaders",
    "CDSSalesQuotationLines", "CDSSalesOrderHeaders", "CDSSalesOrderLines",
)  # fmt: skip
REFUSED = "Principal user is missing a privilege (ReferencedTable)"


@contextmanager
def prepared(untracked: frozenset[str] = frozenset()) -> Iterator[Product]:
    """A product whose systems are set up for it, but for tables whose changes are not tracked."""
    with dataverse_world.dataverse(untracked=untracked) as sales, finops_environment.environment() as finops:
        made = Product(sales, finops)
        made.sales.catalogue()
        yield made


@pytest.fixture
def pair() -> Iterator[Product]:
    with prepared() as made:
        yield made


@pytest.fixture(scope="module")
def shared_pair() -> Iterator[Product]:
    """One pair for the tests that change nothing but faults."""
    with prepared() as made:
        yield made


@pytest.fixture(scope="module")
def usual(shared_pair: Product) -> frozenset[str]:
    """What is looked at where nothing is refused."""
    return frozenset(check.what for check in checks_of(shared_pair))


def checks_of(sync: Product) -> list[Check]:
    return list(Preflight(sync.service.systems, sync.deployment, sync.service.clock.now()).checks())


def wrong(sync: Product) -> list[Check]:
    return [check for check in checks_of(sync) if check.verdict is CheckResult.WRONG]


def enforced(sync: Product) -> DriftBlocks:
    """What a preflight does to the flows."""
    drift_blocks = sync.service.drift_blocks(sync.service.audit_log("operator@contoso"))
    drift_blocks.enforce(checks_of(sync))
    return drift_blocks


def sales_columns(sync: Product, table: str) -> MutableMapping[str, SalesProperty]:
    properties = sync.sales.organisation.schema.entities[table].properties
    assert isinstance(properties, dict)
    return properties


def finops_fields(collection: str) -> MutableMapping[str, FinopsProperty]:
    properties = load_finops().entities[collection].properties
    assert isinstance(properties, dict)
    return properties


def refuse(sync: Product, system: System, path: str) -> None:
    """The system refuses what it is asked under this path."""
    simulator = sync.sales if system is System.DATAVERSE else sync.finops
    body = json.dumps({"error": {"code": "0x80040220", "message": REFUSED}})
    simulator.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"GET"}), path, status=403, body=body))


def test_a_table_without_change_tracking_is_named() -> None:
    with prepared(frozenset({"quotedetail"})) as sync:
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
        checks = list(Preflight(sync.service.systems, sync.deployment, sync.service.clock.now()).checks())
    assert [check.what for check in found] == ["reachable, and grants access"]
    assert any(check.area == "F&O" and check.verdict is CheckResult.WELL for check in checks)


def test_what_nobody_can_see_is_listed_with_its_step() -> None:
    with prepared() as sync:
        checks = list(Preflight(sync.service.systems, sync.deployment, sync.service.clock.now()).checks())
    by_hand = [check for check in checks if check.verdict is CheckResult.BY_HAND]
    assert any("number sequences" in check.what for check in by_hand)
    assert all("setup.md" in check.remedy for check in by_hand)


def test_what_the_flows_use_exists_in_both_schemas() -> None:
    with prepared() as sync:
        deployment = sync.deployment
    entities = {entity.entity_set: entity for entity in load_schema().entities.values()}
    for use in tables_of_sales(deployment):
        assert use.columns <= set(entities[use.entity_set].columns), use.entity_set
        assert use.logical_name == entities[use.entity_set].name
    assert {use.entity_set for use in tables_of_sales(deployment) if use.tracked} == {
        "accounts",
        "contacts",
        "quotes",
        "quotedetails",
        "salesorders",
        "salesorderdetails",
    }
    assert len(collections_of_finops(deployment)) == 7


# --- what cannot be asked ---------------------------------------------------------------------------------------------


def _reads() -> Iterator[tuple[System, str, str]]:
    """Everything that is asked: of which system, under which path, and how the finding names it."""
    sales, finops = System.DATAVERSE, System.FINOPS
    for name in SALES_TABLES:
        yield sales, rf"/v9\.2/{name}\?", name
    for use in load_schema().entities.values():
        if use.entity_set in SALES_TABLES:
            yield sales, rf"\(LogicalName='{use.name}'\)/Attributes\?", f"columns of {use.entity_set}"
        if use.name in (*TRACKED, "account"):
            yield sales, rf"\(LogicalName='{use.name}'\)\?", f"changes of {use.entity_set}"
    yield sales, r"/EntityDefinitions\?", "EntityDefinitions"
    yield sales, r"/organizations\?.*oobpricecalculationenabled", "settings of the organisation (organizations)"
    for name in FINOPS_TABLES:
        yield finops, rf"/data/{name}\?", name
        yield finops, rf"/PublicEntities\?.*'{name}'", f"columns of {name}"


# Of the tables, those that are tried at each change: `make nightly` tries all.
_AT_EACH_CHANGE = ("quotedetails", "transactioncurrencies", "uoms", "productpricelevels", "CustomersV3")


def _refused() -> Iterator[object]:
    """Everything that is asked, each table but some at night only."""
    for system, path, named in _reads():
        table = named.rpartition(" of ")[2]
        at_night = table in (*SALES_TABLES, *FINOPS_TABLES) and table not in _AT_EACH_CHANGE
        yield pytest.param(system, path, named, marks=pytest.mark.nightly if at_night else ())


@pytest.mark.parametrize(("system", "path", "named"), list(_refused()))
def test_what_is_refused_is_named_and_everything_else_is_looked_at(
    shared_pair: Product, usual: frozenset[str], system: System, path: str, named: str
) -> None:
    refuse(shared_pair, system, path)
    try:
        checks = checks_of(shared_pair)
    finally:
        shared_pair.sales.faults.clear()
        shared_pair.finops.faults.clear()
    found = [check for check in checks if REFUSED in check.found]
    assert found
    for check in found:
        assert named in check.what
        assert (check.verdict, check.remedy, dict(check.drift)) == (CheckResult.WRONG, ACCESS[check.area], {})
    table = named.removeprefix("columns of ")
    lost = usual - {check.what for check in checks}
    assert all(
        table in what or what.split()[0] in ("unit", "units", "currency", "prices", "discounts") for what in lost
    )


def test_units_of_the_map_document_that_sales_lacks_are_named(shared_pair: Product) -> None:
    shipped = document()["defaults"]
    assert isinstance(shipped, dict)
    lacking = maps(units=[{"sales": "Gross", "finops": "grs"}], defaults={**shipped, "unit_group": "Units"})
    deployment = replace(shared_pair.deployment, maps=lacking)
    preflight = Preflight(shared_pair.service.systems, deployment, shared_pair.service.clock.now())
    (found,) = [check for check in preflight.checks() if check.what == "unit grs of F&O"]
    assert (found.verdict, found.area) == (CheckResult.WRONG, SALES)
    assert "Gross" in found.found


def test_a_customer_group_that_nobody_answers_for_is_one_finding(shared_pair: Product) -> None:
    shared_pair.finops.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"GET"}), r"/CustomerGroups\?", status=503))
    try:
        checks = checks_of(shared_pair)
    finally:
        shared_pair.finops.faults.clear()
    (found,) = [check for check in checks if "CustomerGroups" in check.what]
    assert (found.verdict, found.remedy) == (CheckResult.WRONG, section("7"))
    assert checks[-1].verdict is CheckResult.BY_HAND


# --- columns that have drifted ----------------------------------------------------------------------------------------


def _everything(tmp_path: Path) -> dict[str, str]:
    """Settings with which every field is read and written."""
    content = json.loads(SHIPPED.read_text(encoding="utf-8"))
    content["fields"] |= {
        "accounts": {"CreditLimit": "owned"},
        "contact_persons": {"Gender": "owned", "MaritalStatus": "owned"},
        "contact_customers": {"PersonGender": "owned", "PersonMaritalStatus": "owned"},
    }
    content["filters"] = keeping({"column": "customertypecode", "operator": "eq", "value": 3})
    file = tmp_path / "maps.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return {
        "MAP_DOCUMENT": str(file), "ACCOUNTS_ON_HOLD_WHEN_ENDED": "All", "CONTACTS_ON_HOLD_WHEN_ENDED": "All",
        "MAP_COUNTY": "true", "MAP_STREET_NUMBER": "true", "QUOTATIONS_REQUESTED_DATE": "receipt",
    }  # fmt: skip


@pytest.mark.parametrize("everything", [False, True])
def test_no_column_of_the_known_schemas_is_taken_for_another(pair: Product, tmp_path: Path, everything: bool) -> None:
    if everything:
        pair.start(**_everything(tmp_path))
    checks = [check for check in checks_of(pair) if check.flows]
    of_document = [check for check in checks if check.what.endswith("takes what the map document says")]
    assert bool(of_document) is everything
    assert len(checks) - len(of_document) == 2 * (len(SALES_TABLES) + len(FINOPS_TABLES))
    assert [check for check in checks if check.verdict is not CheckResult.WELL] == []


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (SchemaKind.LOOKUP, "name is Lookup"),
        (SchemaKind.BOOLEAN, "name is Boolean"),
        (SchemaKind.INTEGER, "name is Integer"),
        (SchemaKind.CHOICE, "name is Picklist"),
    ],
)
def test_a_column_of_another_type_is_named(
    pair: Product, monkeypatch: pytest.MonkeyPatch, kind: SchemaKind, found: str
) -> None:
    columns = sales_columns(pair, "account")
    monkeypatch.setitem(columns, "name", replace(columns["name"], kind=kind))
    assert [check.found for check in wrong(pair) if check.drift] == [found]


# The type is changed in the metadata alone: the rows still hold texts, and are shown as if they held none.
@pytest.mark.odata_refused('"isocurrencycode":USD')
def test_each_of_many_columns_of_another_type_is_named(pair: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {
        ("account", "fax"): (SchemaKind.MOMENT, "fax is DateTime"),
        ("account", "numberofemployees"): (SchemaKind.TEXT, "numberofemployees is String"),
        ("account", "createdon"): (SchemaKind.TEXT, "createdon is String"),
        ("contact", "_parentcustomerid_value"): (SchemaKind.TEXT, "parentcustomerid is String"),
        ("quote", "expireson"): (SchemaKind.TEXT, "expireson is String"),
        ("quotedetail", "priceperunit"): (SchemaKind.TEXT, "priceperunit is String"),
        ("product", "name"): (SchemaKind.LOOKUP, "name is Lookup"),
        ("product", "_defaultuomid_value"): (SchemaKind.TEXT, "defaultuomid is String"),
        ("productpricelevel", "amount"): (SchemaKind.TEXT, "amount is String"),
        ("transactioncurrency", "isocurrencycode"): (SchemaKind.CHOICE, "isocurrencycode is Picklist"),
    }
    for (table, column), (kind, _) in changed.items():
        columns = sales_columns(pair, table)
        monkeypatch.setitem(columns, column, replace(columns[column], kind=kind))
    found = [check.found for check in wrong(pair) if check.drift]
    assert sorted(", ".join(found).split(", ")) == sorted(said for _, said in changed.values())


def test_each_of_many_fields_of_another_type_is_named(pair: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {
        ("CustomersV3", "OrganizationName"): (FinopsKind.DECIMAL, "OrganizationName is Real"),
        ("CustomersV3", "OrganizationNumberOfEmployees"): (
            FinopsKind.STRING,
            "OrganizationNumberOfEmployees is String",
        ),
        ("CDSContactPersonsV2", "FirstName"): (FinopsKind.INT64, "FirstName is Int64"),
        ("SellableReleasedProducts", "SalesPrice"): (FinopsKind.STRING, "SalesPrice is String"),
        ("CDSSalesQuotationHeaders", "RequestedShippingDate"): (FinopsKind.STRING, "RequestedShippingDate is String"),
        ("CDSSalesQuotationHeaders", "Email"): (FinopsKind.DATE_TIME, "Email is UtcDateTime"),
        ("CDSSalesQuotationLines", "LineCreationSequenceNumber"): (
            FinopsKind.GUID,
            "LineCreationSequenceNumber is Guid",
        ),
    }
    for (collection, field), (kind, _) in changed.items():
        fields = finops_fields(collection)
        monkeypatch.setitem(fields, field, replace(fields[field], kind=kind))
    found = [check.found for check in wrong(pair) if check.drift]
    assert sorted(", ".join(found).split(", ")) == sorted(said for _, said in changed.values())


def test_a_type_whose_name_we_do_not_know_is_no_evidence(pair: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.finops.catalogue._DATA_TYPES", dict.fromkeys(FinopsKind, "Container"))
    assert [check for check in wrong(pair) if check.drift] == []


DAYS = ("quotes.requestdeliveryby", "quotes.effectiveto", "quotes.expireson", "quotedetails.requestdeliveryby",
        "salesorders.requestdeliveryby", "salesorderdetails.requestdeliveryby",
        "pricelevels.begindate", "pricelevels.enddate")  # fmt: skip


def days_of(sync: Product) -> dict[str, Check]:
    """What is found of the columns of which days are taken."""
    found = [check for check in checks_of(sync) if check.what.startswith("the day of ")]
    return {check.what.removeprefix("the day of ").removesuffix(" is known"): check for check in found}


def test_the_days_of_the_delivered_columns_are_known(shared_pair: Product) -> None:
    found = days_of(shared_pair)
    assert {column: check.verdict for column, check in found.items()} == dict.fromkeys(DAYS, CheckResult.WELL)


def test_a_date_column_whose_behaviour_was_changed_is_named(pair: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = sales_columns(pair, "pricelevel")
    changed = replace(columns["enddate"], kind=SchemaKind.DATE, date_behavior="DateOnly")
    monkeypatch.setitem(columns, "enddate", changed)
    found = {column: check for column, check in days_of(pair).items() if check.verdict is not CheckResult.WELL}
    assert list(found) == ["pricelevels.enddate"]
    (check,) = found.values()
    assert (check.verdict, check.found) == (CheckResult.BY_HAND, "it is DateOnly; the default of Sales is UserLocal")
    assert "2.5" in check.remedy


def test_a_date_column_whose_behaviour_cannot_be_read_is_named(pair: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = sales_columns(pair, "quote")
    monkeypatch.setitem(columns, "effectiveto", replace(columns["effectiveto"], date_behavior="Lunar"))
    monkeypatch.setitem(columns, "expireson", replace(columns["expireson"], kind=SchemaKind.TEXT))
    found = {column: check.found for column, check in days_of(pair).items() if check.verdict is CheckResult.WRONG}
    can_be = "it can be UserLocal, DateOnly, TimeZoneIndependent"
    assert found == {
        "quotes.effectiveto": f"its behaviour is Lunar; {can_be}",
        "quotes.expireson": f"its behaviour is not told; {can_be}",
    }


def test_a_behaviour_that_the_mapping_does_not_know_blocks_quotes_and_no_other_flow(
    pair: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = sales_columns(pair, "quote")
    monkeypatch.setitem(columns, "effectiveto", replace(columns["effectiveto"], date_behavior="Lunar"))
    enforced(pair)
    blocked = {flow: pair.state.control.flow(flow).blocked for flow in FLOWS.names}
    assert [flow for flow, reason in blocked.items() if reason] == ["quotations"]
    assert "quotes.effectiveto behaves as Lunar" in blocked["quotations"]


def test_a_refused_look_at_date_columns_is_named_and_the_rest_is_looked_at(pair: Product) -> None:
    refuse(pair, System.DATAVERSE, r"'quote'\)/Attributes/Microsoft")
    refused = [check for check in wrong(pair) if check.what == "date columns of quotes (Attributes)"]
    assert [REFUSED in check.found for check in refused] == [True]
    assert "pricelevels.enddate" in days_of(pair)


def test_drift_blocks_the_flows_that_use_the_column_and_no_others(
    pair: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = sales_columns(pair, "account")
    monkeypatch.setitem(columns, "name", replace(columns["name"], kind=SchemaKind.LOOKUP))
    monkeypatch.delitem(finops_fields("CustomersV3"), "PersonFirstName")
    done = enforced(pair)
    flows = {flow: pair.state.control.flow(flow) for flow in FLOWS.names}
    assert list(done.blocked) == ["accounts", "contacts"]
    assert {flow for flow, control in flows.items() if control.blocked} == {"accounts", "contacts"}
    assert flows["accounts"].block_kind is BlockKind.DRIFT
    assert "accounts.name is Lookup" in flows["accounts"].blocked
    assert "CustomersV3 lacks PersonFirstName" in flows["contacts"].blocked
    entries = pair.state.audit.latest(10)
    assert {(deed.what, deed.flow, deed.reason) for deed in entries} == {
        ("block", flow, flows[flow].blocked) for flow in done.blocked
    }


def test_a_column_behind_a_lookup_blocks_the_flows_that_read_it(pair: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sales_columns(pair, "uom"), "name")
    assert list(enforced(pair).blocked) == ["products", "quotations", "orders"]


def test_a_drifted_flow_does_not_run_however_well_its_system_answers(
    pair: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as drifted:
        columns = sales_columns(pair, "account")
        drifted.setitem(columns, "fax", replace(columns["fax"], kind=SchemaKind.BOOLEAN))
        enforced(pair)
    pair.account("A-1")
    pair.settle(15)
    assert pair.customers() == 0
    assert not pair.state.control.gate(System.DATAVERSE).closed
    assert enforced(pair).released == ["accounts"]
    pair.tick()
    assert pair.customers() == 1


def test_a_flow_is_released_only_when_all_of_its_columns_are_seen_to_be_well(
    pair: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as drifted:
        drifted.delitem(sales_columns(pair, "account"), "fax")
        assert list(enforced(pair).blocked) == ["accounts"]
        again = enforced(pair)
        assert (again.blocked, again.released) == ({}, [])
    refuse(pair, System.FINOPS, r"/PublicEntities\?.*'CustomersV3'")
    assert enforced(pair).released == []
    pair.finops.faults.clear()
    pair.sales.faults.add(Rule(Kind.REFUSE_TOKEN))
    assert enforced(pair).released == []
    pair.sales.faults.clear()
    reason = pair.state.control.flow("accounts").blocked
    assert enforced(pair).released == ["accounts"]
    assert not pair.state.control.flow("accounts").blocked
    (deed,) = [deed for deed in pair.state.audit.latest(10) if deed.what == "unblock"]
    assert (deed.flow, deed.reason) == ("accounts", reason)


def test_a_flow_that_is_blocked_already_keeps_its_block(pair: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.state.control.change_flow("accounts", lambda now: now.block(BlockKind.THRESHOLD, "500 gone", "walk"))
    with monkeypatch.context() as drifted:
        drifted.delitem(sales_columns(pair, "account"), "fax")
        assert enforced(pair).blocked == {}
    assert enforced(pair).released == []
    control = pair.state.control.flow("accounts")
    assert (control.blocked, control.block_kind, control.block_walk) == ("500 gone", BlockKind.THRESHOLD, "walk")
    assert list(pair.state.audit.latest(10)) == []


def test_what_is_refused_blocks_no_flow(pair: Product) -> None:
    refuse(pair, System.DATAVERSE, r"/accounts\?|/Attributes\?")
    refuse(pair, System.FINOPS, "/PublicEntities")
    assert enforced(pair).blocked == {}


def test_metadata_that_shows_no_columns_is_no_evidence(pair: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.finops.catalogue._public_property", lambda *_: {})
    assert "columns of CustomersV3" in {check.what for check in wrong(pair)}
    assert enforced(pair).blocked == {}


# --- currencies -------------------------------------------------------------------------------------------------------


def test_a_currency_is_compared_with_the_value_map_and_with_the_lists_that_are_valid(
    pair: Product, tmp_path: Path
) -> None:
    assert {check.verdict for check in checks_of(pair) if check.what.startswith("currency USD")} == {CheckResult.WELL}
    common = {"currencysymbol": "x", "currencyprecision": 2, "exchangerate": 1}
    old = pair.sales.create("transactioncurrencies", isocurrencycode="XTS", currencyname="Test", **common)
    pair.sales.create(
        "pricelevels", name="Old", enddate="2001-01-01", transactioncurrencyid__to=f"/transactioncurrencies({old})"
    )
    found = {check.what: check for check in checks_of(pair) if check.what.startswith("currency XTS")}
    assert {check.verdict for check in found.values()} == {CheckResult.BY_HAND}
    assert found["currency XTS is in the value map"].remedy == f"{section('4')}: `currencies`"
    assert "active and valid today" in found["currency XTS has a price list"].found
    content = json.loads(SHIPPED.read_text(encoding="utf-8"))
    content["price_lists"] = {"USD": "Old"}
    (tmp_path / "maps.json").write_text(json.dumps(content), encoding="utf-8")
    pair.start(MAP_DOCUMENT=str(tmp_path / "maps.json"))
    assert "price list Old of USD" in {check.what for check in wrong(pair)}
