"""NCRONTAB expressions, beside what the parser of the Functions host makes of them.

ncrontab.json: expressions, and the next three occurrences that the host's own parser (timer extension 5.1) has found,
or null where it refuses one.
"""

import json

import pytest

from shared.ncrontab import check
from tests.support.project import ROOT

TABLE = json.loads((ROOT / "tests" / "unit" / "ncrontab.json").read_text(encoding="utf-8"))
TAKEN = {each["expression"]: each["next"] for each in TABLE if each["next"] is not None}
REFUSED = [each["expression"] for each in TABLE if each["next"] is None]
# The host reads these as something that nobody means.
UNMEANT = {
    "0 0 0 * * FRI-MON": "the field for the weekday",
    "0 0 0 * * 6-1": "the field for the weekday",
    "0 0 22-2 * * *": "the field for the hour",
    "0 5-1 * * * *": "the field for the minute",
    "0 */0 * * * *": "the field for the minute",
    "0 0/0 * * * *": "the field for the minute",
    "0 0 0 30 2 *": "never comes",
    "*/5 * * * *": "six fields",
    "0 0 4 * * S": "the field for the weekday",
    "0 0 4 * j *": "the field for the month",
}


def test_the_table_has_what_it_should() -> None:
    assert len(TABLE) == 73
    assert TAKEN.keys() >= UNMEANT.keys()


@pytest.mark.parametrize("expression", sorted(TAKEN.keys() - UNMEANT.keys()))
def test_what_the_host_takes_is_taken(expression: str) -> None:
    assert check(expression) == expression


@pytest.mark.parametrize("expression", REFUSED)
def test_what_the_host_refuses_is_refused_before_a_deployment(expression: str) -> None:
    with pytest.raises(ValueError, match=r"the field for|six fields"):
        check(expression)


@pytest.mark.parametrize(("expression", "why"), UNMEANT.items())
def test_what_the_host_reads_as_something_that_nobody_means_is_refused_with_its_field(
    expression: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        check(expression)


@pytest.mark.parametrize("expression", ["0 0 0 31 2,4,6 *", "0 0 0 30-31 feb *"])
def test_a_day_that_none_of_its_months_has_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="never comes"):
        check(expression)


@pytest.mark.parametrize("expression", ["0 0 0 31 */2 1", "0 0 0 29-31 feb *"])
def test_a_day_that_one_of_its_months_has_is_taken(expression: str) -> None:
    assert check(expression) == expression
