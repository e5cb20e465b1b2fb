"""The checks of preflight and their results."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.errors import SystemTrouble
from shared.setupguide import section
from shared.systems import System

SALES, FINOPS = System.DATAVERSE.label, System.FINOPS.label
# Where docs/setup.md says how the app, or the operator, gets access.
ACCESS: Mapping[str, str] = {SALES: section("6"), FINOPS: section("7")}

_FOUND_TOLD = 3


class CheckResult(StrEnum):
    """The result of a check. `BY_HAND` is what cannot be seen from outside."""

    WELL = "well"
    WRONG = "wrong"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was checked, what was found, and what helps (a step of docs/setup.md).

    `flows` are those whose columns it covers, or would have covered if the system had answered. `drift` says, for each
    of them, which columns do not match the mapping according to the metadata: a refused read is not such evidence,
    since another user may see more. `form` is the check's text for several things, which replace its braces: checks
    with the same cause become one, with its `members`.
    """

    area: str
    what: str
    verdict: CheckResult
    found: str = ""
    remedy: str = ""
    flows: tuple[str, ...] = ()
    drift: Mapping[str, str] = field(default_factory=dict)
    form: str = ""
    members: tuple[str, ...] = ()


BY_HAND = (
    Check(
        FINOPS,
        "number sequences of customers, parties, quotations and sales orders are manual",
        CheckResult.BY_HAND,
        "",
        section("3"),
    ),
    Check(FINOPS, "the app's user has the language en-us", CheckResult.BY_HAND, "", section("7")),
    Check(FINOPS, "the app has a throttling priority", CheckResult.BY_HAND, "", section("7")),
    Check(FINOPS, "sites and warehouses of the map document exist", CheckResult.BY_HAND, "", section("3")),
    Check(SALES, "the app may read columns with column-level security", CheckResult.BY_HAND, "", section("6.1")),
    Check("both", "dual-write and the old projects are off", CheckResult.BY_HAND, "", section("10")),
)


def judged(area: str, what: str, well: bool, found: str, remedy: str) -> Check:
    """Well if nothing was found, otherwise wrong."""
    return Check(area, what, CheckResult.WELL) if well else Check(area, what, CheckResult.WRONG, found, remedy)


def one_of_several(check: Check, form: str, member: str) -> Check:
    """The same check, which may be joined with others of its form."""
    return replace(check, form=form, members=(member,))


def by_cause(checks: Iterable[Check]) -> Iterator[Check]:
    """The same checks; those that found something and share form and remedy become one."""
    alike: dict[object, list[Check]] = {}
    for place, check in enumerate(checks):
        joins = check.form and check.verdict is not CheckResult.WELL
        alike.setdefault((check.area, check.form, check.verdict, check.remedy) if joins else place, []).append(check)
    for same in alike.values():
        yield same[0] if len(same) == 1 else _joined(same)


def _joined(same: Sequence[Check]) -> Check:
    members = tuple(member for check in same for member in check.members)
    found = list(dict.fromkeys(check.found for check in same))
    more = f"; and {len(found) - _FOUND_TOLD} more like these" if len(found) > _FOUND_TOLD else ""
    return replace(
        same[0],
        what=same[0].form.format(", ".join(members)),
        found="; ".join(found[:_FOUND_TOLD]) + more,
        members=members,
    )


def looked(area: str, what: str, look: Callable[[], object], flows: Iterable[str] = ()) -> Check:
    """Well if the system answers."""
    try:
        look()
    except SystemTrouble as trouble:
        return unanswered(area, what, trouble, flows)
    return Check(area, what, CheckResult.WELL)


def part(area: str, what: str, look: Callable[[], Iterator[Check]], flows: Iterable[str] = ()) -> Iterator[Check]:
    """Some checks. A call that the system does not answer ends only these, and becomes a finding."""
    try:
        yield from look()
    except SystemTrouble as trouble:
        yield unanswered(area, what, trouble, flows)


def unanswered(area: str, what: str, trouble: SystemTrouble, flows: Iterable[str] = ()) -> Check:
    """What could not be checked, in the system's own words."""
    said = f" ({trouble.said})" if trouble.said else ""
    return Check(area, what, CheckResult.WRONG, f"{trouble}{said}", ACCESS[area], tuple(flows))
