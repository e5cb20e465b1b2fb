"""What a mapping says about one source record. The engine acts on these and knows nothing else about a flow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from shared.records import Json, References, Values, fold


@dataclass(frozen=True, slots=True)
class Parent:
    """A record that must be linked before the child can be written (protocol W2): by its flow, route and id, or by the
    target key that it owns (see with_key). The child of a filtered one is filtered; if it is `optional`, the child goes
    without it. Or a record that must only be looked at before (see looked_at)."""

    BY_KEY: ClassVar[str] = "key"
    LOOK: ClassVar[str] = "look"

    flow: str
    route: str
    id: str
    optional: bool = field(default=False, compare=False)

    @classmethod
    def with_key(cls, collection: str, key: str) -> "Parent":
        """The record of any flow that is linked under a target key: a record of the other direction names it so. The
        collection, the route BY_KEY and the folded key stand for flow, route and id."""
        return cls(collection, cls.BY_KEY, fold(key))

    @classmethod
    def looked_at(cls, flow: str, id: str) -> "Parent":
        """A record that must be looked at before the first write of the child, whatever becomes of it (protocol W4).
        The flow of the child names that of this record in `looks_first`."""
        return cls(flow, cls.LOOK, id)

    @property
    def is_by_key(self) -> bool:
        """Whether it is named by its target key."""
        return self.route == self.BY_KEY

    @property
    def is_look(self) -> bool:
        """Whether it must only be looked at."""
        return self.route == self.LOOK


@dataclass(frozen=True, slots=True)
class Known:
    """What a mapping may know besides the source record.

    `now` is the time (UTC), `applied` the content that was last applied to the target of `route`, `references` the
    small tables of the target. `route` is the route on which the record is linked, None if on none. `keys` are the
    target keys of those records of `Mapper.parents` that are linked, and `rows` the ids of their rows in the target of
    this flow, where they are known: a record that is named by its target key comes from there, and `flows` are the
    flows of such records. `begun` are those of them whose key belongs to a record that is not linked yet: it may be
    there in a moment. `numbers` are the line numbers that a document has ever used, with the identity of the line
    that has it (empty: of a line that is gone), and `revisions` the source rows that it was made from, by id with their
    number in the chain.
    """

    now: datetime
    applied: Values = field(default_factory=dict)
    references: References = field(default_factory=dict)
    route: str | None = None
    keys: Mapping[Parent, str] = field(default_factory=dict)
    rows: Mapping[Parent, str] = field(default_factory=dict)
    flows: Mapping[Parent, str] = field(default_factory=dict)
    begun: frozenset[Parent] = frozenset()
    numbers: Mapping[int, str] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filtered:
    """The record is not for the target. `rule` is a name that an operator understands, such as `inactive`.

    `ends` is true for a rule that ends a record that was linked before (rules.md, Ends): the target row stays and the
    outcome is counted separately. `until` are parents: as soon as one of them is linked, the record is looked at again.
    """

    rule: str
    ends: bool = False
    until: tuple[Parent, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter rule in words; `remedy` says what to do if the record should be in the target. A rule that `passes` does
    not hold for long: what waits until the record is looked at waits until then."""

    meaning: str
    remedy: str
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The record cannot be mapped. `cause` groups equal cases, such as `country_unknown`; the message is for
    people and names field and value; `remedy` says what to do. `looked_up` is true when something was missing in the
    target's small tables, which may have been read some minutes ago. `value` is what is wrong in the record, if
    cases of one cause differ in it: a name that is not listed, or the column of a text that is too long. `lacks` is the
    entry that a value map would need for it: the map, the name and the code, of which one is a word in capitals that an
    operator replaces."""

    cause: str
    message: str
    remedy: str
    looked_up: bool = False
    value: str = ""
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remark:
    """What the target does not get as the source has it, without a reason to refuse the record. `cause` groups equal
    cases, such as `state_left_out`; `value` is what the source has."""

    cause: str
    value: str


@dataclass(frozen=True, slots=True)
class MappedLine:
    """One line of a document as the target should hold it, by ownership as in Mapped."""

    owned: Mapping[str, Json]
    on_create: Mapping[str, Json] = field(default_factory=dict)
    calculated: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mapped:
    """The record as the target should hold it.

    `owned` fields are kept equal; `on_create` fields are sent at creation only. A value of None is blank: left
    out at creation, sent as the field's empty value only if we had written something before. `route` is the route
    that the record takes, None in a flow that has one only. For a document, `lines` are its lines by number, `numbers`
    and `revisions` the new values of those in Known, and `reused` says why it is another document than the linked one,
    whose key it has: it may take over the target row only if adoption is allowed. `calculated` is what the target
    should make of what is written, such as totals: it is never sent. `remarks` are shown before anything is written.
    `fills` are the owned fields that are sent only as long as the target has nothing there.
    """

    key: str
    owned: Mapping[str, Json]
    on_create: Mapping[str, Json]
    parents: tuple[Parent, ...] = ()
    route: str | None = None
    lines: Mapping[int, MappedLine] = field(default_factory=dict)
    numbers: Mapping[int, str] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)
    reused: Rejected | None = None
    calculated: Mapping[str, Json] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    fills: frozenset[str] = frozenset()


Verdict = Filtered | Rejected | Mapped
