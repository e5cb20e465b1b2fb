"""The comparison of both systems, by a mapper that is as small as can be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.demo.comparison import Comparison, Past, compare
from shared.mapping.verdicts import Filtered, Known, Mapped, Rejected, Verdict
from shared.records import Json, SourceRow, Values


@dataclass(frozen=True)
class SmallMapper:
    """Number and name; blanks at the end of a name do not count in the target."""

    fingerprint: str = "1"
    target_entity: str = "CustomersV3"
    at_the_end: Mapping[str, Json] = field(default_factory=dict)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        if row.values.get("statecode") == 1:
            return Filtered("inactive", ends=True)
        if not row.values.get("number"):
            return Rejected("number_missing", "no number", "give it one")
        return Mapped(str(row.values["number"]), {"Name": row.values.get("name")}, {"Group": "10"})

    def ended(self, key: str) -> Mapping[str, Json]:
        return self.at_the_end

    def empty(self, field: str) -> Json:
        return ""

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        return str(ours).rstrip() == str(theirs or "").rstrip()

    def in_scope(self, row: SourceRow) -> bool:
        return True


def source(id: str, number: str | None, name: str | None = "A", **more: Json) -> SourceRow:
    return SourceRow(id, 1, {"number": number, "name": name, **more})


def compared(
    sources: list[SourceRow],
    targets: list[tuple[str, Values]],
    past: Past | None = None,
    mapper: SmallMapper | None = None,
) -> Comparison:
    mapper = mapper or SmallMapper()
    known = Known(datetime(2026, 7, 1, tzinfo=UTC))
    verdicts = {row.id: mapper.evaluate(row, known) for row in sources}
    return compare(verdicts, targets, mapper, past or Past())


def test_equal_systems_compare_clean() -> None:
    found = compared([source("1", "A1"), source("2", "A2", None)], [("A1", {"Name": "A"}), ("A2", {"Name": ""})])
    assert found == Comparison(expected=2, present=2)
    assert found.clean


def test_a_record_that_is_not_there_is_missing() -> None:
    assert compared([source("1", "A1")], []).missing == ("A1",)


def test_a_record_that_nothing_asks_for_is_extra() -> None:
    assert compared([], [("A1", {"Name": "A"})]).extra == ("A1",)


def test_a_record_that_is_there_twice_is_doubled() -> None:
    found = compared([source("1", "A1")], [("A1", {"Name": "A"}), ("a1", {"Name": "A"})])
    assert found.doubled == ("a1",)
    assert not found.clean


def test_each_field_that_differs_is_named_with_both_values() -> None:
    (difference,) = compared([source("1", "A1", "new")], [("A1", {"Name": "old"})]).different
    assert (difference.key, difference.field, difference.expected, difference.found) == ("A1", "Name", "new", "old")


def test_a_blank_that_the_target_fills_is_a_difference() -> None:
    assert compared([source("1", "A1", None)], [("A1", {"Name": "left over"})]).different


def test_values_agree_after_the_normalisation_of_the_target() -> None:
    assert compared([source("1", "A1", "A ")], [("A1", {"Name": "A"})]).clean


def test_keys_agree_without_case_and_blanks_at_the_end() -> None:
    assert compared([source("1", "a1 ")], [("A1", {"Name": "A"})]).clean


@pytest.mark.parametrize("row", [source("1", None), source("1", "A1", statecode=1)])
def test_filtered_and_rejected_records_are_not_expected(row: SourceRow) -> None:
    assert compared([row], []) == Comparison(expected=0, present=0)


@pytest.mark.parametrize("name", ["first", "second"])
def test_of_two_records_with_one_number_either_may_be_there(name: str) -> None:
    found = compared([source("1", "A1", "first"), source("2", "a1", "second")], [("A1", {"Name": name})])
    assert found == Comparison(expected=1, present=1)


def test_of_two_records_with_one_number_a_mixture_is_a_difference() -> None:
    rows = [source("1", "A1", "first"), source("2", "A1", "second")]
    assert len(compared(rows, [("A1", {"Name": "third"})]).different) == 1


def test_what_was_there_before_the_first_sync_is_neither_expected_nor_extra() -> None:
    past = Past(before=frozenset({"A1", "B1"}))
    assert compared([source("1", "a1")], [("A1", {"Name": "x"}), ("B1", {"Name": "y"})], past).clean


def test_what_was_there_before_is_expected_when_it_is_adopted() -> None:
    past = Past(before=frozenset({"A1"}), adopt=True)
    assert compared([source("1", "A1", "ours")], [("A1", {"Name": "theirs"})], past).different


def test_blanks_of_an_adopted_record_may_stay_filled() -> None:
    past = Past(before=frozenset({"A1"}), adopt=True)
    assert compared([source("1", "A1", None)], [("A1", {"Name": "theirs"})], past).clean


def test_the_target_of_a_source_that_ended_later_is_not_extra() -> None:
    past = Past(keys={"1": "A1"})
    assert compared([source("1", "A1", statecode=1)], [("A1", {"Name": "A"})], past).clean


@pytest.mark.parametrize("sources", [[], [source("1", "A1", statecode=1)]], ids=["gone", "inactive"])
@pytest.mark.parametrize(("state", "clean"), [(1, True), (0, False)])
def test_what_changes_at_the_end_of_a_source_is_looked_at(sources: list[SourceRow], state: int, clean: bool) -> None:
    past, mapper = Past(keys={"1": "A1"}), SmallMapper(at_the_end={"State": 1})
    assert compared(sources, [("A1", {"Name": "A", "State": state})], past, mapper).clean is clean


def test_a_number_that_changed_after_it_was_used_is_not_expected() -> None:
    past = Past(keys={"1": "A1"})
    assert compared([source("1", "B1")], [("A1", {"Name": "A"})], past) == Comparison(expected=0, present=0)


@pytest.mark.parametrize("targets", [[], [("A1", {"Name": "other"})]])
def test_a_record_that_the_target_refuses_is_not_expected(targets: list[tuple[str, Values]]) -> None:
    assert compared([source("1", "A1")], targets, Past(refused=frozenset({"1"}))).clean


@given(st.dictionaries(st.text("ab", min_size=1, max_size=3), st.text("xyz", max_size=2), max_size=6), st.data())
def test_clean_means_that_exactly_the_expected_records_are_there(names: dict[str, str], data: st.DataObject) -> None:
    """Any one change of the target, of a whole record or of a field, is found."""
    sources = [source(str(at), number, name or None) for at, (number, name) in enumerate(names.items())]
    targets: list[tuple[str, Values]] = [(number, {"Name": name}) for number, name in names.items()]
    assert compared(sources, targets).clean
    for at, (number, values) in enumerate(targets):
        rest = targets[:at] + targets[at + 1 :]
        assert not compared(sources, rest).clean
        assert not compared(sources, [*rest, (number, {"Name": f"{values['Name']}!"})]).clean
    assert not compared(sources, [*targets, ("c", {"Name": data.draw(st.text("xyz"))})]).clean
