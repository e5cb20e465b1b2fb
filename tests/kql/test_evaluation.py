"""The evaluator does what Kusto's documentation says of each operator and function."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.kql.evaluation import Rows, run
from tests.kql.parsing import parse
from tests.kql.values import Unknown

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def traces(*messages: str) -> Rows:
    return [{"TimeGenerated": NOON + timedelta(minutes=at), "Message": text} for at, text in enumerate(messages)]


def evaluated(query: str, rows: Rows | None = None) -> Rows:
    (parsed,) = parse({"query": query}).values()
    assert parsed.errors == ()
    return run(parsed.tree, {"AppTraces": rows or []})


def value(expression: str) -> Any:
    (row,) = evaluated(f"datatable(n: long) [1] | project x = {expression}")
    return row["x"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("7 / 2", 3),
        ("7 / 2.0", 3.5),
        ("coalesce(tolong(''), 5)", 5),
        ("tolong('12')", 12),
        ("tolong(parse_json('{\"a\":3}').a)", 3),
        ("tolong(parse_json('{\"a\":3}').b)", None),
        ("tolong(parse_json('{\"a\":null}').a)", None),
        ("tostring(parse_json('{\"a\":true}').a)", "true"),
        ("tostring(parse_json('{\"a\":null}').a)", ""),
        ("tobool(parse_json('{\"a\":false}').a)", False),
        ("iff(2 > 1, 'yes', 'no')", "yes"),
        ("iff(tolong('') > 1, 'yes', 'no')", "no"),
        ("split('a_b_c', '_')[1]", "b"),
        ("split('a', '_')[1]", None),
        ("extract('q-([a-z]+)', 1, 'the q-abc')", "abc"),
        ("extract('q-([a-z]+)', 1, 'nothing')", ""),
        ("isempty('')", True),
        ("isnotempty('a')", True),
        ("not(2 > 1)", False),
        ("'Abc' startswith 'aB'", True),
        ("'xAbc' contains 'aB'", True),
        ("'Abc' == 'abc'", False),
        ("'b' in ('a', 'b')", True),
        ("'B' in ('a', 'b')", False),
    ],
)
def test_an_expression_has_the_value_that_kusto_gives_it(expression: str, expected: Any) -> None:
    assert value(expression) == expected


def test_a_null_is_neither_equal_nor_not_and_leaves_a_row_out() -> None:
    assert evaluated("datatable(n: long) [1] | where tolong('') == 1 or tolong('') > 1") == []


def test_summarize_over_nothing_gives_one_row_without_by_and_none_with_it() -> None:
    assert evaluated("AppTraces | summarize n = count(), s = sum(SeverityLevel), m = max(SeverityLevel)") == [
        {"n": 0, "s": 0, "m": None}
    ]
    assert evaluated("AppTraces | summarize n = count() by Message") == []


def test_summarize_groups_and_aggregates_and_leaves_nulls_out() -> None:
    rows = traces("a", "b", "a")
    rows[0]["SeverityLevel"] = 5
    assert evaluated(
        "AppTraces | summarize n = count(), s = sum(SeverityLevel), d = dcount(Message) by Message", rows
    ) == [{"Message": "a", "n": 2, "s": 5, "d": 1}, {"Message": "b", "n": 1, "s": 0, "d": 1}]


def test_an_expression_over_aggregates_is_evaluated_after_them() -> None:
    assert evaluated("datatable(n: long) [90, 30] | summarize m = max(n) / 60.0") == [{"m": 1.5}]


def test_arg_max_gives_the_columns_of_the_latest_row() -> None:
    assert evaluated("AppTraces | summarize arg_max(TimeGenerated, Message)", traces("a", "b")) == [
        {"TimeGenerated": NOON + timedelta(minutes=1), "Message": "b"}
    ]


def test_arg_max_over_nothing_gives_one_row_of_nulls_that_contain_no_text() -> None:
    query = "AppTraces | summarize arg_max(TimeGenerated, Message)"
    assert evaluated(query) == [{"TimeGenerated": None, "Message": None}]
    assert evaluated(f"{query} | where Message contains 'a' or Message startswith 'a'") == []


def test_distinct_leaves_each_combination_once() -> None:
    assert evaluated('datatable(k: string, n: long) ["a", 1, "a", 2, "a", 1] | distinct k, n') == [
        {"k": "a", "n": 1},
        {"k": "a", "n": 2},
    ]
    assert evaluated('datatable(k: string, n: long) ["a", 1, "a", 2] | distinct k') == [{"k": "a"}]


def test_a_moment_is_rounded_down_and_keeps_its_column() -> None:
    rows = evaluated("AppTraces | summarize n = count() by bin(TimeGenerated, 5m)", traces(*"abcdef"))
    assert [(row["TimeGenerated"], row["n"]) for row in rows] == [(NOON, 5), (NOON + timedelta(minutes=5), 1)]


def test_a_left_outer_join_keeps_what_has_no_match_and_renames_what_is_there_twice() -> None:
    query = (
        'datatable(k: string) ["a", "b"] | join kind=leftouter (datatable(k: string, n: long) ["a", 1, "a", 2]) on k'
    )
    assert evaluated(query) == [
        {"k": "a", "k1": "a", "n": 1},
        {"k": "a", "k1": "a", "n": 2},
        {"k": "b", "k1": None, "n": None},
    ]


def test_a_left_anti_join_keeps_only_what_has_no_match() -> None:
    assert evaluated('datatable(k: string) ["a", "b"] | join kind=leftanti (datatable(k: string) ["a"]) on k') == [
        {"k": "b"}
    ]


def test_let_names_rows() -> None:
    assert evaluated('let one = datatable(k: string) ["a"]; one | project k') == [{"k": "a"}]


def test_ago_is_a_span_before_the_moment_of_the_question() -> None:
    (parsed,) = parse({"query": "AppTraces | where TimeGenerated > ago(1m) | project Message"}).values()
    rows = traces("noon", "a minute later", "two minutes later")
    assert run(parsed.tree, {"AppTraces": rows}, NOON + timedelta(minutes=2)) == [{"Message": "two minutes later"}]


def test_countif_counts_what_is_true() -> None:
    query = "datatable(n: long) [1, 2, 3] | summarize many = countif(n > 1), none = countif(n > tolong(''))"
    assert evaluated(query) == [{"many": 2, "none": 0}]


def test_rows_are_sorted_falling_unless_asked_otherwise() -> None:
    assert [row["n"] for row in evaluated("datatable(n: long) [1, 3, 2] | order by n")] == [3, 2, 1]
    assert [row["n"] for row in evaluated("datatable(n: long) [1, 3, 2] | order by n asc")] == [1, 2, 3]


@pytest.mark.parametrize(
    "query",
    [
        "AppTraces | take 5",
        "AppTraces | project x = strlen(Message)",
        "AppTraces | summarize x = avg(SeverityLevel)",
        "AppTraces | where Message matches regex 'a'",
        "AppTraces | join kind=inner (AppTraces) on Message",
    ],
)
def test_what_the_evaluator_does_not_know_it_refuses(query: str) -> None:
    with pytest.raises(Unknown):
        evaluated(query, traces("a"))
