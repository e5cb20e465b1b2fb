"""Snapshots: what a walk finds, and what stays of it."""

from hypothesis import given
from hypothesis import strategies as st

from shared.state.snapshots import DIGEST_BYTES, Sight, Snapshot, digest
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import check_size
from tests.support.clock import ManualClock

IDS = st.text(min_size=1, max_size=8)


def table() -> MemoryTable:
    return MemoryTable(ManualClock())


def walk(at: MemoryTable, records: dict[str, str], *, name: str = "w", finished: bool = True) -> dict[str, Sight]:
    """Let a walk meet these records with this content."""
    snapshot = Snapshot(at, "products", name)
    sights = {id: snapshot.note(id, digest(content)) for id, content in records.items()}
    assert snapshot.save(finished=finished)
    return sights


@given(st.dictionaries(IDS, st.sampled_from("ab")), st.dictionaries(IDS, st.sampled_from("ab")))
def test_a_walk_tells_new_changed_and_equal_records_apart(first: dict[str, str], second: dict[str, str]) -> None:
    at = table()
    walk(at, first)
    for id, sight in walk(at, second).items():
        expected = Sight.NEW if id not in first else Sight.SAME if first[id] == second[id] else Sight.CHANGED
        assert sight is expected


@given(st.dictionaries(IDS, st.just("a")), st.dictionaries(IDS, st.just("a")))
def test_what_a_walk_has_not_met_is_counted_and_forgotten_when_it_is_finished(
    first: dict[str, str], second: dict[str, str]
) -> None:
    at = table()
    walk(at, first)
    snapshot = Snapshot(at, "products", "next")
    for id in second:
        snapshot.note(id, digest("a"))
    assert snapshot.unseen == len(first.keys() - second.keys())
    assert all(snapshot.saw(id) == (id in second) for id in {*first, *second})
    assert snapshot.save(finished=True)
    assert Snapshot(at, "products", "third").known == len(second)


@given(st.dictionaries(IDS, st.just("a")), st.dictionaries(IDS, st.just("a")))
def test_an_unfinished_walk_continues_where_it_stopped(first: dict[str, str], second: dict[str, str]) -> None:
    at = table()
    walk(at, {**first, **second}, name="before")
    walk(at, first, name="w", finished=False)
    snapshot = Snapshot(at, "products", "w")
    assert all(snapshot.saw(id) for id in first)
    assert snapshot.unseen == len(second.keys() - first.keys())


def test_another_walk_does_not_count_what_an_unfinished_one_has_met() -> None:
    at = table()
    walk(at, {"a": "1", "b": "1"}, name="before")
    walk(at, {"a": "1"}, name="w", finished=False)
    assert Snapshot(at, "products", "other").unseen == 2


def test_an_unchanged_walk_writes_nothing() -> None:
    at = table()
    records = {str(number): "a" for number in range(1000)}
    walk(at, records)
    writes: list[str] = []
    at.step = writes.append
    walk(at, records, name="next")
    assert [name for name in writes if "transact" in name] == []


def test_two_pulls_at_once_do_not_overwrite_each_other() -> None:
    at = table()
    walk(at, {"a": "1"})
    late = Snapshot(at, "products", "w")
    late.note("a", digest("2"))
    walk(at, {"a": "3"})
    assert not late.save(finished=True)
    assert walk(at, {"a": "3"}) == {"a": Sight.SAME}


def test_a_record_that_a_walk_meets_twice_counts_once() -> None:
    at = table()
    snapshot = Snapshot(at, "products", "w")
    assert snapshot.note("a", digest("1")) is Sight.NEW
    assert snapshot.note("a", digest("2")) is Sight.NEW
    assert snapshot.save(finished=True)
    assert Snapshot(at, "products", "x").known == 1
    assert walk(at, {"a": "2"}) == {"a": Sight.SAME}


def test_a_million_records_fit_into_256_rows_of_20_megabytes() -> None:
    """Counted on a sixteenth: the size of a row grows with the number of its records and with nothing else."""
    at = table()
    snapshot = Snapshot(at, "products", "w")
    for number in range(62_500):
        snapshot.note(f"P{number:07d}", number.to_bytes(DIGEST_BYTES))
    assert snapshot.save(finished=False)
    rows = at.scan("products", start="snapshot-", end="snapshot-~", limit=1000)
    assert len(rows) == 256
    overhead = sum(check_size(stored.row) for stored in rows) - 16 * 62_500
    assert 16 * 1_000_000 + 16 * overhead < 20_000_000


def test_a_bucket_larger_than_one_property_is_read_as_it_was_written() -> None:
    at = table()
    ids = [id for id in map(str, range(1_200_000)) if digest(id)[0] == 7]
    assert len(ids) > 4_400
    walk(at, dict.fromkeys(ids, "a"))
    assert set(walk(at, dict.fromkeys(ids, "a"), name="x").values()) == {Sight.SAME}


@given(
    st.dictionaries(IDS, st.sampled_from("ab")),
    st.dictionaries(IDS, st.sampled_from("abc") | st.none()),
    st.dictionaries(IDS, st.sampled_from("abc")),
    st.booleans(),
)
def test_a_walk_compares_with_what_a_record_was_decided_by(
    before: dict[str, str], decided: dict[str, str | None], now: dict[str, str], begun: bool
) -> None:
    at = table()
    walk(at, before, name="w" if begun else "before", finished=not begun)
    snapshot = Snapshot(at, "products", "w")
    for id, content in decided.items():
        snapshot.correct(id, None if content is None else digest(content))
    known = {id: content for id, content in {**before, **decided}.items() if content is not None}
    assert snapshot.known == len(known)
    for id, content in now.items():
        expected = Sight.NEW if id not in known else Sight.SAME if known[id] == content else Sight.CHANGED
        assert snapshot.note(id, digest(content)) is expected
    met = {*now, *(id for id in before if begun and decided.get(id, "") is not None)}
    assert snapshot.unseen == len(known.keys() - met)
    assert snapshot.save(finished=True)
    assert Snapshot(at, "products", "next").known == len(met)


def test_what_a_record_was_decided_by_is_kept_without_a_walk_that_meets_it() -> None:
    at = table()
    walk(at, {"a": "1"})
    snapshot = Snapshot(at, "products", "w")
    snapshot.correct("a", digest("2"))
    assert snapshot.save(finished=False)
    assert Snapshot(at, "products", "w").note("a", digest("2")) is Sight.SAME
