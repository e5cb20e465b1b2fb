"""What the business logic of a collection can ask of its rows, as data."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from local.finops.schema import COMPANY
from local.finops.values import Stored

Row = Mapping[str, Stored]


def nothing(_target: Row) -> Row:
    """What a new row takes over from one that it only names."""
    return {}


def _exactly(row: Row, _decimals: int) -> Row:
    """Amounts as they are calculated."""
    return row


def _any(_target: Row) -> str | None:
    return None


def _fits(_row: Row, _target: Row) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A property that must name a row of another collection, or be empty.

    `label` and `table` are the words that the refusal uses for the field and the table. A new row takes over what
    the named row `gives`; `accept` refuses a named row with a text; `complain` names what the finished row lacks
    because of the row that it names. `shows` are properties that always hold what a property of the named row holds.
    """

    name: str
    target: str
    target_name: str
    label: str
    table: str
    gives: Callable[[Row], Row] = nothing
    accept: Callable[[Row], str | None] = _any
    complain: Callable[[Row, Row], tuple[str, ...]] = _fits
    shows: Mapping[str, str] = field(default_factory=dict)

    @property
    def complains(self) -> bool:
        """Whether the named row has a say in the finished one."""
        return self.complain is not _fits

    @property
    def gives_something(self) -> bool:
        """Whether a new row takes anything over from the named one."""
        return self.gives is not nothing


@dataclass(frozen=True, slots=True)
class Sequence:
    """A property that a number sequence fills when the caller leaves it out.

    `per_company` sequences count and show their company; `chosen_by` is a reference whose row may name
    another sequence in its property `chosen_in`.
    """

    name: str
    per_company: bool
    chosen_by: str = ""
    chosen_in: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """A second table behind the entity, shared by all rows with the same `link`: it has its own pair in the tag.

    `exclusive` says that no two rows of a company share one, if the environment is set up like that.
    """

    link: str
    names: frozenset[str]
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """The document that a line belongs to: the row of `target` with the same `link`.

    `number` is the property that numbers the lines of a document; `total` of the document is the sum of `amount`,
    where there is such a property. A document `follows` the property `watched` of its lines in what it shows.
    """

    target: str
    link: str
    number: str
    amount: str
    total: str = ""
    watched: str = ""
    follows: Callable[[Iterable[Stored]], Row] | None = None


@dataclass(frozen=True, slots=True)
class Dependent:
    """Rows of another collection whose `link` names a row: they are deleted with it where `cascades`, else they keep
    it from being deleted. `label` is what the refusal calls them."""

    target: str
    link: str
    link_target: str
    label: str
    cascades: bool = False


def _unchanged(row: Row, _given: frozenset[str]) -> Row:
    return row


def _as_it_is(row: Row) -> Row:
    return row


def _no_complaint(_row: Row) -> tuple[str, ...]:
    return ()


def _no_refusal(_name: str, _value: str) -> str | None:
    return None


def _as_given(_name: str, value: Stored) -> Stored:
    return value


@dataclass(frozen=True, slots=True)
class Rules:
    """One collection. `table` is its table with the label, as duplicates are reported.

    `accept` refuses a given value with a text, `normalise` gives the form in which it is kept, `derive` fills what
    follows from other values at creation, `compute` calculates what follows from them at every write and `in_currency`
    rounds the amounts of that, `complain` names what the finished row lacks, `locked` says why a row cannot be changed
    any more. `today` are dates that a new row has for today, `fixed` are properties that never change, `unique` are
    properties that no two rows of a company share, `counted` are totals of the lines that a row owns, `kept` are
    properties that only the service writes, `outdated` is what every change of the row says of it. `read_only`
    collections refuse every write of a client. `stays` says why a row cannot be deleted. `view_of` names the collection
    whose rows this one shows with fewer properties, `visible` is the condition of the rows that clients see, as SQL,
    and `hidden` are quantities that no collection shows.
    """

    table: str
    record_label: str
    references: tuple[Reference, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    joined: Joined | None = None
    owner: Owner | None = None
    dependents: tuple[Dependent, ...] = ()
    accept: Callable[[str, str], str | None] = _no_refusal
    normalise: Callable[[str, Stored], Stored] = _as_given
    derive: Callable[[Row, frozenset[str]], Row] = _unchanged
    compute: Callable[[Row], Row] = _as_it_is
    in_currency: Callable[[Row, int], Row] = _exactly
    complain: Callable[[Row], tuple[str, ...]] = _no_complaint
    locked: Callable[[Row], str | None] = _any
    today: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    outdated: Row = field(default_factory=dict)
    stays: Callable[[Row], str | None] = _any
    read_only: bool = False
    view_of: str = ""
    visible: str = ""
    hidden: tuple[str, ...] = ()
    labels: Mapping[str, str] | None = None

    def label(self, name: str, default: str) -> str:
        """The word that messages use for a property."""
        return (self.labels or {}).get(name, default)


def described(rules: Rules, key: Row) -> str:
    """A row as the message of a duplicate shows it: label and key without the company."""
    return f"{rules.record_label}: {', '.join(str(value) for name, value in key.items() if name != COMPANY)}"
