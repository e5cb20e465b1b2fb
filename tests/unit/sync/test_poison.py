"""Poison messages: the one record at fault is found, and nobody else is punished (protocol F3)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import StorageTrouble
from shared.state.storage.queues import poison_queue
from shared.sync.hints import Hint, HintMessage, Why, read_message
from shared.sync.limits import Limits
from shared.sync.poison import Poison
from shared.sync.poison_keeper import keep_poison
from tests.support.events import Heard, listening
from tests.support.world import World

HINTS = (Hint("a", 7), Hint("b", released=True), Hint("c", awaited=True, answered=True))
MESSAGE = HintMessage("parents", "pull", HINTS, "e1", "mine", Why.RELEASED, "act")
POISON = poison_queue("parents")


def poisoned(body: str, *, world: World | None = None, send_s: float = 0.0) -> tuple[World, Heard]:
    """The poison function takes a message; to send one takes `send_s`."""
    world = world or World()

    def step(name: str) -> None:
        if name == "send parents":
            world.clock.sleep(send_s)

    world.queues.step = step
    service = world.service()
    poison = Poison(
        service.flows["parents"], "run", failures=service.state.failures, queues=world.queues, clock=world.clock,
        limits=Limits(run_budget_s=10),
    )  # fmt: skip
    with listening() as heard:
        poison.run(body)
    assert heard.breaches == set()
    return world, heard


def test_each_record_of_a_message_is_looked_at_alone_in_any_case_for_the_same_reason() -> None:
    world, heard = poisoned(MESSAGE.to_body())
    sent = [read_message(body) for body in world.queues.bodies("parents")]
    assert [each.hints for each in sent] == [
        (Hint("a"),), (Hint("b"),), (Hint("c", awaited=True, answered=True),),
    ]  # fmt: skip
    assert {(each.run, each.epoch, each.ended, each.why, each.asked_by) for each in sent} == {
        ("pull", None, None, Why.RELEASED, "act")
    }
    assert (world.queues.depth(POISON), world.state.failures.page("parents", "", 9)[0]) == (0, [])
    (told,) = heard.of("poison_split")
    assert (told["flow"], told["run"], told["sent_by"], told["records"]) == ("parents", "run", "pull", 3)


@pytest.mark.parametrize(("send_s", "sent"), [(4, 3), (5, 2), (10, 1), (99, 1)])
def test_records_for_which_there_is_no_time_come_back_as_a_poison_message_of_their_own(
    send_s: float, sent: int
) -> None:
    world, heard = poisoned(MESSAGE.to_body(), send_s=send_s)
    assert world.queues.depth("parents") == sent
    assert heard.of("poison_split")[0]["records"] == sent
    left = [read_message(body) for body in world.queues.bodies(POISON)]
    assert left == ([replace(MESSAGE, hints=HINTS[sent:], epoch=None, ended=None)] if sent < 3 else [])


def test_a_message_with_one_record_lists_it_and_the_sweep_retries_it() -> None:
    body = replace(MESSAGE, hints=(Hint("a"),)).to_body()
    world, heard = poisoned(body)
    (failure,) = world.state.failures.page("parents", "", 9)[0]
    assert (failure.id, failure.cause) == ("a", "poison")
    assert failure.next_try == world.clock.now() + timedelta(hours=1)
    (told,) = heard.of("poison_listed")
    assert (told["flow"], told["run"], told["id"], told["cause"]) == ("parents", "run", "a", "poison")
    assert world.queues.depth("parents") == world.queues.depth(POISON) == 0


def test_a_body_that_cannot_be_read_is_listed_once_under_its_digest_with_its_beginning() -> None:
    body = "\x07" + "x" * 600
    world, heard = poisoned(body)
    (failure,) = world.state.failures.page("parents", "", 9)[0]
    assert failure.cause == "message_unreadable"
    assert failure.id.startswith("message-")
    assert len(failure.id) == len("message-") + 32
    assert failure.next_try is None
    assert failure.message.endswith("; the body begins with: \\x07" + "x" * 499)
    assert len(heard.of("poison_listed")) == 1
    again = poisoned(body, world=world)[1]
    assert again.of("poison_listed") == []
    assert len(world.state.failures.page("parents", "", 9)[0]) == 1


def test_a_poison_message_that_meets_storage_trouble_comes_back_after_a_minute() -> None:
    world, body = World(), replace(MESSAGE, hints=(Hint("a"),)).to_body()

    def fail(name: str) -> None:
        raise StorageTrouble(f"503 {name}")

    world.links_table.step = fail
    _, heard = poisoned(body, world=world)
    assert world.queues.bodies(POISON) == [body]
    assert len(heard.of("storage_trouble", flow="parents", run="run")) == 1
    world.clock.sleep(59)
    assert world.queues.head(POISON) is None
    world.clock.sleep(1)
    assert world.queues.head(POISON) is not None


DAY_S = 86_400.0


def kept(*lives_s: float | None, at_most: int = 99, has_time: int = 99) -> tuple[World, Heard]:
    """The keeper meets messages that live so long; None: for ever. It has time for so many rounds."""
    world, rounds = World(), iter([True] * has_time)
    for number, seconds in enumerate(lives_s):
        if seconds is None:
            world.queues.send(POISON, f"m{number}")
        else:
            world.queues.copy(POISON, f"m{number}", lives_s=seconds)
    flow = world.service().flows["parents"]
    with listening() as heard:
        keep_poison(
            world.queues, flow, "run", now=world.clock.now(), at_most=at_most, has_time=lambda: next(rounds, False)
        )
    return world, heard


@pytest.mark.parametrize(
    ("lives_s", "renewed"),
    [
        ((2 * DAY_S,), 1),
        ((2 * DAY_S + 1,), 0),
        ((None,), 0),
        ((DAY_S, 3 * DAY_S, None, DAY_S), 2),
        ((3 * DAY_S, DAY_S), 0),
        ((), 0),
    ],
)
def test_messages_that_would_vanish_within_two_days_are_put_anew_if_the_next_one_would(
    lives_s: tuple[float | None, ...], renewed: int
) -> None:
    world, heard = kept(*lives_s)
    assert [event["messages"] for event in heard.of("poison_returned", flow="parents", run="run")] == (
        [renewed] if renewed else []
    )
    assert sorted(world.queues.bodies(POISON)) == [f"m{number}" for number in range(len(lives_s))]
    world.clock.sleep(10 * DAY_S)
    assert world.queues.depth(POISON) == renewed + lives_s.count(None)


@pytest.mark.parametrize(
    ("at_most", "rounds", "renewed"), [(99, 99, 70), (1, 99, 32), (32, 99, 32), (33, 99, 64), (99, 1, 32), (99, 0, 0)]
)
def test_they_are_put_anew_as_far_as_there_is_time_and_little_more_than_so_many_at_a_time(
    at_most: int, rounds: int, renewed: int
) -> None:
    _, heard = kept(*[DAY_S] * 70, at_most=at_most, has_time=rounds)
    assert sum(event["messages"] for event in heard.of("poison_returned")) == renewed


def test_what_the_keeper_could_not_put_anew_is_visible_again_after_a_minute() -> None:
    world, _ = kept(DAY_S, 3 * DAY_S)
    world.clock.sleep(59)
    assert len(world.queues.receive(POISON, limit=9, invisible_s=0)) == 1
    world.clock.sleep(1)
    assert len(world.queues.receive(POISON, limit=9, invisible_s=0)) == 2
