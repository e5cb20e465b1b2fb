"""Target keys and their owners: one row per target key, so that no two records ever write the same target row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.errors import Damage, RowConflict, StateUnreadable, StorageTrouble
from shared.records import fold
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import (
    LAST_KEY,
    MAX_TRANSACTION_ROWS,
    Delete,
    Insert,
    Replace,
    Row,
    Stored,
    Table,
    escape,
    unescape,
)

_ROUNDS = 5
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Owner:
    """The record that owns a target key."""

    flow: str
    route: str
    id: str


@dataclass(frozen=True, slots=True)
class OwnedKey:
    """A key with its owner as read. `age_s` is for how long it has been so, by the storage service's own clock.
    `damage` says that the row cannot be read: the key has an unknown owner, so no record gets it."""

    key: str
    owner: Owner
    etag: str
    age_s: float = field(default=0.0, compare=False)
    damage: Damage | None = None


_NOBODY_KNOWS = Owner("", "", "")


class Keys:
    """The owned keys of one target collection in one company: a partition of the keys table."""

    def __init__(self, table: Table, target_entity: str, company: str) -> None:
        self._table = table
        self.partition = escape(f"{target_entity}|{company.casefold()}")

    def _row(self, key: str, owner: Owner) -> Row:
        cells = {"key": key, "flow": owner.flow, "route": owner.route, "record_id": owner.id}
        return Row(self.partition, escape(fold(key)), cells)

    def row_of(self, key: str) -> Row:
        """Where the row of a key is."""
        return Row(self.partition, escape(fold(key)), {})

    def owners(self, keys: Sequence[str]) -> dict[str, OwnedKey]:
        """Who owns which of `keys`, by the key as given."""
        stored = self._table.read(self.partition, [escape(fold(key)) for key in keys])
        return {key: _to_owned(stored[row]) for key in keys if (row := escape(fold(key))) in stored}

    def page(self, after: str, limit: int) -> tuple[list[OwnedKey], str | None]:
        """Some keys in the order of their rows from the row key `after` ("" = the first), and where to continue (None:
        the end)."""
        stored = self._table.scan(self.partition, start=after, end=LAST_KEY, limit=limit)
        return [_to_owned(row) for row in stored], stored[-1].row.key + " " if len(stored) == limit else None

    def walk(self) -> Iterator[OwnedKey]:
        """Every owned key, page by page."""
        after: str | None = ""
        while after is not None:
            page, after = self.page(after, _PAGE)
            yield from page

    def own(self, wanted: dict[str, Owner]) -> dict[str, OwnedKey]:
        """Take every key that has no owner. Returns those that other records own, with their owners.

        A key that is ours already stays ours, and is rewritten: a worker that is about to hand it over as abandoned has
        read an older version and fails. Raises StorageTrouble if others change the keys again and again.
        """
        taken: dict[str, OwnedKey] = {}
        pending = list(wanted.items())
        while pending:
            chunk, pending = pending[:MAX_TRANSACTION_ROWS], pending[MAX_TRANSACTION_ROWS:]
            taken |= self._own_chunk(chunk)
        return taken

    def _own_chunk(self, chunk: list[tuple[str, Owner]]) -> dict[str, OwnedKey]:
        taken: dict[str, OwnedKey] = {}
        known: dict[str, OwnedKey] = {}
        for _ in range(_ROUNDS):
            try:
                if chunk:
                    self._table.transact([self._take(key, owner, known.get(key)) for key, owner in chunk])
            except RowConflict:
                known = self.owners([key for key, _ in chunk])
                taken |= {key: known[key] for key, owner in chunk if key in known and known[key].owner != owner}
                chunk = [(key, owner) for key, owner in chunk if key not in taken]
            else:
                return taken
        raise StorageTrouble(f"{len(chunk)} target keys could not be taken in {_ROUNDS} rounds")

    def _take(self, key: str, owner: Owner, known: OwnedKey | None) -> Insert | Replace:
        row = self._row(key, owner)
        return Insert(row) if known is None else Replace(row, known.etag)

    def hand_over(self, owned: OwnedKey, to: Owner) -> bool:
        """Give a key from its owner as read to another; False if another worker was faster."""
        return self._try(Replace(self._row(owned.key, to), owned.etag))

    def release(self, owned: OwnedKey) -> bool:
        """Give a key up; False if another worker was faster."""
        return self._try(Delete(self._row(owned.key, owned.owner), owned.etag))

    def release_all(self, owned: Mapping[str, Owner]) -> None:
        """Give up those keys that these records own."""
        keys = list({fold(key): key for key in owned}.values())
        for at in range(0, len(keys), MAX_TRANSACTION_ROWS):
            found = self.owners(keys[at : at + MAX_TRANSACTION_ROWS])
            ours = [value for key, value in found.items() if value.owner == owned[key]]
            try:
                if ours:
                    self._table.transact([Delete(self._row(each.key, each.owner), each.etag) for each in ours])
            except RowConflict:
                for one in ours:
                    self.release(one)

    def _try(self, operation: Replace | Delete) -> bool:
        try:
            self._table.transact([operation])
        except RowConflict:
            return False
        return True


def unknown_owner(row: Row) -> Damage:
    """The damage of a key whose owner has a flow or route that this version does not know."""
    return Damage(
        "keys", row.partition, row.key, "flow", "or route is one that this version does not know", _helps(row)
    )


def _helps(row: Row) -> str:
    return f"p2c repair for the record that has this row in the target; if none has it, {drop('keys', row)}"


def _to_owned(stored: Stored) -> OwnedKey:
    try:
        return read_key(stored)
    except StateUnreadable as unreadable:
        return OwnedKey(unescape(stored.row.key), _NOBODY_KNOWS, stored.etag, stored.age_s, unreadable.damage)


def read_key(stored: Stored) -> OwnedKey:
    """A key with its owner from its stored row. Raises StateUnreadable."""
    row = stored.row
    cells = Cells("keys", row, _helps(row))
    key = cells.text("key")
    if escape(fold(key)) != row.key:
        raise cells.unreadable("key", "is not that of the row's key")
    owner = Owner(cells.text("flow"), cells.text("route"), cells.text("record_id"))
    return OwnedKey(key, owner, stored.etag, stored.age_s)
