"""Two flows in opposite directions: `parents` go to F&O, and `replies` come back. A reply names its parent by the key
that the parent has in F&O."""

from dataclasses import dataclass, field, replace
from typing import Any

from shared.errors import SyncError
from shared.mapping.verdicts import Filter, Filtered, Known, Mapped, Parent, Verdict
from shared.records import SourceRow, TargetRow, Write
from shared.state.links import Link
from shared.sync.flow import Flow, Route, Walked
from shared.systems import System
from tests.support.doubles import BulkTarget, FakeMapper, FakeSource, WalkedTable, unnumbered
from tests.support.world import World

REPLIES = "replies"
BACK = "back"
CUSTOMERS = "Customers"


@dataclass(frozen=True)
class ReplyMapper(FakeMapper):
    """A reply waits for the parent whose key is `to`, and tells the id of its row in Sales. With `until` it is filtered
    until then. With `into` it only writes its status into that row, unless the row is invoiced. With `looks` it names
    the parent whose id is `to`, and waits until that one is looked at."""

    target_entity: str = "Rows"
    until: bool = False
    into: bool = False
    looks: bool = False

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        if self.looks:
            return (Parent.looked_at("parents", str(row.values["to"])),)
        return (Parent.with_key(CUSTOMERS, str(row.values["to"])),)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        (parent,) = self.parents(row)
        if self.until and parent not in known.keys:
            return Filtered("nobody", until=(parent,))
        if self.into:
            return Mapped(known.rows.get(parent, ""), {"status": row.values["status"]}, {}, (parent,))
        return Mapped(row.id, {"status": row.values["status"], "row": known.rows.get(parent)}, {}, (parent,))

    def left_out(self, row: TargetRow) -> Filtered | None:
        """An invoiced row is read-only."""
        return Filtered("invoiced") if row.values.get("state") == "invoiced" else None


@dataclass
class RowsOfParents(BulkTarget):
    """The rows of the parents in Sales as the target of the replies: what is written there changes the parents."""

    parents: FakeSource = field(kw_only=True)

    def _land(self, write: Write) -> SyncError | None:
        refused = super()._land(write)
        if refused is None and write.key in self.parents.rows:
            self.parents.save(write.key, **write.values)
        return refused


class Replying(World):
    """A world with both flows."""

    def __init__(self, *, until: bool = False, into: bool = False, looks: bool = False, **values: Any) -> None:
        super().__init__(flows=("parents", REPLIES), **values)
        self.replies = WalkedTable(self.steps)
        self.rows = RowsOfParents(self.steps, self.clock, parents=self.source)
        self.sources[REPLIES] = self.replies
        self.mappers[REPLIES] = self.reply_mapper = ReplyMapper(until=until, into=into, looks=looks)

    def _flow(self, name: str) -> Flow:
        if name != REPLIES:
            rule = Filter("the parent is not ready yet", "nothing", passes=True)
            return replace(super()._flow(name), filters={"unready": rule})
        (route,) = self._routes(name)
        ways, mapper = (System.FINOPS, System.DATAVERSE), self.mappers[name]
        flow = Flow(name, *ways, self.company, Walked(self.replies), {route.name: route}, mapper, unnumbered)
        return replace(flow, parents_by_key=(CUSTOMERS,), looks_first=("parents",))

    def _routes(self, name: str) -> tuple[Route, ...]:
        if name != REPLIES:
            return super()._routes(name)
        mapper = self.reply_mapper
        return (Route(BACK, "Rows", self.rows, mapper, updates=mapper.into, left_out=mapper.left_out),)

    def reply(self, id: str, to: str, status: str = "open") -> None:
        """A record of F&O that names a parent by its key, as a person writes it."""
        self.replies.save(id, to=to, status=status)

    def parent(self, id: str, key: str, **values: Any) -> None:
        """A record of Sales that gets this key in F&O."""
        self.source.save(id, **{"number": key, "name": id, **values})
        self.rows.put_by_hand(id)

    def run(self, *flows: str) -> None:
        """Pull these flows, one after the other, and work off their messages."""
        for flow in flows:
            self.pull(flow)
            self.drain([flow])

    def link_of(self, reply: str) -> Link:
        """The link of a reply."""
        return self.state.links.load(REPLIES, [reply])[reply]
