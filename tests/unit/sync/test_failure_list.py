"""Failures that are listed outside of a commit."""

from shared.sync.failure_list import Listing
from shared.sync.hints import unusable_id
from shared.visible import visible
from tests.support.world import World


def test_a_record_whose_id_cannot_be_stored_is_listed_under_a_short_name_that_can_be() -> None:
    world = World()
    failures = world.state.failures
    ids = ["", "a\0", "b" * 90 + "\0", "c" * 2000]
    Listing(world._flow("parents"), "run", failures=failures, clock=world.clock).unusable(ids)
    names = [failure.id for failure in failures.page("parents", "", 10)[0]]
    assert len(names) == len(ids)
    assert [name for name in names if len(name) > 80 or unusable_id(name)] == []
    assert visible("a\0") in names
