"""Documents: header and lines as one record (rules.md, Quotes; protocol P2, A7 to A9)."""

from copy import deepcopy
from functools import cache

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from shared.errors import LinkRefused, OutcomeUnknown, Transient
from shared.records import Json, LineAction, Write
from shared.state.links import Link, LinkState
from shared.sync.hints import read_message
from shared.systems import System
from tests.support.invariants import check
from tests.support.thinned import few_examples
from tests.support.trade import lines_of
from tests.support.world import TRADE, World


def written(**lines: Json) -> World:
    """One document in step. It is made once and copied."""
    return deepcopy(_made_written(tuple(lines.items())))


@cache
def _made_written(lines: tuple[tuple[str, Json], ...]) -> World:
    world = World(flows=TRADE)
    world.people.save("m1", number="M1", name="Customer", customer=True)
    world.documents.save("d1", name="Quote", customer="m1")
    for number, quantity in lines or (("1", 10), ("2", 20), ("3", 30)):
        world.documents.save_line("d1", int(number.removeprefix("n")), quantity)
    world.settle(hours=0.1)
    assert link(world).state is LinkState.WRITTEN
    return world


def link(world: World, id: str = "d1") -> Link:
    return world.state.links.load("documents", [id])[id]


def quantities(world: World, id: str = "d1") -> dict[int, Json]:
    return {number: line.get("quantity") for number, line in sorted(world.document_target.lines[id].items())}


def last(world: World) -> Write:
    return world.document_target.writes[-1]


def test_a_document_is_created_with_all_its_lines_in_one_write() -> None:
    world = written()
    (write,) = world.document_target.writes
    assert [(line.number, line.action) for line in write.lines] == [(n, LineAction.CREATE) for n in (1, 2, 3)]
    assert quantities(world) == {1: 10, 2: 20, 3: 30}
    check(world)


def test_a_second_look_writes_nothing() -> None:
    world = written()
    world.documents.save("d1", name="Quote")
    world.settle()
    assert len(world.document_target.writes) == 1


def test_a_change_of_a_line_alone_is_noticed_and_sends_that_line_only() -> None:
    world = written()
    world.documents.save_line("d1", 2, 21)
    world.settle()
    check(world)
    assert (
        dict(last(world).values),
        [(line.number, line.action, dict(line.values)) for line in last(world).lines],
    ) == (
        {},
        [(2, LineAction.UPDATE, {"quantity": 21})],
    )


def queued(world: World) -> list[list[str]]:
    """The documents of each message."""
    return [[hint.id for hint in read_message(body).hints] for body in world.queues.bodies("documents")]


def test_p2_a_document_of_which_header_and_line_have_changed_is_queued_once() -> None:
    world = written()
    world.documents.save_line("d1", 2, 21)
    world.documents.save("d1", name="Renamed")
    world.pull("documents")
    assert queued(world) == [["d1"]]
    world.pull("documents")
    assert queued(world) == [["d1"]]


def test_p2_documents_of_which_only_a_line_or_only_the_header_has_changed_are_all_queued() -> None:
    world = written()
    for id in ("d2", "d3"):
        world.documents.save(id, name="Quote", customer="m1")
        world.documents.save_line(id, 1, 1)
    world.settle(hours=0.1)
    world.documents.save_line("d1", 2, 21)
    world.documents.save_line("d2", 1, 22)
    world.documents.save("d2", name="Renamed")
    world.documents.save("d3", name="Renamed")
    world.pull("documents")
    assert sorted(id for ids in queued(world) for id in ids) == ["d1", "d2", "d3"]
    world.settle()
    check(world)


def test_p1_what_a_line_has_named_is_queued_at_the_next_tick_if_the_headers_cannot_be_read() -> None:
    world = written()
    world.documents.save_line("d1", 2, 21)
    world.documents.trouble = lambda _name: (_ for _ in ()).throw(Transient(System.DATAVERSE, "busy"))
    world.pull("documents")
    assert queued(world) == []
    world.documents.trouble = None
    world.settle()
    assert quantities(world)[2] == 21
    check(world)


def test_p1_what_a_line_has_named_is_queued_if_the_time_of_the_pull_is_over() -> None:
    world = written()
    world.documents.save_line("d1", 2, 21)
    world.documents.lines.trouble = lambda _name: world.clock.sleep(world.limits.pull_budget_s)
    world.pull("documents")
    assert queued(world) == [["d1"]]


def test_a_deleted_and_an_added_line_are_deleted_and_added_with_the_header_in_one_write() -> None:
    world = written()
    world.documents.remove_line("d1", 2)
    world.documents.save_line("d1", 4, 40)
    world.documents.save("d1", name="Renamed")
    world.settle()
    check(world)
    assert quantities(world) == {1: 10, 3: 30, 4: 40}
    assert [(line.number, line.action) for line in last(world).lines] == [
        (2, LineAction.DELETE),
        (4, LineAction.CREATE),
    ]
    assert dict(last(world).values) == {"name": "Renamed"}


def test_numbers_of_lines_that_are_gone_are_remembered() -> None:
    world = written()
    world.documents.remove_line("d1", 2)
    world.settle()
    assert link(world).content.numbers == {1: "id1", 2: "", 3: "id3"}


def test_lines_that_people_of_the_target_have_added_stay() -> None:
    world = written()
    world.document_target.lines["d1"][9] = {"quantity": 99}
    world.documents.save_line("d1", 1, 11)
    world.settle()
    world.documents.remove_line("d1", 3)
    world.settle()
    check(world)
    assert quantities(world) == {1: 11, 2: 20, 9: 99}


def test_a_line_that_was_deleted_in_the_target_comes_back_with_its_next_change() -> None:
    world = written()
    del world.document_target.lines["d1"][2]
    world.documents.save_line("d1", 1, 11)
    world.settle()
    assert quantities(world) == {1: 11, 3: 30}
    world.documents.save_line("d1", 2, 22)
    world.settle()
    check(world)
    assert quantities(world) == {1: 11, 2: 22, 3: 30}


def test_a_document_that_is_gone_in_the_target_comes_back_complete() -> None:
    world = written()
    del world.document_target.rows["d1"], world.document_target.lines["d1"]
    world.documents.save_line("d1", 1, 11)
    world.settle()
    check(world)
    assert quantities(world) == {1: 11, 2: 20, 3: 30}
    assert world.document_target.rows["d1"]["group"] == "10"


def test_a_status_that_forbids_changes_rejects_a_change_and_only_a_change() -> None:
    world = written()
    world.document_target.rows["d1"]["status"] = "confirmed"
    world.documents.save("d1", name="Quote")
    world.settle(hours=0.1)
    assert link(world).state is LinkState.WRITTEN
    world.documents.save_line("d1", 1, 11)
    world.settle(hours=0.2)
    assert world.state.failures.load("documents", ["d1"])["d1"].cause == "confirmed"
    assert quantities(world) == {1: 10, 2: 20, 3: 30}
    world.document_target.rows["d1"]["status"] = "created"
    world.settle(hours=3)
    check(world)
    assert quantities(world)[1] == 11


def test_a_dirty_document_that_agrees_is_clean_again_without_a_write_whatever_its_status() -> None:
    world = written()
    world.document_target.fault, world.document_target.lands = (
        lambda _write: OutcomeUnknown(System.FINOPS, "no answer"),
        True,
    )
    world.documents.save_line("d1", 1, 11)
    world.pull("documents")
    world.drain()
    world.document_target.fault = lambda _write: None
    world.document_target.rows["d1"]["status"] = "confirmed"
    writes = len(world.document_target.writes)
    world.settle()
    check(world)
    assert len(world.document_target.writes) == writes
    assert link(world).state is LinkState.WRITTEN


def test_a_dirty_document_is_brought_to_step_from_the_lines_that_the_target_has() -> None:
    world = written()
    world.document_target.fault, world.document_target.lands = (
        lambda _write: OutcomeUnknown(System.FINOPS, "no answer"),
        True,
    )
    world.documents.save_line("d1", 4, 40)
    world.pull("documents")
    world.drain()
    world.document_target.fault = lambda _write: None
    world.documents.remove_line("d1", 4)
    world.settle()
    check(world)
    assert quantities(world) == {1: 10, 2: 20, 3: 30}, "the line of the write without an answer is ours to delete"


@pytest.mark.parametrize("lands", [True, False])
def test_a_create_without_an_answer_is_settled_by_the_key(lands: bool) -> None:
    world = World(flows=TRADE)
    world.people.save("m1", number="M1", name="Customer", customer=True)
    world.documents.save("d1", name="Quote", customer="m1")
    world.documents.save_line("d1", 1, 10)
    lost = iter([OutcomeUnknown(System.FINOPS, "no answer")])
    world.document_target.fault, world.document_target.lands = lambda _write: next(lost, None), lands
    world.settle(hours=1)
    check(world)
    assert sum(write.create for write in world.document_target.writes) == 1
    assert quantities(world) == {1: 10}


def test_a_line_that_moves_under_the_write_lets_the_document_be_looked_at_again() -> None:
    world = written()

    def meddle(_write: Write) -> None:
        world.document_target.fault = lambda _write: None
        world.document_target.lines["d1"].pop(2)

    world.document_target.fault = meddle
    world.documents.save_line("d1", 2, 22)
    world.settle()
    check(world)
    assert quantities(world) == {1: 10, 2: 22, 3: 30}
    assert not world.state.failures.load("documents", ["d1"])


def test_an_ended_document_stays_as_it_is_and_resumes() -> None:
    world = written()
    world.documents.save("d1", state="draft", name="Changed as a draft")
    world.settle()
    assert (link(world).state, link(world).rule) == (LinkState.ENDED, "draft")
    assert (world.document_target.rows["d1"]["name"], quantities(world)) == ("Quote", {1: 10, 2: 20, 3: 30})
    world.documents.remove_line("d1", 1)
    world.documents.save("d1", state=None)
    world.settle()
    check(world)
    assert quantities(world) == {2: 20, 3: 30}


def test_a_document_that_exists_already_is_never_touched_unless_adopted() -> None:
    for adopt in (False, True):
        world = World(flows=TRADE, adopt=adopt)
        world.people.save("m1", number="M1", name="Customer", customer=True)
        world.document_target.rows["d1"] = {"name": "Theirs"}
        world.document_target.lines["d1"] = {1: {"quantity": 1}, 7: {"quantity": 7}}
        world.documents.save("d1", name="Ours", customer="m1")
        world.documents.save_line("d1", 1, 10)
        world.settle(hours=0.2)
        cause = "lines_differ" if adopt else "target_exists"
        assert world.state.failures.load("documents", ["d1"])["d1"].cause == cause
        assert (world.document_target.rows["d1"], quantities(world)) == ({"name": "Theirs"}, {1: 1, 7: 7})


@pytest.mark.parametrize("same", [True, False])
def test_a_document_is_adopted_only_if_its_lines_are_those_of_the_source(same: bool) -> None:
    world = World(flows=TRADE, adopt=True)
    world.people.save("m1", number="M1", name="Customer", customer=True)
    world.document_target.rows["d1"] = {"name": "Theirs"}
    world.document_target.lines["d1"] = {1: {"quantity": 1, **({} if same else {"product": "other"})}}
    world.documents.save("d1", name="Ours", customer="m1")
    world.documents.save_line("d1", 1, 10)
    world.documents.save_line("d1", 2, 20)
    world.settle(hours=0.2)
    if same:
        check(world)
        assert quantities(world) == {1: 10, 2: 20}
    else:
        assert world.state.failures.load("documents", ["d1"])["d1"].cause == "lines_differ"


@pytest.mark.parametrize("lands", [True, False])
def test_a_document_whose_adoption_gets_no_answer_keeps_the_numbers_of_its_lines(lands: bool) -> None:
    world = World(flows=TRADE, adopt=True)
    world.people.save("m1", number="M1", name="Customer", customer=True)
    world.document_target.rows["d1"] = {"name": "Theirs"}
    world.document_target.lines["d1"] = {1: {"quantity": 1}}
    world.documents.save("d1", name="Theirs", customer="m1")
    world.documents.save_line("d1", 1, 10)
    world.document_target.lands = lands
    world.document_target.fault = lambda _write: OutcomeUnknown(System.FINOPS, "no answer")
    world.settle(hours=0.05)
    world.document_target.fault = lambda _write: None
    world.documents.save_line("d1", 2, 20)
    world.settle()
    check(world)
    assert quantities(world) == {1: 10, 2: 20}


@pytest.mark.parametrize("same", [True, False])
def test_a_document_that_an_operator_has_linked_is_taken_over_only_if_its_lines_are_those_of_the_source(
    same: bool,
) -> None:
    world = World(flows=TRADE)
    world.people.save("m1", number="M1", name="Customer", customer=True)
    world.document_target.rows["d1"] = {"name": "Theirs"}
    world.document_target.lines["d1"] = {1: {"quantity": 1, **({} if same else {"product": "other"})}}
    world.documents.save("d1", name="Ours", customer="m1")
    world.documents.save_line("d1", 1, 10)
    world.settle(hours=0.2)
    service = world.service()
    service.linking("documents", service.audit_log("operator")).link("d1")
    world.settle(hours=0.2)
    if same:
        check(world)
        assert quantities(world) == {1: 10}
    else:
        assert world.state.failures.load("documents", ["d1"])["d1"].cause == "lines_differ"
        assert quantities(world) == {1: 1}


def test_a_line_that_people_of_the_target_have_added_keeps_its_number_and_ours_gets_another() -> None:
    world = written()
    world.document_target.lines["d1"][4] = {"quantity": 99}
    world.documents.save_line("d1", 4, 40)
    world.settle()
    check(world)
    assert quantities(world) == {1: 10, 2: 20, 3: 30, 4: 99, 5: 40}
    world.documents.remove_line("d1", 4)
    world.settle()
    check(world)
    assert quantities(world) == {1: 10, 2: 20, 3: 30, 4: 99}


def test_a_line_of_others_that_comes_while_ours_is_on_its_way_keeps_its_number() -> None:
    world = written()

    def meddle(_write: Write) -> None:
        world.document_target.fault = lambda _write: None
        world.document_target.lines["d1"][4] = {"quantity": 99}

    world.document_target.fault = meddle
    world.documents.save_line("d1", 4, 40)
    world.settle()
    check(world)
    assert quantities(world) == {1: 10, 2: 20, 3: 30, 4: 99, 5: 40}


def test_a_line_of_others_under_a_number_that_was_once_ours_stays() -> None:
    world = written()
    world.documents.remove_line("d1", 2)
    world.settle()
    world.document_target.lines["d1"][2] = {"quantity": 99}
    world.document_target.fault, world.document_target.lands = (
        lambda _write: OutcomeUnknown(System.FINOPS, "no answer"),
        True,
    )
    world.documents.save("d1", name="Renamed")
    world.pull("documents")
    world.drain()
    world.document_target.fault = lambda _write: None
    world.settle()
    check(world)
    assert quantities(world) == {1: 10, 2: 99, 3: 30}


def test_deleting_one_header_of_several_or_many_lines_of_one_document_is_no_mass_change() -> None:
    world = written(**{f"n{number}": number for number in range(1, 81)})
    for number in range(1, 81):
        world.documents.save_line("d1", number, 100 + number)
    world.pull("documents")
    assert not world.state.control.flow("documents").blocked


def test_a_field_of_a_line_that_was_never_filled_is_not_emptied() -> None:
    world = written()
    world.document_target.lines["d1"][1]["note"] = "entered by hand"
    world.documents.save_line("d1", 1, 11)
    world.settle()
    assert world.document_target.lines["d1"][1] == {"quantity": 11, "note": "entered by hand"}


def test_a_refused_delta_link_of_the_lines_lets_every_document_be_read_again() -> None:
    world = written()
    # The deletion falls into the gap: no feed tells of it any more.
    world.documents.remove_line("d1", 3)
    world.documents.lines.deleted.clear()
    refused = iter([LinkRefused("too old")])

    def trouble(name: str) -> None:
        error = next(refused, None) if name == "follow" else None
        if error is not None:
            raise error

    world.documents.lines.trouble = trouble
    world.settle()
    check(world)
    assert quantities(world) == {1: 10, 2: 20}


def test_a_line_that_is_added_while_the_headers_are_read_for_the_first_time_is_not_lost() -> None:
    clean = World(flows=TRADE)
    prepare(clean)
    before = clean.steps.count
    clean.pull("documents")
    for step in range(1, clean.steps.count - before + 1):
        world = World(flows=TRADE)
        prepare(world)
        world.steps.at[world.steps.count + step] = lambda world=world: world.documents.save_line("d1", 2, 20)  # type: ignore[misc]
        world.pull("documents")
        world.settle(hours=0.1)
        check(world)
        assert quantities(world) == {1: 10, 2: 20}, f"added at step {step}"


def test_a_line_that_is_made_and_deleted_between_two_pulls_while_its_document_is_read_does_not_stay() -> None:
    """The delete entry names a line that no feed has told of."""
    steps = with_a_line_nobody_told_of().steps
    world = with_a_line_nobody_told_of()
    world.host_once("documents")
    for step in range(1, world.steps.count - steps.count + 2):
        world = with_a_line_nobody_told_of()
        world.steps.at[world.steps.count + step] = lambda world=world: world.documents.remove_line("d1", 9)  # type: ignore[misc]
        world.host_once("documents")
        world.steps.step("the message is done")
        world.settle(hours=0.3)
        check(world)
        assert quantities(world) == {1: 11, 2: 20, 3: 30}, f"deleted at step {step}"


def with_a_line_nobody_told_of() -> World:
    """A document is queued, and gets another line after that."""
    world = written()
    world.documents.save_line("d1", 1, 11)
    world.pull("documents")
    world.documents.save_line("d1", 9, 90)
    return world


def test_batches_are_kept_until_nobody_works_on_them_and_a_later_pull_has_ended() -> None:
    world = written()
    assert world.state.batches.ids("documents") == ["d1"]
    world.clock.sleep(world.limits.claim_live_s - world.clock.seconds)
    world.pull("documents")
    assert world.state.batches.ids("documents") == ["d1"]
    world.clock.sleep(1)
    world.documents.lines.trouble = lambda _name: (_ for _ in ()).throw(Transient(System.DATAVERSE, "busy"))
    world.pull("documents")
    assert world.state.batches.ids("documents") == ["d1"], "what was deleted meanwhile is not known yet"
    world.documents.lines.trouble = None
    world.settle()
    assert world.state.batches.ids("documents") == []


def prepare(world: World) -> None:
    """A document that nobody has read yet."""
    world.people.save("m1", number="M1", name="Customer", customer=True)
    world.documents.save("d1", name="Quote", customer="m1")
    world.documents.save_line("d1", 1, 10)


def test_a_document_of_500_lines_is_kept_and_changed() -> None:
    world = written(**{f"n{number}": number for number in range(1, 501)})
    world.documents.save_line("d1", 250, 1)
    world.settle()
    check(world)
    assert [line.number for line in last(world).lines] == [250]


def test_a_document_whose_state_cannot_be_kept_is_rejected_alone_and_nothing_is_sent() -> None:
    world = written()
    world.documents.save("d2", name="Endless", customer="m1")
    lines: dict[str, Json] = {str(number): 1 for number in range(1, 4001)}
    world.documents.save("d2", lines=lines)
    world.documents.save_line("d1", 1, 11)
    world.settle(hours=0.2)
    assert world.state.failures.load("documents", ["d2"])["d2"].cause == "state_too_large"
    assert "d2" not in world.document_target.rows
    assert quantities(world)[1] == 11


Edit = tuple[int, Json]


@few_examples(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(1, 6), st.one_of(st.none(), st.integers(1, 5))), max_size=12))
def test_any_edits_of_lines_end_in_step(edits: list[Edit]) -> None:
    world = written()
    gone: set[int] = set()
    for number, quantity in edits:
        there = lines_of(world.documents.rows["d1"])
        if quantity is None and number in there:
            world.documents.remove_line("d1", number)
            gone.add(number)
        elif quantity is not None and number not in gone:
            world.documents.save_line("d1", number, quantity)
    world.pull("documents")
    world.drain()
    check(world)
    assert quantities(world) == dict(sorted(lines_of(world.documents.rows["d1"]).items()))
