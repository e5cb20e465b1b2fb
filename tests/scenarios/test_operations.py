"""What an operator asks and does, between both simulators: it tells the truth, and a look changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from local.simulator.faults import Kind as FaultKind
from local.simulator.faults import Rule
from shared.errors import RowConflict
from shared.operations import dry_run as dryrun
from shared.operations.audit_log import AuditLog, Refused
from shared.operations.dry_run import summary_of
from shared.operations.examine import Examined
from shared.operations.explain import Explanation
from shared.operations.lookup import NotFound
from shared.operations.retarget import NewTarget
from shared.service import Service
from shared.state.control import BlockKind
from shared.state.failures import FIRST_RETRY, Failure, failure_key, renewed
from shared.state.link_parts import Claim, ClaimKind
from shared.state.links import LinkState, link_key
from shared.state.storage.tables import Delete, Replace
from shared.sync import flow_states as observing
from shared.sync.apply.outcome import Kind
from shared.sync.link_writer import mark_dirty
from tests.scenarios.test_fault_damage import damage
from tests.scenarios.test_repair import in_memory
from tests.support.product import FLOW, Product
from tests.support.trading import Trading, trading

WHO = "operator@contoso"
US = {"address1_country": "United States", "address1_stateorprovince": "Tennessee"}


def service(sync: Product) -> Service:
    return sync.service


def audit_log(sync: Product) -> AuditLog:
    return service(sync).audit_log(WHO)


def explained(sync: Product, id: str) -> Explanation:
    return service(sync).explaining(FLOW).explain(id)


def rejected(sync: Product, count: int = 1) -> list[str]:
    """Accounts in a country that nobody knows."""
    ids = [sync.account(f"R-{number}", address1_country="Atlantis") for number in range(count)]
    sync.tick()
    assert all(sync.failure(id) for id in ids)
    return ids


# --- a look changes nothing -------------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_would_be_created_and_writes_nothing(sync: Product) -> None:
    id = sync.account("A-1", **US)
    before = sync.snapshot()
    (examined,) = service(sync).dry_run(FLOW).of_all()
    assert (examined.id, examined.kind, examined.key) == (id, Kind.CREATED, "A-1")
    assert {change.field: change.new for change in examined.changes}["OrganizationName"] == "Account A-1"
    assert sync.snapshot() == before
    assert sync.customers() == 0


def test_a_dry_run_tells_an_update_field_by_field_with_old_and_new(sync: Product) -> None:
    (id, _) = sync.linked(2)
    sync.edit(id, name="Renamed")
    changed = [each for each in service(sync).dry_run(FLOW).of_all() if each.writes]
    assert [each.id for each in changed] == [id]
    fields = {change.field: (change.old, change.new) for change in changed[0].changes}
    assert fields["OrganizationName"] == ("Account A-0", "Renamed")


def test_a_dry_run_tells_what_would_be_taken_over(sync: Product) -> None:
    sync.linked(1)
    sync.forget_everything()
    sync.start(ACCOUNTS_ON_EXISTING="adopt")
    (examined,) = service(sync).dry_run(FLOW).of_all()
    assert (examined.kind, examined.adopts) == (Kind.UPDATED, True)
    assert summary_of([examined]).adopted == 1


def test_a_dry_run_tells_who_would_be_rejected_for_a_number_that_another_record_has(sync: Product) -> None:
    sync.linked(1)
    second = sync.account("A-0")
    (examined,) = service(sync).dry_run(FLOW).of([second])
    assert (examined.kind, examined.reason) == (Kind.REJECTED, "key_taken")


def test_a_dry_run_agrees_with_what_the_sync_then_does(sync: Product) -> None:
    sync.linked(3)
    sync.account("B-1", **US)
    sync.account("B-2", address1_country="Atlantis")
    sync.edit(sync.account("B-3"), statecode=1, statuscode=2)
    foretold = {each.id: each.kind for each in service(sync).dry_run(FLOW).of_all()}
    sync.tick()
    states = {
        Kind.CREATED: LinkState.WRITTEN,
        Kind.UNCHANGED: LinkState.WRITTEN,
        Kind.REJECTED: LinkState.REJECTED,
        Kind.FILTERED: LinkState.FILTERED,
    }
    assert {id: sync.link(id).state for id in foretold} == {id: states[kind] for id, kind in foretold.items()}


# --- explain ----------------------------------------------------------------------------------------------------------


def test_a_record_in_step_is_said_to_be_so_with_what_was_written_last(sync: Product) -> None:
    (id,) = sync.linked(1)
    told = explained(sync, id)
    assert "in step" in told.sentences[0]
    assert any("Last written" in sentence and "OrganizationName" in sentence for sentence in told.sentences)
    assert told.action == ""


def test_a_rejected_record_is_explained_with_the_remedy(sync: Product) -> None:
    (id,) = rejected(sync)
    told = explained(sync, id)
    assert told.failure is not None
    assert told.failure.cause == "country_unknown"
    assert any("Atlantis" in sentence for sentence in told.sentences)
    assert told.action == told.failure.remedy


def test_a_record_whose_fault_is_corrected_is_said_to_need_a_retry_only(sync: Product) -> None:
    (id,) = rejected(sync)
    sync.edit(id, address1_country="United States", address1_stateorprovince="Tennessee")
    told = explained(sync, id)
    assert told.examined.kind is Kind.CREATED
    assert told.action.startswith("retry it")


def test_a_filtered_record_is_explained_in_words(sync: Product) -> None:
    id = sync.account("A-1")
    sync.edit(id, statecode=1, statuscode=2)
    sync.tick()
    told = explained(sync, id)
    assert told.examined.reason == "inactive"
    assert any("inactive in Sales" in sentence for sentence in told.sentences)
    assert told.action.startswith("activate it")


def test_a_paused_flow_is_the_first_thing_that_helps(sync: Product) -> None:
    id = sync.account("A-1")
    service(sync).commands(audit_log(sync)).pause(FLOW)
    assert explained(sync, id).action == "resume the flow accounts"


def test_a_record_is_found_by_its_number_or_its_id(sync: Product) -> None:
    id = sync.account("A-1")
    flow = service(sync).flows[FLOW]
    assert service(sync).locate(flow.name, "A-1") == service(sync).locate(flow.name, id.upper()) == id
    sync.finops.control("products", [{"ProductNumber": "P-1", "ProductName": "Bike", "SalesUnitSymbol": "EA"}])
    assert service(sync).locate("products", " p-1 ") == "P-1"
    with pytest.raises(NotFound, match="'A-2'"):
        service(sync).locate(flow.name, "A-2")
    other = sync.account("A-1")
    with pytest.raises(NotFound, match=other):
        service(sync).locate(flow.name, "A-1")


def test_a_record_of_which_only_a_history_remains_is_found_while_its_source_is_down(sync: Product) -> None:
    (id,) = sync.linked(1)
    links = sync.state.links.table
    links.transact([Delete(stored.row) for stored in links.read(FLOW, [link_key(id)]).values()])
    sync.sales.faults.add(Rule(FaultKind.REFUSE_TOKEN))
    assert service(sync).locate(FLOW, id.upper()) == id


def test_a_record_is_found_in_whatever_flow_it_is(sync: Product) -> None:
    id = sync.account("P-1")
    sync.finops.control("products", [{"ProductNumber": "P-1", "ProductName": "Bike", "SalesUnitSymbol": "EA"}])
    found = service(sync).locate_everywhere
    assert found(" P-1 ") == [(FLOW, id), ("products", "P-1")]
    assert found("A-2") == found(" ") == []
    sync.tick()
    for system in (sync.sales, sync.finops):
        system.faults.add(Rule(FaultKind.REFUSE_TOKEN))
    # No other record has this id, so no system is asked.
    assert found(id.upper()) == [(FLOW, id)]


# --- failures ---------------------------------------------------------------------------------------------------------


def test_failures_of_one_cause_are_one_line_with_count_example_and_remedy(sync: Product) -> None:
    rejected(sync, 3)
    (cause,) = service(sync).failing().causes([FLOW])
    assert (cause.cause, cause.count) == ("country_unknown", 3)
    assert "Atlantis" in cause.example.message
    assert cause.example.remedy


def test_a_retry_looks_at_the_record_as_it_is_now_and_closes_the_failure(sync: Product) -> None:
    (id,) = rejected(sync)
    sync.edit(id, address1_country="United States", address1_stateorprovince="Tennessee")
    failing = service(sync).failing()
    assert failing.retry(FLOW, failing.load(FLOW, [id]), audit_log(sync)) == 1
    sync.drain()
    assert sync.failure(id) is None
    assert sync.customer("R-0") is not None


def test_a_retry_that_was_interrupted_continues_where_it_stopped(sync: Product) -> None:
    sync.start(HINTS_PER_MESSAGE="2")
    rejected(sync, 5)
    sync.clock.sleep(60)
    failing = service(sync).failing()

    def interrupt(sent: int) -> None:
        raise KeyboardInterrupt(sent)

    with pytest.raises(KeyboardInterrupt):
        failing.retry(FLOW, failing.walk(FLOW), audit_log(sync), progress=interrupt)
    assert failing.retry(FLOW, failing.walk(FLOW), audit_log(sync)) == 3
    assert failing.retry(FLOW, failing.walk(FLOW), audit_log(sync)) == 0


def test_a_dismissed_failure_is_not_open_any_more_keeps_its_reason_and_is_not_tried_again(sync: Product) -> None:
    (id,) = rejected(sync)
    failing = service(sync).failing()
    assert failing.dismiss(FLOW, failing.load(FLOW, [id]), "a test record", audit_log(sync)) == 1
    assert failing.causes([FLOW]) == []
    (cause,) = failing.causes([FLOW], dismissed=True)
    assert cause.example.dismissed == "a test record"
    sync.clock.sleep(48 * 3600)
    sync.service.sweep()
    assert sync.depth() == 0


def test_a_dismissed_failure_is_open_again_when_it_says_something_else(sync: Product) -> None:
    (id,) = rejected(sync)
    failing = service(sync).failing()
    failing.dismiss(FLOW, failing.load(FLOW, [id]), "a test record", audit_log(sync))
    sync.edit(id, telephone1="1")
    sync.tick()
    assert failing.causes([FLOW]) == []
    sync.edit(id, address1_country="Utopia")
    sync.tick()
    assert [cause.count for cause in failing.causes([FLOW])] == [1]


# --- commands ---------------------------------------------------------------------------------------------------------


def test_flows_are_paused_and_resumed_once_and_every_deed_is_noted(sync: Product) -> None:
    commands = service(sync).commands(audit_log(sync))
    assert commands.pause(FLOW, "go-live")
    assert not commands.pause(FLOW)
    sync.account("A-1")
    sync.tick()
    assert sync.customers() == 0
    sync.clock.sleep(1)
    assert commands.resume(FLOW)
    sync.tick()
    assert sync.customers() == 1
    noted = service(sync).state.audit.latest(10)
    assert [(deed.what, deed.flow, deed.who, deed.reason) for deed in noted] == [
        ("resume", FLOW, WHO, ""),
        ("pause", FLOW, WHO, "go-live"),
    ]


def test_a_blocked_walk_is_accepted_only_as_it_was_seen(sync: Product) -> None:
    sync.start(GONE_LIMIT_COUNT="1", CHANGE_LIMIT_PERCENT="1")
    for id in sync.linked(4):
        sync.edit(id, telephone1="7")
    sync.tick()
    blocked = service(sync).state.control.flow(FLOW).blocked
    assert "would change" in blocked
    commands = service(sync).commands(audit_log(sync))
    assert not commands.accept(FLOW, "something else")
    assert commands.accept(FLOW, blocked)
    sync.tick()
    assert (sync.customer("A-0") or {})["PrimaryContactPhone"] == "7"


def a_walk_beyond_the_threshold(sync: Product) -> str:
    """Block the flow; why it is blocked."""
    sync.start(GONE_LIMIT_COUNT="1", CHANGE_LIMIT_PERCENT="1")
    for id in sync.linked(4):
        sync.edit(id, telephone1="7")
    sync.tick()
    return service(sync).state.control.flow(FLOW).blocked


def test_a_block_that_is_lifted_without_being_accepted_is_measured_again(sync: Product) -> None:
    blocked = a_walk_beyond_the_threshold(sync)
    commands = service(sync).commands(audit_log(sync))
    assert not commands.unblock(FLOW, "something else")
    assert commands.unblock(FLOW, blocked)
    assert not service(sync).state.control.flow(FLOW).blocked
    sync.tick()
    assert "would change" in service(sync).state.control.flow(FLOW).blocked
    assert [deed.what for deed in service(sync).state.audit.latest(2)] == ["unblock"]


def test_another_block_that_comes_meanwhile_is_not_lifted(sync: Product) -> None:
    blocked = a_walk_beyond_the_threshold(sync)
    control = service(sync).state.control

    class Meddling(AuditLog):
        def __init__(self) -> None:
            """It notes nothing."""

        def note(self, *of: str, **more: Any) -> None:
            audit_log(sync).note(*of, **more)
            assert control.change_flow(FLOW, lambda now: now.block(BlockKind.THRESHOLD, "500 gone", "other"))

    commands = service(sync).commands(Meddling())
    assert not commands.accept(FLOW, blocked)
    assert (control.flow(FLOW).blocked, control.flow(FLOW).accepted_walk) == ("500 gone", "")


def test_a_blocked_flow_is_not_read_again_before_somebody_has_looked(sync: Product) -> None:
    a_walk_beyond_the_threshold(sync)
    with pytest.raises(Refused, match="accept or unblock it first"):
        service(sync).syncing(audit_log(sync)).everything(FLOW)


def another_company(sync: Product) -> str:
    """Let the first run have been with another company, and the flow be blocked for it; why it is blocked."""
    sync.tick()
    control = service(sync).state.control
    stored = control.environment(FLOW)
    assert stored is not None
    assert control.accept_environment(FLOW, {**stored, "company": "dat"}, stored)
    sync.tick()
    return control.flow(FLOW).blocked


def test_a_changed_environment_is_accepted_only_as_it_was_seen(sync: Product) -> None:
    blocked = another_company(sync)
    assert "company was dat and is usmf" in blocked
    control = service(sync).state.control
    stored = control.environment(FLOW)
    assert stored is not None
    assert control.accept_environment(FLOW, {**stored, "company": "fr"}, stored)
    commands = service(sync).commands(audit_log(sync))
    assert not commands.accept(FLOW, blocked)
    assert (control.environment(FLOW) or {})["company"] == "fr"
    assert control.accept_environment(FLOW, stored, control.environment(FLOW) or {})
    assert commands.accept(FLOW, blocked, NewTarget.EMPTY)
    assert (control.environment(FLOW) or {})["company"] == "usmf"
    sync.linked(1)


def test_in_a_changed_environment_no_record_is_touched(sync: Product) -> None:
    (id,) = sync.linked(1)
    another_company(sync)
    before = sync.snapshot()
    for deed in (
        lambda: service(sync).syncing(audit_log(sync)).some(FLOW, [id]),
        lambda: service(sync).linking(FLOW, audit_log(sync)).unlink(id),
    ):
        with pytest.raises(Refused, match="the environment changed"):
            deed()
    assert sync.snapshot() == before


def test_everything_is_looked_at_again_on_demand_and_costs_no_write(sync: Product) -> None:
    sync.linked(3)
    writes = sync.writes()
    assert service(sync).syncing(audit_log(sync)).everything(FLOW)
    sync.settle(2)
    runs = service(sync).state.runs.latest(FLOW, 50)
    assert sum(run.counts.get("unchanged", 0) for run in runs) == 3
    assert sync.writes() == writes


def test_a_full_read_that_is_refused_since_one_is_running_is_not_noted(sync: Product) -> None:
    sync.linked(1)
    assert service(sync).syncing(audit_log(sync)).everything(FLOW)
    before = service(sync).state.audit.latest(9)
    assert not service(sync).syncing(audit_log(sync)).everything(FLOW)
    assert service(sync).state.audit.latest(9) == before


def test_some_records_are_sent_on_demand(sync: Product) -> None:
    ids = sync.linked(3)
    assert service(sync).syncing(audit_log(sync)).some(FLOW, [*ids[:2], ids[0]]) == 2
    sync.drain()
    assert sum(run.counts.get("unchanged", 0) for run in service(sync).state.runs.latest(FLOW, 50)) == 2


# --- status -----------------------------------------------------------------------------------------------------------


def test_the_status_tells_links_outcomes_failures_and_whether_somebody_should_look(sync: Product) -> None:
    sync.linked(2)
    calm = service(sync).status([FLOW])
    assert calm.flows[0].links == {"written": 2}
    assert calm.flows[0].applied == {"created": 2}
    assert not calm.needs_attention
    rejected(sync)
    told = service(sync).status([FLOW])
    assert told.flows[0].state.failures_open == 1
    assert told.needs_attention
    assert told.flows[0].last_pull is not None


def test_counts_of_the_status_have_one_order_whatever_came_first(sync: Product) -> None:
    # The latest run is read first.
    for number, country in (("A-1", "United States"), ("A-2", "Atlantis")):
        sync.account(number, address1_country=country, address1_stateorprovince="Tennessee")
        sync.tick()
        sync.clock.sleep(60)
    told = service(sync).status([FLOW]).flows[0]
    assert list(told.links) == ["written", "rejected"]
    assert list(told.applied) == ["created", "rejected"]


def test_a_failure_that_was_renewed_while_others_were_sent_again_is_left_as_it_is(sync: Product) -> None:
    ids = rejected(sync, 3)
    failing = service(sync).failing()
    seen = failing.load(FLOW, ids)
    sync.edit(ids[1], address1_country="Utopia")
    sync.tick()
    assert service(sync).state.failures.save_all([replace(failure, dismissed="x") for failure in seen]) == 2
    renewed = sync.failure(ids[1])
    assert renewed is not None
    assert (renewed.dismissed, "Utopia" in renewed.message) == ("", True)


# --- beside running workers -------------------------------------------------------------------------------------------


def claim(sync: Product, id: str) -> None:
    """A worker has the record in its hands."""
    link = replace(sync.link(id), claim=Claim("worker", ClaimKind.WORKING))
    service(sync).state.links.table.transact([Replace(link.to_row(), link.etag or "")])


def test_a_failure_whose_record_is_being_worked_on_is_not_dismissed(sync: Product) -> None:
    (id,) = rejected(sync)
    claim(sync, id)
    failing = service(sync).failing()
    assert failing.dismiss(FLOW, failing.load(FLOW, [id]), "known", audit_log(sync)) == 0
    assert not (sync.failure(id) or failing.load(FLOW, [id])[0]).dismissed


def test_the_claim_that_a_dead_worker_has_left_ends_when_the_failure_of_its_record_is_dismissed(sync: Product) -> None:
    (id,) = rejected(sync)
    claim(sync, id)
    sync.clock.sleep(3600)
    failing = service(sync).failing()
    assert failing.dismiss(FLOW, failing.load(FLOW, [id]), "known", audit_log(sync)) == 1
    link = sync.link(id)
    assert (link.claim.id, link.dirty, link.state) == (None, True, LinkState.REJECTED)


def test_a_failure_that_could_not_be_read_is_not_dismissed_before_the_sync_says_why_the_record_fails(
    sync: Product,
) -> None:
    (id,) = rejected(sync)
    cause = failing_with(sync, id)
    damage(in_memory(sync.service.state.links.table), FLOW, failure_key(id), {"first_seen": "some day"})
    failing = service(sync).failing()
    assert failing.dismiss(FLOW, failing.load(FLOW, [id]), "known", audit_log(sync)) == 0
    sync.service.sweep()
    sync.drain()
    assert failing_with(sync, id) == cause
    assert failing.dismiss(FLOW, failing.load(FLOW, [id]), "known", audit_log(sync)) == 1


def failing_with(sync: Product, id: str) -> str:
    """The cause that is listed for a record."""
    (failure,) = service(sync).failing().load(FLOW, [id])
    return failure.cause


def test_whoever_claims_a_record_after_its_dismissal_keeps_it(sync: Product) -> None:
    (id,) = rejected(sync)
    failing = service(sync).failing()
    before = sync.link(id)
    assert failing.dismiss(FLOW, failing.load(FLOW, [id]), "known", audit_log(sync)) == 1
    with pytest.raises(RowConflict):
        service(sync).state.links.table.transact([Replace(before.to_row(), before.etag or "")])
    service(sync).syncing(audit_log(sync)).some(FLOW, [id])
    sync.drain()
    failure = sync.failure(id)
    assert failure is not None
    assert failure.dismissed == "known"


def test_a_dismissed_failure_with_a_long_message_stays_dismissed_while_it_says_the_same() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    long = Failure("accounts", "1", "cause", "x" * 9000, "remedy", first_seen=now, last_seen=now)
    stored = replace(long, message=str(long.to_row().cells["message"]), dismissed="known")
    assert renewed(stored, long).dismissed == "known"


def test_a_link_is_marked_whoever_else_has_changed_it(sync: Product) -> None:
    (id,) = sync.linked(1)
    stale = sync.link(id)
    claim(sync, id)
    assert mark_dirty(service(sync).state.links, stale)
    assert (sync.link(id).dirty, sync.link(id).claim.id) == (True, "worker")


def test_an_unreadable_message_is_dismissed_by_the_name_of_its_failure(sync: Product) -> None:
    sync.service.poison(FLOW, b"{nonsense")
    (cause,) = service(sync).failing().causes([FLOW])
    assert service(sync).locate(FLOW, cause.example.id) == cause.example.id


def test_a_retry_by_hand_does_not_let_the_next_one_wait_longer(sync: Product) -> None:
    (id,) = rejected(sync)
    failing = service(sync).failing()
    for _ in range(3):
        failing.retry(FLOW, failing.load(FLOW, [id]), audit_log(sync))
        sync.drain()
    failure = sync.failure(id)
    assert failure is not None
    assert failure.next_try == failure.last_seen + FIRST_RETRY


# --- the status of a deployment that is dead --------------------------------------------------------------------------


def test_a_flow_that_is_not_read_any_more_is_late(sync: Product) -> None:
    sync.tick()
    assert not service(sync).status([FLOW]).needs_attention
    sync.clock.sleep(16 * 60)
    (flow,) = service(sync).status([FLOW]).flows
    assert (flow.is_late, flow.needs_attention) == (True, True)
    assert not service(sync).status([FLOW], lag_minutes=30).needs_attention
    service(sync).commands(audit_log(sync)).pause(FLOW)
    assert not service(sync).status([FLOW]).flows[0].is_late


def test_a_message_that_nobody_takes_makes_a_flow_late(sync: Product) -> None:
    sync.tick()
    service(sync).syncing(audit_log(sync)).some(FLOW, ["somebody"])
    for _ in range(20):
        sync.clock.sleep(60)
        sync.service.pull(FLOW)
    assert service(sync).status([FLOW]).flows[0].is_late


def test_an_open_failure_is_counted_behind_any_number_of_dismissed_ones(
    sync: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = service(sync).failing()
    first, last = sorted(rejected(sync, 2))
    assert failing.dismiss(FLOW, failing.load(FLOW, [first]), "known", audit_log(sync)) == 1
    monkeypatch.setattr(observing, "MOST_COUNTED", 1)
    monkeypatch.setattr(observing, "_PAGE", 1)
    look = observing.Observing("", state=sync.state, queues=sync.queues, clock=sync.clock)
    assert look.flow(service(sync).flows[FLOW]).failures_open == 0
    assert service(sync).status([FLOW]).flows[0].state.failures_open == 1
    assert not (sync.failure(last) or failing.load(FLOW, [last])[0]).dismissed


def test_a_number_in_other_letters_is_the_quote_that_has_it() -> None:
    with trading() as desk:
        _, number = desk.quote(desk.account("A-1"))
        flow = desk.service.flows["quotations"]
        assert desk.service.locate(flow.name, number.lower()) == number


# --- a dry run before the first run -----------------------------------------------------------------------------------


def planned(desk: Trading, flow: str) -> list[Examined]:
    return list(desk.service.dry_run(flow).of_all())


def test_contacts_and_quotes_are_planned_before_their_accounts_are_there() -> None:
    with trading() as desk:
        account = desk.account("A-1")
        contact = desk.contact(account)
        _, number = desk.quote(account)
        (of_contact,) = planned(desk, "contacts")
        assert (of_contact.kind, of_contact.key) == (Kind.CREATED, f"{desk.contact_number(contact)}/A-1")
        (of_quote,) = planned(desk, "quotations")
        values = {change.field: change.new for change in of_quote.changes}
        assert (of_quote.kind, values["RequestingCustomerAccountNumber"]) == (Kind.CREATED, "A-1")
        assert [(each.flow, each.id) for each in (*of_contact.parents, *of_quote.parents)] == [
            ("accounts", account)
        ] * 2
        desk.tick()
        assert [each.kind for flow in ("contacts", "quotations") for each in planned(desk, flow)] == [
            Kind.UNCHANGED
        ] * 2
        assert desk.quotation(number) is not None


def test_what_waits_for_a_rejected_account_waits_in_the_plan_too() -> None:
    with trading() as desk:
        desk.contact(desk.account("A-1", address1_country="Atlantis"))
        (examined,) = planned(desk, "contacts")
        assert examined.kind is Kind.WAITING


def test_two_records_with_one_number_are_told_wherever_they_stand(
    sync: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dryrun, "_AT_A_TIME", 2)
    for number in ("A-1", "A-2", "A-3", "a-1"):
        sync.account(number)
    before = sync.snapshot()
    examined = list(service(sync).dry_run(FLOW).of_all())
    assert sorted(each.kind for each in examined) == [Kind.CREATED, Kind.CREATED, Kind.CREATED, Kind.REJECTED]
    assert sync.snapshot() == before
    sync.tick()
    assert sync.customers() == 3


# --- more that an explanation says ------------------------------------------------------------------------------------


def test_a_contact_that_moves_is_explained_with_both_rows() -> None:
    with trading() as desk:
        contact = desk.contact(desk.account("A-1"))
        desk.tick()
        body = {"parentcustomerid_account@odata.bind": f"/accounts({desk.account('A-2')})"}
        desk.service.pull("accounts")
        desk.flow = "accounts"
        desk.drain()
        assert desk.sales.patch(f"contacts({contact})", body, If_Match="*").status_code == 204
        told = desk.service.explaining("contacts").explain(contact)
        number = desk.contact_number(contact)
        assert f"Now: {number}/A-1 would be ended in F&O, and {number}/A-2 created instead." in told.sentences


def test_the_last_write_is_told_however_often_the_record_was_rejected_since(sync: Product) -> None:
    (id,) = sync.linked(1)
    sync.edit(id, address1_country="Atlantis")
    for _ in range(12):
        service(sync).syncing(audit_log(sync)).some(FLOW, [id])
        sync.drain()
    assert any("Last written" in sentence for sentence in explained(sync, id).sentences)


def test_a_record_that_may_differ_is_not_said_to_be_in_step(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert "in step" in explained(sync, id).sentences[0]
    assert mark_dirty(service(sync).state.links, sync.link(id))
    assert "may differ" in explained(sync, id).sentences[0]


def test_a_record_behind_a_closed_gate_needs_nothing_itself(sync: Product) -> None:
    id = sync.account("A-1", **US)
    sync.finops.faults.add(Rule(FaultKind.REFUSE_TOKEN))
    sync.tick()
    sync.finops.faults.clear()
    assert explained(sync, id).action.startswith("nothing for this record: it continues automatically as soon as F&O")
