"""Writing links under conflicts (protocol A10)."""

from collections.abc import Sequence

import pytest

from shared.errors import RowConflict, StorageTrouble
from shared.state.links import Link, Links
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Delete, Operation, Put, Row
from shared.sync.link_writer import Group, LinkWriter, link_operation
from tests.support.clock import ManualClock


class Stubborn(MemoryTable):
    """Always in conflict over the second operation."""

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, which share one partition, or none; returns the new etags in order."""
        raise RowConflict(1, "TableBeingDeleted")


class Sized(MemoryTable):
    """Keeps how many operations each transaction had."""

    def __init__(self) -> None:
        super().__init__(ManualClock())
        self.sizes = list[int]()

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, which share one partition, or none; returns the new etags in order."""
        self.sizes.append(len(operations))
        return super().transact(operations)


def test_after_three_rounds_of_conflicts_every_record_goes_alone() -> None:
    links = Links(Sized())
    others = [Link("parents", f"p{number}", dirty=True) for number in range(6)]
    links.table.transact([link_operation(link) for link in others])
    groups = [Group(link, (link_operation(link),)) for link in (Link("parents", each.id) for each in others)]
    written = LinkWriter(links, lambda _: False).write(groups)
    assert sorted(written.foreign) == [each.id for each in others]
    assert isinstance(links.table, Sized)
    assert links.table.sizes[1:] == [6, 5, 4, 1, 1, 1]


def test_conflicts_without_end_are_our_storages_trouble() -> None:
    link = Link("parents", "p1")
    group = Group(link, (link_operation(link), Put(Row("parents", "W|1", {}))))
    table = Stubborn(ManualClock())
    with pytest.raises(StorageTrouble, match="1 records could not be written"):
        LinkWriter(Links(table), lambda _now: False).write([group])


def test_rows_that_are_gone_already_are_left_out_one_by_one_however_many() -> None:
    link = Link("parents", "p1")
    gone = tuple(Delete(Row("parents", f"W|{number}", {})) for number in range(40))
    links = Links(MemoryTable(ManualClock()))
    written = LinkWriter(links, lambda _now: False).write([Group(link, (link_operation(link), *gone))])
    assert set(written.etags) == {"p1"}
