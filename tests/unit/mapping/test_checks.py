"""How the results of preflight's checks are made, and which of them are told as one."""

from collections.abc import Iterator

import pytest

from shared.errors import AccessRefused, SystemTrouble, Transient
from shared.flows.checks import (
    ACCESS,
    FINOPS,
    SALES,
    Check,
    CheckResult,
    by_cause,
    judged,
    looked,
    one_of_several,
    part,
)
from shared.systems import System

WELL, WRONG, BY_HAND = CheckResult.WELL, CheckResult.WRONG, CheckResult.BY_HAND
FORM = "the fields {} exist"


def check(member: str, found: str = "not there", *, verdict: CheckResult = WRONG, **more: str) -> Check:
    """A check of one field, which may be told with others."""
    given = {"area": FINOPS, "remedy": "add it", "form": FORM, **more}
    made = Check(given["area"], f"the field {member} exists", verdict, found, given["remedy"])
    return one_of_several(made, given["form"], member)


def told(*checks: Check) -> list[tuple[str, str]]:
    return [(each.what, each.found) for each in by_cause(checks)]


def test_checks_with_one_cause_are_told_as_one_with_all_their_members() -> None:
    (one,) = by_cause([check("a"), check("b"), check("c", "refused")])
    assert (one.what, one.found, one.members) == ("the fields a, b, c exist", "not there; refused", ("a", "b", "c"))
    assert (one.verdict, one.remedy, one.area) == (WRONG, "add it", FINOPS)


@pytest.mark.parametrize(
    ("count", "found"),
    [(1, "0"), (3, "0; 1; 2"), (4, "0; 1; 2; and 1 more like these"), (6, "0; 1; 2; and 3 more like these")],
)
def test_three_findings_are_told_and_the_others_counted(count: int, found: str) -> None:
    assert [each for _, each in told(*(check(f"f{at}", str(at)) for at in range(count)))] == [found]


@pytest.mark.parametrize(
    "other",
    [
        check("b", area=SALES),
        check("b", remedy="ask"),
        check("b", form="the columns {} exist"),
        check("b", form=""),
        check("b", verdict=BY_HAND),
        check("b", verdict=WELL),
    ],
)
def test_checks_that_differ_in_more_than_their_finding_stay_apart_and_in_order(other: Check) -> None:
    assert told(check("a"), other) == [("the field a exists", "not there"), ("the field b exists", other.found)]


def test_checks_without_a_finding_are_told_one_by_one() -> None:
    well = [check("a", "", verdict=WELL), check("b", "", verdict=WELL)]
    assert [each.what for each in by_cause(well)] == ["the field a exists", "the field b exists"]


@pytest.mark.parametrize("well", [True, False])
def test_what_is_well_has_neither_finding_nor_remedy(well: bool) -> None:
    found = judged(SALES, "it is so", well, "it is not", "change it")
    assert found == (
        Check(SALES, "it is so", WELL) if well else Check(SALES, "it is so", WRONG, "it is not", "change it")
    )


@pytest.mark.parametrize(
    ("trouble", "found"),
    [
        (Transient(System.FINOPS, "no answer"), "no answer"),
        (AccessRefused(System.FINOPS, "refused", lacks="token", said="who are you"), "refused (who are you)"),
    ],
)
def test_a_system_that_does_not_answer_is_a_finding_in_its_own_words_and_ends_only_these_checks(
    trouble: SystemTrouble, found: str
) -> None:
    wrong = Check(FINOPS, "rows are read", WRONG, found, ACCESS[FINOPS], ("accounts",))

    def look() -> Iterator[Check]:
        yield check("a")
        raise trouble

    assert list(part(FINOPS, "rows are read", look, ["accounts"])) == [check("a"), wrong]
    assert looked(FINOPS, "rows are read", lambda: next(raising(trouble)), ["accounts"]) == wrong
    assert looked(FINOPS, "rows are read", lambda: None, ["accounts"]) == Check(FINOPS, "rows are read", WELL)


def raising(trouble: SystemTrouble) -> Iterator[None]:
    raise trouble
    yield
