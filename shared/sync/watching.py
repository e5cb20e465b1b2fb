"""Fields of the target's rows that are shown in the source: which have changed, and what they are (protocol A13).

A look reads every row and compares it with a snapshot, as the pull of a source without versions does. What has changed
and belongs to a linked record becomes a result to be written. The snapshot is saved after that, so no crash loses a
change. A result gets the fields as they are when it is written: also that of a record which a look has met before it
was linked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from shared import exact_json
from shared.clock import Clock
from shared.records import Values, fold
from shared.state.links import Link
from shared.state.results import Result, ResultTurn
from shared.state.snapshots import Sight, Snapshot, digest
from shared.sync.flow import Flow
from shared.sync.ports import WatchedRows
from shared.sync.state import State


class Watching:
    """The target's rows of one flow, as the holder of its turn reads them."""

    def __init__(self, flow: Flow, rows: WatchedRows, run_id: str, *, state: State, clock: Clock) -> None:
        assert flow.results is not None
        self._flow = flow
        self._columns = flow.results.columns
        self._rows = rows
        self._run_id = run_id
        self._state = state
        self._clock = clock

    def look(self, turn: ResultTurn, *, has_time: Callable[[], bool]) -> ResultTurn:
        """Look at the rows as far as there is time; the next look continues. Raises SystemTrouble: then nothing is
        remembered of this look."""
        walk, after = turn.look_walk or self._run_id, turn.look_cursor or None
        snapshot = Snapshot(self._state.snapshots, self._flow.name, walk)
        while True:
            page, after = self._rows.page(after)
            changed = [key for key, values in page.items() if self._is_new(snapshot, key, values)]
            self._ask(changed)
            if after is None or not has_time():
                break
        snapshot.save(finished=after is None)
        if after is None:
            return replace(turn, looked_at=self._clock.now(), look_walk="", look_cursor="")
        return replace(turn, look_walk=walk, look_cursor=after)

    def shown(self, results: Sequence[Result]) -> Mapping[str, Values]:
        """The fields of the rows of these records as they are now, by the id of the record; blank for a record that is
        not linked. Raises SystemTrouble."""
        links = self._state.links.load(self._flow.name, [each.id for each in results])
        keys = {id: link.target_key for id, link in links.items() if link.target_key is not None}
        rows = self._rows.read(list(dict.fromkeys(keys.values()))) if keys else {}
        blank: Values = dict.fromkeys(self._columns.of_target)
        return {each.id: rows.get(keys.get(each.id, ""), blank) for each in results}

    def _is_new(self, snapshot: Snapshot, key: str, values: Values) -> bool:
        content = exact_json.dumps([self._columns.fingerprint, dict(values)])
        return snapshot.note(fold(key), digest(content)) is not Sight.SAME

    def _ask(self, keys: Sequence[str]) -> None:
        """Ask for the results of the records that are linked under these keys."""
        if not keys:
            return
        (route,) = self._flow.routes.values()
        owned = self._state.keys_of(self._flow, route).owners([fold(key) for key in keys])
        ids = sorted(
            {each.owner.id for each in owned.values() if each.damage is None and each.owner.flow == self._flow.name}
        )
        links = self._state.links.load(self._flow.name, ids).values() if ids else ()
        rows = [(link.id, _row_of(link)) for link in links if link.damage is None and link.linked]
        self._state.results.ask([Result(self._flow.name, id, row, {}) for id, row in rows])


def _row_of(link: Link) -> str:
    """The row of a record in its source: of a document, the latest of those that it was made from."""
    revisions = link.content.revisions
    return max(revisions, key=lambda id: revisions[id]) if revisions else link.id
