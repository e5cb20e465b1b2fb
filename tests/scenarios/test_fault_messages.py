"""Messages and ids that nobody can read or carry: each is listed by name, and holds up nothing else."""

import logging
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.clients.quoting import is_guid, name_based_id
from shared.state.storage.tables import escape
from shared.sync.hints import Hint, HintMessage
from shared.telemetry import log_event
from tests.support.world import World

HALF = "P\ud83d2"
HOSTILE = {
    "brackets": "[" * 65_000,
    "balanced brackets": "[" * 32_000 + "]" * 32_000,
    "objects": '{"a":' * 12_000,
    "brackets in a hint": '{"format":1,"hints":' + "[" * 20_000 + "]" * 20_000 + "}",
    "a long id": HintMessage("parents", "r", (Hint("x" * 30_000),)).to_body(),
    "an id of control characters": HintMessage("parents", "r", (Hint("\x01" * 2_000),)).to_body(),
    "half a pair": HintMessage("parents", "r", (Hint(HALF),)).to_body(),
    "a number without end": '{"format":1e999999999}',
    "a version without end": '{"format":1,"flow":"f","run":"r","epoch":null,"hints":[{"id":"1","version":1e999}]}',
    "nothing": "",
    "NUL": "\0",
}


def listed(world: World, flow: str = "parents") -> dict[str, str]:
    """The open failures by id, with their cause."""
    return {each.id: each.cause for each in world.state.failures.page(flow, "", 100)[0]}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_message_that_nobody_can_read_is_listed_under_its_digest_and_holds_up_nothing(body: str) -> None:
    world = World()
    world.source.save("p1", number="P1", name="First")
    world.queues.send("parents", body)
    world.pull()
    for _ in range(8):
        world.drain()
        world.clock.sleep(601)
    assert world.depth() == 0
    assert list(listed(world).values()) == ["message_unreadable"]
    assert all(id.startswith("message-") for id in listed(world))
    assert world.target.rows["p1"]["name"] == "First"


@given(st.text(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(str))
def test_whatever_stands_in_a_message_the_poison_function_lists_it(body: str) -> None:
    world = World()
    world.queues.send("parents-poison", body)
    assert world.poison_once()
    assert list(listed(world).values()) == ["message_unreadable"]
    assert world.depth() == 0


def test_a_product_whose_number_no_message_can_carry_is_rejected_by_name_and_the_others_are_sent() -> None:
    world = World(flows=("products",))
    for number, id in enumerate(["P1", HALF, "P3", "x" * 400, "P5", "P6"]):
        world.stock.save(id, number=f"N{number}", name=id[:5])
    world.settle(hours=0.5)
    assert sorted(world.product_target.rows) == ["n0", "n2", "n4", "n5"]
    found = listed(world, "products")
    assert found.pop(r"P\ud83d2") == "text_not_sendable"
    assert list(found.values()) == ["key_too_long"]
    assert world.depth() == 0


def test_it_stays_listed_by_every_walk_until_its_number_is_corrected() -> None:
    world = World(flows=("products",))
    world.stock.save(HALF, number="N1", name="First")
    world.settle(hours=0.3)
    name = r"P\ud83d2"
    (failure,) = world.state.failures.page("products", "", 10)[0]
    assert failure.next_try is None, "nobody can try it"
    world.queues.send("products", HintMessage("products", "r", (Hint(name),)).to_body())
    world.drain()
    assert listed(world, "products") == {}, "a retry closes it"
    world.pull("products")
    assert listed(world, "products") == {name: "text_not_sendable"}, "it is there still"
    world.stock.remove(HALF)
    world.stock.save("P2", number="N1", name="First")
    world.queues.send("products", HintMessage("products", "r", (Hint(name),)).to_body())
    world.settle(hours=0.3)
    assert listed(world, "products") == {}
    assert world.product_target.rows["n1"]["name"] == "First"


def test_a_walk_does_not_take_the_retry_away_from_its_name_on_which_a_worker_has_died() -> None:
    world = World(flows=("products",))
    world.stock.save(HALF, number="N1", name="First")
    world.settle(hours=0.3)
    name = r"P\ud83d2"
    (listing,) = world.state.failures.page("products", "", 10)[0]
    died = replace(listing, cause="crashed", message="it ended its worker", next_try=world.clock.now())
    world.state.failures.put(died)
    world.pull("products")
    assert listed(world, "products") == {name: "crashed"}
    world.settle(hours=0.3)
    assert listed(world, "products") == {name: "text_not_sendable"}


def test_a_line_of_the_log_can_be_encoded_whatever_stands_in_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "p2c"):
        log_event("record_rejected", flow="products", run="r", id=f"{HALF}\x9b\u2028", cause="x")
    (line,) = caplog.messages
    assert line.encode()
    assert r"P\ud83d2\u009b\u2028" in line


def test_a_key_of_our_tables_can_be_made_of_any_id() -> None:
    assert escape(HALF) == "P=00D83D2"


@example(HALF)
@given(st.text(st.characters()))
def test_an_id_of_a_row_can_be_made_of_any_number(number: str) -> None:
    assert is_guid(name_based_id(number))
