"""Writing many link rows under optimistic concurrency (protocol A10).

A conflict names one row. If the row is ours already (an SDK retry met its own first success) it counts as written;
otherwise it is dropped and the rest is sent again; after three rounds every group goes alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from shared.errors import RowConflict, StorageTrouble
from shared.state.links import Link, Links
from shared.state.storage.tables import Delete, Insert, Operation, Replace, split_into_transactions

_ROUNDS = 3
_FRUITLESS_ROUNDS = 5
_MARK_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Group:
    """The operations of one record, its link first, to be written in one transaction."""

    link: Link
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The etags of the links that were written, and the links that others have changed, as they are now."""

    etags: dict[str, str]
    foreign: dict[str, Link]


def link_operation(link: Link) -> Insert | Replace:
    """Write a link over the version that was read."""
    return Replace(link.to_row(), link.etag) if link.etag else Insert(link.to_row())


def _operations(groups: Sequence[Group]) -> int:
    return sum(len(group.operations) for group in groups)


class LinkWriter:
    """Writes groups. `is_ours` says whether a row as it is now already holds this very write."""

    def __init__(self, links: Links, is_ours: Callable[[Link], bool]) -> None:
        self._links = links
        self._is_ours = is_ours

    def write(self, groups: Sequence[Group]) -> Written:
        """Write every group, or find out that its link has changed. Raises StorageTrouble if conflicts continue and
        name nothing that could be left out, and RowTooLarge."""
        written = Written({}, {})
        pending = list(groups)
        rounds = fruitless = 0
        while pending:
            before = _operations(pending)
            pending = self._round(pending, written, alone=rounds >= _ROUNDS)
            rounds += 1
            fruitless += _operations(pending) == before
            if fruitless >= _FRUITLESS_ROUNDS:
                raise StorageTrouble(f"{len(pending)} records could not be written in {rounds} rounds of conflicts")
        return written

    def _round(self, groups: list[Group], written: Written, *, alone: bool) -> list[Group]:
        again: list[Group] = []
        by_operations = {id(group.operations): group for group in groups}
        packed = split_into_transactions([group.operations for group in groups])
        batches = [[by_operations[id(operations)] for operations in transaction] for transaction in packed]
        for batch in [[group] for group in groups] if alone else batches:
            again += self._transact(batch, written)
        return again

    def _transact(self, batch: list[Group], written: Written) -> list[Group]:
        owners = [(group, position) for group in batch for position in range(len(group.operations))]
        try:
            etags = self._links.table.transact([op for group in batch for op in group.operations])
        except RowConflict as conflict:
            group, position = owners[conflict.index]
            rest = [other for other in batch if other is not group]
            return rest + self._settle(group, position, written)
        for (group, position), etag in zip(owners, etags, strict=True):
            if position == 0:
                written.etags[group.link.id] = etag
        return []

    def _settle(self, group: Group, position: int, written: Written) -> list[Group]:
        operation = group.operations[position]
        if position > 0:
            # A failure or wait that is gone needs no deletion; this worker has written everything else itself.
            kept = tuple(op for op in group.operations if op is not operation)
            return [Group(group.link, kept)] if isinstance(operation, Delete | Insert) else [group]
        current = self._current(group.link)
        if self._is_ours(current):
            written.etags[current.id] = current.etag or ""
        else:
            written.foreign[current.id] = current
        return []

    def _current(self, link: Link) -> Link:
        return self._links.load(link.flow, [link.id])[link.id]


def mark_dirty(links: Links, link: Link) -> bool:
    """Mark a link dirty, whether or not a worker has claimed it: the target may differ from it. False if there is no
    such link any more, or it cannot be read. Raises StorageTrouble."""
    return change_link(links, link, lambda now: None if now.etag is None else replace(now, dirty=True))


def change_link(links: Links, link: Link, change: Callable[[Link], Link | None]) -> bool:
    """Change a link as it is now, whether or not a worker has claimed it. False if `change` changes nothing, or the
    link cannot be read. Raises StorageTrouble."""
    for _ in range(_MARK_ROUNDS):
        changed = None if link.damage is not None else change(link)
        if changed is None:
            return False
        writer = LinkWriter(links, partial(holds, changed))
        written = writer.write([Group(changed, (link_operation(changed),))])
        if not written.foreign:
            return True
        link = written.foreign[link.id]
    raise StorageTrouble(f"a link of {link.flow} could not be marked in {_MARK_ROUNDS} rounds")


def holds(wanted: Link, now: Link) -> bool:
    """Whether a link as it is now says what was to be written."""
    return replace(now, etag=wanted.etag, age_s=wanted.age_s) == wanted
