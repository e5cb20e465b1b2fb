"""Answers lead people the right way: to the record that has to move, to each value that is wrong, to the other
record."""

import itertools
import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.flows.checks import Check, CheckResult, by_cause, one_of_several
from shared.flows.registry import FLOWS
from shared.mapping.map_source import SHIPPED
from shared.operations.acts import CAUSES, acts_of
from shared.operations.trace import some_children_of
from shared.state.failures import Failure
from shared.state.links import link_key
from shared.state.storage.tables import Delete, Put
from shared.state.waiting import Wait
from tests.support.clock import ManualClock
from tests.support.operator import answer, p2c
from tests.support.product import FLOW, Product
from tests.support.project import ROOT
from tests.support.trading import Trading
from tests.support.world import TRADE, World

MOMENT = datetime(2026, 7, 1, tzinfo=UTC)


def now(flow: str, id: str) -> str:
    """What is said of a record as it is now."""
    sentences: list[str] = answer("explain", flow, id)["sentences"]
    return next(sentence for sentence in sentences if sentence.startswith("Now: "))


# --- who waits for whom -----------------------------------------------------------------------------------------------


def test_what_waits_for_a_rejected_record_tells_that_ones_state_reason_and_remedy(desk: Trading) -> None:
    desk.stock("P-1")
    account = desk.account("A-1", name="   ")
    contact, (_, quote) = desk.contact(account), desk.quote(account)
    desk.tick()
    rejected = f"accounts A-1 ({account}), which is rejected: name_missing: name is blank"
    for flow, id in (("contacts", contact), ("quotations", quote)):
        assert now(flow, id).startswith(f"Now: it waits for {rejected}")
        assert answer("explain", flow, id)["action"].startswith(f"accounts A-1 ({account}): name the account")


def test_what_waits_for_a_record_of_a_paused_flow_is_told_to_let_that_flow_run(desk: Trading) -> None:
    contact = desk.contact(desk.account("A-1"))
    p2c("pause", "accounts")
    desk.tick()
    assert now("contacts", contact).endswith("which is not written yet: the flow accounts is paused.")
    assert answer("explain", "contacts", contact)["action"].startswith("let the flow accounts run again")


def test_what_is_filtered_since_its_parent_is_names_that_one_and_its_rule(desk: Trading) -> None:
    account = desk.account("A-1")
    desk.edit(account, statecode=1, statuscode=2)
    contact = desk.contact(account)
    desk.tick()
    assert f'It belongs to accounts A-1 "Account A-1" ({account}), which is not for F&O, because it is inactive' in now(
        "contacts", contact
    )
    assert answer("explain", "contacts", contact)["action"].startswith(
        f'accounts A-1 "Account A-1" ({account}): activate it'
    )


def test_the_way_is_told_to_its_end_however_long_it_is() -> None:
    world = World(flows=TRADE)
    world.source.save("p1", number="P1", name="Parent", bad="x")
    world.people.save("m1", number="M1", name="Person", parent="p1")
    world.documents.save("d1", name="Quote", customer="m1")
    world.settle(hours=0.1)
    service = world.service()
    told = service.explaining("documents").explain("d1")
    words = " ".join(told.sentences)
    assert "it waits for people m1, which waits for parents p1, which is rejected: bad: bad is x" in words
    assert told.action.startswith("parents p1: clear it")
    assert [(step.depth, step.flow, step.id, step.cause, step.words) for step in told.steps] == [
        (0, "people", "m1", "", "waits for parents p1"),
        (1, "parents", "p1", "bad", "is rejected: bad: bad is x"),
    ]


def test_the_way_to_the_first_cause_names_each_record_by_number_and_name(desk: Trading) -> None:
    account = desk.account("A-1", address1_country="Atlantis")
    contact = desk.contact(account)
    desk.tick()
    (step,) = answer("explain", "contacts", contact)["steps"]
    named = step["flow"], step["number"], step["name"], step["cause"]
    assert named == ("accounts", "A-1", "Account A-1", "country_unknown")
    assert "add the name to the value map" in step["remedy"]
    assert f"contacts {contact} ({desk.contact_number(contact)} Ana Trujillo)" in p2c("explain", "contacts", contact)


def test_what_waits_for_a_record_is_found_from_it(desk: Trading) -> None:
    account = desk.account("A-1", address1_country="Atlantis")
    contact, (_, quote) = desk.contact(account), desk.quote(account)
    desk.tick()
    assert waiting_for(desk, account) == [("contacts", contact), ("quotations", quote)]
    desk.edit(account, address1_country="United States")
    desk.tick()
    desk.tick()
    assert waiting_for(desk, account) == []


def test_what_waits_for_a_record_is_found_in_parts_if_reading_takes_long(desk: Trading) -> None:
    account = desk.account("A-1", address1_country="Atlantis")
    contact, (_, quote) = desk.contact(account), desk.quote(account)
    desk.tick()
    parts = list(parts_of(desk, account))
    assert sorted(itertools.chain(*parts)) == [("contacts", contact), ("quotations", quote)]
    assert len(parts) > 2


def test_what_waits_for_a_record_is_found_in_parts_although_its_keys_change_between_them(desk: Trading) -> None:
    account = desk.account("A-1")
    desk.tick()
    links = desk.state.links.table
    links.transact([Put(Wait("quotations", "Q-1", FLOW, "customer", account).to_row())])
    parts = parts_of(desk, account)
    # One place of contacts is that of the key of the account, the other that of its id.
    found = [*next(parts), *next(parts)]
    links.transact([Delete(stored.row) for stored in links.read(FLOW, [link_key(account)]).values()])
    assert [*found, *itertools.chain(*parts)] == [("quotations", "Q-1")]


def parts_of(desk: Trading, account: str) -> Iterator[list[tuple[str, str]]]:
    """What waits for an account, one place after the other."""
    after: str | None = ""
    while after is not None:
        some, after = some_children_of(desk.state, desk.service.flows, FLOW, account, clock=Slow(), after=after)
        yield [(child.flow, child.id) for child in some]


class Slow(ManualClock):
    """A second passes between two looks at it."""

    def monotonic(self) -> float:
        self.seconds += 1
        return self.seconds


def waiting_for(desk: Trading, account: str) -> list[tuple[str, str]]:
    """What waits for an account, found at once."""
    found, further = some_children_of(desk.state, desk.service.flows, "accounts", account, clock=desk.clock)
    assert further is None
    return sorted((child.flow, child.id) for child in found)


def test_the_lines_of_a_quote_stand_beside_those_of_its_quotation(desk: Trading) -> None:
    account = desk.account("A-1")
    desk.tick()
    _, number = desk.quote(account, lines=2)
    desk.tick()
    lines = answer("explain", "quotations", number)["lines"]
    assert [line["number"] for line in lines] == [1, 2]
    assert {cell["differs"] for line in lines for cell in line["cells"].values()} == {False}
    key = f"CDSSalesQuotationLines(dataAreaId='usmf',SalesQuotationNumber='{number}',LineCreationSequenceNumber=2)"
    changed = desk.finops.patch(key, {"RequestedSalesQuantity": 7}, {"cross-company": "true"})
    assert changed.status_code == 204, changed.text
    _, second = answer("explain", "quotations", number)["lines"]
    differing = {name: cell for name, cell in second["cells"].items() if cell["differs"]}
    assert set(differing) == {"RequestedSalesQuantity"}
    assert [int(float(differing["RequestedSalesQuantity"][side])) for side in ("ours", "theirs")] == [2, 7]
    told = p2c("explain", "quotations", number)
    assert "2 (in F&O: 7)" in told
    assert "lines 1" not in told
    (remembered, _) = answer("explain", "quotations", number, "--remembered")["lines"]
    assert {cell["theirs"] for cell in remembered["cells"].values()} == {None}


# --- remedies lead to the act -----------------------------------------------------------------------------------------


def test_a_record_that_exists_already_is_told_the_command_and_the_setting(sync: Product) -> None:
    sync.finops.customer(CustomerAccount="A 1", OrganizationName="Entered by hand")
    id = sync.account("A 1")
    sync.tick()
    assert answer("explain", FLOW, id)["acts"] == [
        "part `policies` of the map document (setting MAP_DOCUMENT)",
        "setting ACCOUNTS_ON_EXISTING",
        f"p2c links accounts link {id}",
        f"p2c retry accounts {id}",
    ]
    assert f"p2c links accounts link {id}" in p2c("failures", FLOW, "--cause", "target_exists")
    assert "p2c retry accounts --cause target_exists" in p2c("failures")


def test_the_command_that_is_told_names_one_of_two_records_with_one_number(sync: Product) -> None:
    first, second = sync.account("A-1"), sync.account("A-1")
    sync.tick()
    (rejected,) = (id for id in (first, second) if answer("explain", FLOW, id)["acts"])
    *_, again = answer("explain", FLOW, rejected)["acts"]
    sync.clock.sleep(1)
    assert "sent again: 1" in p2c(*shlex.split(again)[1:])
    assert "2 records of accounts have the number 'A-1'" in p2c("retry", FLOW, "A-1", code=2)


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_each_place_that_a_cause_leads_to_is_there(cause: str) -> None:
    failure = Failure("accounts", "1", cause, "", "", first_seen=MOMENT, last_seen=MOMENT)
    for flow in ("accounts", "ordersback", "invoices"):
        told = acts_of(replace(failure, flow=flow))
        assert set(told.parts) <= set(FLOWS.value_maps.model_fields)
        assert set(told.settings) <= set(FLOWS.settings.model_fields)
        for command in (*told.commands, told.again):
            name, *rest = shlex.split(command)[1:]
            assert f"Usage: root {name} " in p2c(name, *rest, "--help")
    assert f"`{cause}`" in (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")


def test_what_an_operator_retries_counts_as_tried(sync: Product) -> None:
    id = sync.account("A-1", address1_country="Atlantis")
    sync.tick()
    for _ in range(2):
        sync.clock.sleep(1)
        p2c("retry", FLOW, id)
        sync.drain()
    assert "tried 2 times since" in p2c("failures", FLOW, "--cause", "country_unknown")


# --- what is wrong, and how often -------------------------------------------------------------------------------------


def test_a_cause_shows_its_values_with_counts_and_one_edit_of_the_value_map_mends_them_all(
    sync: Product, tmp_path: Path
) -> None:
    wrong = [("Brazil", "Sampa")] * 3 + [("Brazil", "Rio")] * 2 + [("France", "Lara")]
    ids = [
        sync.account(f"A-{place}", address1_country=country, address1_stateorprovince=state)
        for place, (country, state) in enumerate(wrong)
    ]
    sync.tick()
    (group,) = answer("failures", FLOW)
    assert (group["cause"], group["count"]) == ("state_unknown", 6)
    assert group["values"] == {"BR Sampa": 3, "BR Rio": 2, "FR Lara": 1}
    assert "BR Sampa 3, BR Rio 2, FR Lara 1" in p2c("failures")
    document = json.loads(SHIPPED.read_text(encoding="utf-8"))
    document["states"]["BR"] |= {"Sampa": "SP", "Rio": "RJ"}
    document["states"]["FR"]["Lara"] = "X"
    (tmp_path / "maps.json").write_text(json.dumps(document), encoding="utf-8")
    sync.start(MAP_DOCUMENT=str(tmp_path / "maps.json"))
    p2c("retry", FLOW, "--all")
    sync.drain()
    assert answer("failures", FLOW) == []
    assert sync.customers() == len(ids)


def test_values_are_counted_whatever_is_wrong(sync: Product) -> None:
    for place, country in enumerate(["Atlantis", "Atlantis", "Utopia"]):
        sync.account(f"C-{place}", address1_country=country)
    sync.account("T-1", address1_country="US", address1_city="x" * 61)
    sync.tick()
    found = {group["cause"]: group["values"] for group in answer("failures", FLOW)}
    assert found == {"country_unknown": {"Atlantis": 2, "Utopia": 1}, "text_too_long": {"address1_city": 1}}


# --- the other record -------------------------------------------------------------------------------------------------


def test_a_number_that_is_taken_names_the_other_record_by_number_and_address(sync: Product) -> None:
    first = sync.account("A-1")
    sync.tick()
    second = sync.account("A-1 ")
    sync.tick()
    failure = sync.failure(second)
    assert failure is not None
    assert failure.message == f"A-1 in CustomersV3 belongs to another record: A-1 of accounts ({first})"
    assert f"p2c explain accounts {first}" in failure.remedy
    told = p2c("explain", FLOW, second)
    assert f"The other record, accounts {first}, is in F&O as A-1." in told
    for shown in (told, p2c("failures", FLOW, "--cause", "key_taken")):
        assert f"the other record: {sync.sales.origin}/main.aspx?pagetype=entityrecord&etn=account&id={first}" in shown


def test_the_other_record_is_named_also_where_it_is_of_another_flow(desk: Trading) -> None:
    desk.stock("P-1")
    account = desk.account("X-1")
    desk.tick()
    contact = desk.contact(msdynce_contactnumber="X-1")
    desk.quote(contact=contact)
    desk.tick()
    (record,) = answer("failures", "contacts", "--cause", "key_taken")
    assert f"X-1 of accounts ({account})" in record["failure"]["message"]
    assert record["failure"]["rival"] == ["accounts", account]
    assert f"etn=account&id={account}" in record["rival"][0]


# --- what is not carried ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "cause", "sent"), [("leave_out", "state_left_out", ""), ("send", "state_as_text", "Lara")]
)
def test_states_of_countries_without_a_list_are_counted_by_plan_and_preflight(
    sync: Product, setting: str, cause: str, sent: str
) -> None:
    sync.start(STATE_WITHOUT_LIST=setting)
    for place, state in enumerate(["Lara", "Lara", "Miranda"]):
        sync.account(f"V-{place}", address1_country="Venezuela", address1_stateorprovince=state)
    assert answer("plan", FLOW)["summary"]["remarks"] == {cause: {"VE Lara": 2, "VE Miranda": 1}}
    assert "VE Lara 2, VE Miranda 1" in p2c("plan", FLOW)
    checks = answer("preflight", code=1)["checks"]
    (found,) = [check for check in checks if check["what"] == "states of accounts have a code in the value map"]
    assert (found["verdict"], found["found"].rpartition(": ")[2]) == ("by hand", "VE 3")
    sync.tick()
    assert answer("failures", FLOW) == []
    assert (sync.customer("V-0") or {})["AddressState"] == sent


def test_a_preflight_of_addresses_with_listed_states_has_nothing_to_say(sync: Product) -> None:
    sync.account("A-1", address1_country="Brazil", address1_stateorprovince="Bahia")
    sync.account("A-2", address1_country="Atlantis", address1_stateorprovince="Lara")
    checks = {check["what"]: check["verdict"] for check in answer("preflight", code=1)["checks"]}
    assert checks["states of accounts have a code in the value map"] == "well"


# --- one cause, once --------------------------------------------------------------------------------------------------


def _check(
    member: str, verdict: CheckResult = CheckResult.WRONG, found: str = "it is not", remedy: str = "do it"
) -> Check:
    return one_of_several(
        Check("Sales", f"unit {member} is there", verdict, found, remedy), "units {} are there", member
    )


def test_checks_that_find_one_cause_are_one_with_its_members() -> None:
    joined, well, other, alone = by_cause(
        [
            _check("A"),
            _check("B", CheckResult.WELL),
            _check("C"),
            _check("D", remedy="another"),
            Check("Sales", "x", CheckResult.WRONG),
        ]
    )
    assert (joined.what, joined.found, joined.members) == ("units A, C are there", "it is not", ("A", "C"))
    assert (well.what, other.what, alone.what) == ("unit B is there", "unit D is there", "x")


def test_what_several_checks_have_found_is_reported_of_the_first_ones() -> None:
    (joined,) = by_cause(_check(member, found=f"no {member}") for member in "ABCDE")
    assert joined.found == "no A; no B; no C; and 2 more like these"


def test_checks_of_columns_are_never_joined() -> None:
    drifted = replace(Check("Sales", "columns", CheckResult.WRONG, "f", "r"), flows=("accounts",))
    assert list(by_cause([drifted, drifted])) == [drifted, drifted]


def test_a_preflight_tells_every_currency_without_an_entry_at_once(sync: Product) -> None:
    common = {"currencysymbol": "x", "currencyprecision": 2, "exchangerate": 1}
    sync.sales.catalogue()
    for code in ("XTS", "XXX"):
        sync.sales.create("transactioncurrencies", isocurrencycode=code, currencyname=code, **common)
    checks = {check["what"]: check for check in answer("preflight", code=1)["checks"]}
    assert checks["currencies XTS, XXX are in the value map"]["members"] == ["XTS", "XXX"]
    assert not [what for what in checks if what.startswith(("currency XTS", "currency XXX"))]
