"""Filters that are too long for a system are cut in halves, once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from shared.clients.http.filter_size import FilterSize
from shared.clients.http.responses import FilterTooLong, ReadRefused
from shared.systems import System
from tests.support.clock import ManualClock
from tests.unit.clients.fakes import line, ok, refused

TEXT = (
    "The node count limit of '100' has been exceeded. To increase the limit, set the 'MaxNodeCount' property on "
    "EnableQueryAttribute or ODataValidationSettings."
)


@dataclass
class Memory:
    """What all instances know."""

    size: int | None = None
    asked: int = 0

    def known(self) -> int | None:
        self.asked += 1
        return self.size

    def remember(self, size: int) -> None:
        self.size = size


@dataclass
class Service:
    """Refuses a filter of more keys than its limit."""

    limit: int
    sizes: list[int] = field(default_factory=list)

    def read(self, keys: Sequence[str]) -> list[str]:
        self.sizes.append(len(keys))
        if len(keys) > self.limit:
            raise FilterTooLong(System.FINOPS, "too long")
        return list(keys)


KEYS = [f"K-{number}" for number in range(50)]


def filters(memory: Memory, clock: ManualClock | None = None) -> FilterSize:
    return FilterSize(50, memory, clock or ManualClock())


def test_a_filter_that_is_too_long_is_cut_in_halves_until_it_passes_and_no_key_is_lost() -> None:
    memory, service = Memory(), Service(19)
    found = filters(memory).read(KEYS, service.read)
    assert [key for part in found for key in part] == KEYS
    assert service.sizes == [50, 25, 12, 13, 25, 12, 13]
    assert memory.size == 13


def test_the_size_that_passed_is_used_from_then_on() -> None:
    memory, service = Memory(), Service(19)
    size = filters(memory)
    assert size.at_once() == 50
    size.read(KEYS, service.read)
    assert size.at_once() == 13


def test_another_instance_uses_it_from_the_start() -> None:
    assert filters(Memory(13)).at_once() == 13


def test_what_others_have_found_is_looked_up_every_few_minutes_and_not_at_each_read() -> None:
    memory, clock = Memory(), ManualClock()
    size = filters(memory, clock)
    assert [size.at_once() for _ in range(5)] == [50] * 5
    assert memory.asked == 1
    memory.size = 13
    clock.sleep(300)
    assert size.at_once() == 13
    memory.size = None
    clock.sleep(300)
    assert size.at_once() == 50, "what was found is forgotten after its day"


def test_a_system_that_takes_every_filter_is_asked_once_and_nothing_is_remembered() -> None:
    memory, service = Memory(), Service(1000)
    assert filters(memory).read(KEYS, service.read) == [KEYS]
    assert service.sizes == [50]
    assert memory.size is None


def test_a_single_key_that_is_too_much_is_reported() -> None:
    with pytest.raises(FilterTooLong):
        filters(Memory()).read(KEYS[:3], Service(0).read)


@pytest.mark.parametrize(("limit", "size"), [(1000, 50), (19, 12)])
def test_groups_of_one_request_are_made_smaller_until_all_of_them_pass(limit: int, size: int) -> None:
    memory = Memory()

    def read(each: int) -> int:
        if each > limit:
            raise FilterTooLong(System.DATAVERSE, "too long")
        return each

    assert filters(memory).in_groups(len(KEYS) * 2, read) == size
    assert memory.size == (None if size == 50 else size)


def test_a_trial_finds_the_size_whatever_is_remembered() -> None:
    memory, service = Memory(6), Service(19)
    assert filters(memory).try_out(KEYS, service.read) == 12
    assert service.sizes == [50, 25, 12]


@pytest.mark.parametrize(("limit", "kept"), [(50, None), (49, 25), (19, 12), (1, 1)])
def test_a_trial_remembers_a_size_only_if_the_whole_filter_was_too_long(limit: int, kept: int | None) -> None:
    memory = Memory()
    assert filters(memory).try_out(KEYS, Service(limit).read) == (kept or 50)
    assert memory.size == kept


@pytest.mark.parametrize(
    "answer",
    [
        ok({"error": {"code": "0x80060888", "message": TEXT}}, 400),
        refused(f"The query specified in the URI is not valid. {TEXT}"),
        ok({"error": {"code": "BadRequest", "message": "Anzahl", "innererror": {"message": "'MaxNodeCount' x"}}}, 400),
    ],
    ids=["dataverse", "finops", "in another language"],
)
def test_the_answer_is_known_by_what_the_odata_stack_says(answer: object) -> None:
    at = line(answer)  # type: ignore[arg-type]
    with pytest.raises(FilterTooLong):
        at.channel.read("https://org.crm4.dynamics.com/data/X", subject="X")


@pytest.mark.parametrize("status", [400, 404])
def test_another_refusal_is_no_matter_of_length(status: int) -> None:
    at = line(ok({"error": {"code": "", "message": "A binary operator with incompatible types"}}, status))
    with pytest.raises(ReadRefused) as raised:
        at.channel.read("https://org.crm4.dynamics.com/data/X", subject="X")
    assert not isinstance(raised.value, FilterTooLong)
