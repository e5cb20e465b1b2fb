"""Reading many rows of a partition in few requests.

The service answers a row by its key, or the rows between two keys; a filter that names several keys makes it look at
the whole partition. Rows whose keys lie side by side are read as a range, others one by one.
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from shared.state.storage.tables import Stored, key_order

PAGE = 1000
# A row that comes along in a range costs a fortieth at most of a request of its own (docs/decisions.md).
_ROWS_FOR_A_REQUEST = 20
_FEW = 2


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows of a range: those that were wanted, how many there are in all, and the key of the last one."""

    wanted: Sequence[Stored]
    length: int
    last: str

    @classmethod
    def of(cls, rows: Sequence[Stored], among: AbstractSet[str]) -> "Stretch":
        """What was read, if the wanted rows are those with a key of `among`."""
        wanted = [stored for stored in rows if stored.row.key in among]
        return cls(wanted, len(rows), rows[-1].row.key if rows else "")


Scan = Callable[[str, str, int, AbstractSet[str]], Stretch]
"""About so many rows with first <= key < end, in key order, of which those with these keys are wanted; fewer only if
there are no more."""
ReadEach = Callable[[Sequence[str]], Sequence[Stored]]
"""The rows that exist among these keys, a request for each."""


def read_rows(keys: Sequence[str], scan: Scan, read_each: ReadEach) -> Iterator[Stored]:
    """The rows that exist among `keys`, in any order."""
    wanted = sorted(dict.fromkeys(keys), key=key_order)
    while len(wanted) > _FEW:
        limit = min(PAGE, _ROWS_FOR_A_REQUEST * len(wanted))
        # The end of a range does not belong to it, and no character of a key comes before the blank.
        found = scan(wanted[0], wanted[-1] + " ", limit, frozenset(wanted))
        yield from found.wanted
        if found.length < limit:
            return
        last = key_order(found.last)
        rest = [key for key in wanted if key_order(key) > last]
        is_sparse = (len(wanted) - len(rest)) * _ROWS_FOR_A_REQUEST < found.length
        wanted = rest
        if is_sparse:
            break
    if wanted:
        yield from read_each(wanted)
