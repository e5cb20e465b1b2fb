"""Links of a flow whose environment has changed: what they say about the target is true of the former one.

Every step can be repeated, so an operator can run an interrupted command again. The flow stays blocked meanwhile, so
that nothing that is queued here is applied before all links are done.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from shared.counting import counted
from shared.errors import StorageTrouble
from shared.operations.audit_log import Refused
from shared.operations.sender import Sender
from shared.state.checkpoint_parts import Phase, Position
from shared.state.checkpoints import Checkpoint
from shared.state.keys import Keys, Owner
from shared.state.links import Link, LinkState
from shared.sync.damage import damage_of, damage_of_key
from shared.sync.environment import COMPANY, UNFINISHED, Difference, may_be_another
from shared.sync.flow import Flow, Tracked
from shared.sync.link_writer import Group, LinkWriter, link_operation
from shared.sync.state import State
from shared.systems import System

_ROUNDS = 5
# The maximum number of records that a refusal names.
_TOLD = 20
_KEPT_STATES = (LinkState.FILTERED, LinkState.WAITING, LinkState.REJECTED, LinkState.DELETED)
# What the link of a record becomes; None if nothing in it is about the target.
Change = Callable[[Link], Link | None]


class NewTarget(StrEnum):
    """What the target of a flow is now, compared with the former one."""

    SAME = "same"
    """The same environment under another address: the links stay true."""
    COPY = "copy"
    """A copy: our rows exist there under their keys, as they were when it was made."""
    EMPTY = "empty"
    """It has none of our rows."""


class Retargeting:
    """Adapts the links and checkpoints of one flow to another environment."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        flow: str,
        differences: Sequence[Difference],
        *,
        state: State,
        sender: Sender,
    ) -> None:
        self._flows = flows
        self._flow = flows[flow]
        self._state = state
        self._sender = sender
        self._differences = differences
        self._was_begun = any(difference.name == UNFINISHED for difference in differences)
        self._former_company = next((difference.was for difference in differences if difference.name == COMPANY), None)

    def require(self, target: NewTarget | None) -> NewTarget:
        """What the target is, according to the systems and an operator. Raises Refused if only an operator can tell and
        has not, or has said something impossible; and if links must be changed that cannot be read: all are read
        before the first is changed, so that a refusal names each."""
        known = self._known(target)
        if known is not NewTarget.SAME or self._former_company is not None:
            self._require_readable(self._state.links.walk(self._flow.name))
        return known

    def _require_readable(self, links: Iterable[Link]) -> None:
        damaged = [link.id for link in links if damage_of(link, self._flow) is not None]
        if damaged:
            raise Refused(
                f"{counted(len(damaged), 'link')} of {self._flow.name} cannot be read, so not all of its rows in the "
                f"former target are known: run `p2c repair {self._flow.name} RECORD` for each of "
                f"{', '.join(damaged[:_TOLD])}{' and others' if len(damaged) > _TOLD else ''}; then accept again"
            )

    def _known(self, target: NewTarget | None) -> NewTarget:
        system = self._flow.target_system
        if not may_be_another(system, self._differences):
            if target not in (None, NewTarget.SAME):
                raise Refused(f"{system.label}, the target of {self._flow.name}, is the same one; omit --target")
            return NewTarget.SAME
        if target is None:
            raise Refused(
                f"{system.label}, the target of {self._flow.name}, may be another one. Say what it is, compared with "
                f"the former one:{self._same_text()} --target copy (it has our rows under their numbers: every record "
                "is compared and written), or --target empty (it has none of our rows: every record is created)"
            )
        if target is NewTarget.SAME and not self._can_be_same:
            raise Refused(f"{system.label} says that it is another one; pass --target copy or --target empty")
        return target

    @property
    def _can_be_same(self) -> bool:
        """Whether only the address of the target is another one."""
        names = {difference.name for difference in self._differences}
        return self._flow.target_system is System.FINOPS and not names & {"finops_identity", COMPANY, UNFINISHED}

    def _same_text(self) -> str:
        return " --target same (the same environment under another address)," if self._can_be_same else ""

    def bring(self, target: NewTarget) -> None:
        """Make the links true for the new target, and queue every record that has something there. If the source is
        another one, it is read from its beginning. Raises StorageTrouble, and Refused for a key that another record
        owns there."""
        match target:
            case NewTarget.EMPTY:
                self._each(_anew, self._release)
            case NewTarget.COPY:
                self._each(_doubted, self._take_keys)
            case NewTarget.SAME if self._former_company is not None:
                # The ids that we give rows in Sales depend on the company too, so records that have one are looked up.
                self._each(_doubted, self._take_keys)
        if may_be_another(self._flow.source_system, self._differences):
            self._read_anew()

    def _each(self, change: Change, first: Callable[[Sequence[Link]], None]) -> None:
        """Page by page: queue the records, do `first`, then change the links. After an interruption the remaining ones
        are found again."""
        after: str | None = ""
        while after is not None:
            links, after = self._state.links.page(self._flow.name, after)
            self._require_readable(links)
            due = [link for link in links if change(link) is not None]
            self._sender.send(self._flow.name, [link.id for link in due])
            first(links)
            self._save(due, change)

    def _save(self, links: Sequence[Link], change: Change) -> None:
        """A worker that began before the flow was blocked may still commit: then its link is changed again."""
        writer = LinkWriter(self._state.links, lambda _: False)
        for _ in range(_ROUNDS):
            changed = [(link, new) for link in links if (new := change(link)) is not None and new != link]
            groups = [Group(link, (link_operation(new),)) for link, new in changed]
            links = list(writer.write(groups).foreign.values())
            if not links:
                return
        raise StorageTrouble(
            f"links of {self._flow.name} could not be changed in {_ROUNDS} rounds; run the command again"
        )

    def _release(self, links: Sequence[Link]) -> None:
        for route, ours in self._owned(links):
            self._keys(route, self._former_company).release_all(ours)

    def _take_keys(self, links: Sequence[Link]) -> None:
        """Keys are owned per company: in another company they are taken anew. So are those of records that come back to
        what they have there: they were released as the flow left it, or was about to."""
        for link in links:
            there = link.back_from_elsewhere()
            if there is not link or self._was_begun:
                for route, key in sorted(_rows(there)):
                    self._own(route, {key: Owner(self._flow.name, route, link.id)})
        if self._former_company is None:
            return
        for route, ours in self._owned(links):
            self._own(route, ours)
            self._keys(route, self._former_company).release_all(ours)

    def _own(self, route: str, ours: Mapping[str, Owner]) -> None:
        for key, rival in self._keys(route, None).own(dict(ours)).items():
            self._refuse(route, key, rival.owner, ours[key])

    def _refuse(self, route: str, key: str, owner: Owner, ours: Owner) -> None:
        former = self._former_company or self._flow.company
        raise Refused(
            f"{key} in {self._flow.route(route).entity} is owned by {ours.flow} {ours.id} in company {former}, "
            f"and by {owner.flow} {owner.id} in company {self._flow.company}: set the former "
            "company again, look at both with `p2c explain`, unlink one of them, then change the company again"
        )

    def _keys(self, route: str, company: str | None) -> Keys:
        entity = self._flow.route(route).entity
        return Keys(self._state.keys, entity, self._flow.company if company is None else company)

    def _owned(self, links: Sequence[Link]) -> Iterator[tuple[str, dict[str, Owner]]]:
        """The keys that records owned in the former target, by route: those of the present rows, and of those that they
        have left. A key that a record only wanted may belong to another record by now. Raises Refused for a key whose
        owner is unknown."""
        named: dict[str, dict[str, set[Owner]]] = defaultdict(lambda: defaultdict(set))
        for link in links:
            for route, key in _places(link):
                named[route][key].add(Owner(self._flow.name, route, link.id))
        for route, owners in named.items():
            keys = self._keys(route, self._former_company)
            found = keys.owners(list(owners))
            for key, owned in found.items():
                damage = damage_of_key(owned, keys.row_of(key), self._flows)
                if damage is not None:
                    raise Refused(f"{damage}; {damage.remedy}; then accept again")
            yield route, {value.key: value.owner for key, value in found.items() if value.owner in owners[key]}

    def _read_anew(self) -> None:
        """No delta link of the former source is followed, and versions seen there no longer count."""
        feed = self._flow.feed
        for source in (*feed.further, None) if isinstance(feed, Tracked) else (None,):
            self._begin_anew(source, tracked=isinstance(feed, Tracked))

    def _begin_anew(self, source: str | None, *, tracked: bool) -> None:
        for _ in range(_ROUNDS):
            checkpoint = self._state.checkpoints.load(self._flow.name, source)
            if checkpoint is None or self._state.checkpoints.save(self._anew(checkpoint, tracked)) is not None:
                return
        raise StorageTrouble(f"the checkpoint of {self._flow.name} could not be saved in {_ROUNDS} rounds")

    def _anew(self, checkpoint: Checkpoint, tracked: bool) -> Checkpoint:
        begun = checkpoint.begun_anew(self._sender.new_id)
        return (
            begun
            if tracked
            else replace(begun, position=Position(Phase.WALK), scans=replace(begun.scans, full_at=None))
        )


def _places(link: Link) -> set[tuple[str, str]]:
    """Where a record has, or may have, something in the target."""
    may_have = {(link.route, link.held_key)} if link.route is not None and link.held_key else set()
    return _rows(link) | may_have


def _rows(link: Link) -> set[tuple[str, str]]:
    """Where a record has something in the target."""
    here = {(link.route, link.target_key)} if link.route is not None and link.target_key else set()
    return here | {(left.route, left.key) for left in link.former}


def _doubted(link: Link) -> Link | None:
    """The target may hold something other than the link says. What ended after the copy was made is ended there."""
    link = link.back_from_elsewhere()
    if not _places(link):
        return None
    if link.state not in (LinkState.ENDED, LinkState.DELETED):
        return replace(link, dirty=True)
    # Should the record come back, the fields that it had filled are known still.
    touched = tuple(sorted({*link.content.touched, *link.content.applied}))
    return replace(link, dirty=True, content=replace(link.content.unknown(), touched=touched))


def _anew(link: Link) -> Link | None:
    """The record has nothing in the target. What it has in the former one is remembered: the flow may come back."""
    if not _places(link):
        return None
    return replace(
        link.left_behind(),
        state=link.state if link.state in _KEPT_STATES else LinkState.NEW,
        seen=replace(link.seen, fingerprint=None),
        dirty=False,
        attempts=0,
        unknowns=0,
        unanswered=0,
        claim=replace(link.claim.ended(), unfinished=0),
    )
