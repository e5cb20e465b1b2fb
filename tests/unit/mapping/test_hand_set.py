"""The flows with what operators have set by hand above the map document."""

from shared.flows.hand_set import HandSet, with_hand_set
from shared.mapping.value_maps import ValueMaps
from shared.records import BOTH, MapEntry
from tests.support.clock import START
from tests.unit.mapping.test_settings_of_flows import deployment, systems


def entry(name: str, code: str, map: str = "countries") -> MapEntry:
    return MapEntry(map, name, code, BOTH, flow="accounts", who="ana@contoso", reason="new", at=START)


def maps(entries: list[MapEntry]) -> tuple[ValueMaps, dict[str, str]]:
    """The document with these entries, and why some do not count, by their names."""
    made, refused = with_hand_set(deployment(), entries)
    return made.maps, {each.name: why for each, why in refused.items()}


def test_entries_count_above_the_document_and_one_that_contradicts_it_does_not_and_is_told() -> None:
    made, refused = maps([entry("Atlantis", "XA"), entry("Germany", "Deutschland"), entry("Lemuria", "XL")])
    assert [made.country(name) for name in ("Atlantis", "Lemuria", "Germany")] == ["XA", "XL", "DE"]
    assert list(refused) == ["Germany"]
    assert "countries.Germany is 'Deutschland': write the ISO 3166 code" in refused["Germany"]


def test_without_entries_the_document_counts_as_it_is() -> None:
    made, refused = maps([])
    assert (made.country("Atlantis"), made.in_order, refused) == (None, deployment().maps.in_order, {})


def test_flows_are_made_anew_only_when_the_entries_have_changed() -> None:
    hand_set = HandSet(deployment(), systems())
    first = hand_set.flows_with([])
    assert hand_set.flows_with([]) is first
    with_one = hand_set.flows_with([entry("Atlantis", "XA")])
    assert with_one is not first
    assert hand_set.flows_with([entry("Atlantis", "XA")]) is with_one
    assert with_one["accounts"].fingerprint != first["accounts"].fingerprint
    again = hand_set.flows_with([])
    assert again is not with_one
    assert {name: flow.fingerprint for name, flow in again.items()} == {
        name: flow.fingerprint for name, flow in first.items()
    }
