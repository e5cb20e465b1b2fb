"""What a commit stores for those who look at a record later: its history, and notes for the sweep and the walk
(protocol A9)."""

from dataclasses import replace

import pytest

from shared.records import Json, SourceRow, TargetRow, Write
from shared.state.links import Link, LinkState
from shared.state.snapshots import CLOSED, UNKNOWN
from shared.sync.apply.outcome import Kind
from shared.sync.apply.record import Concluded, Record
from shared.sync.flow import OnConflict
from tests.support.trade import CONTACT
from tests.unit.sync.test_commit import (
    FAILURE,
    LINKED,
    NEW,
    ROW,
    End,
    committed,
    deleted,
    filtered,
    rejected,
    retried,
    updated,
)


@pytest.mark.parametrize(
    ("end", "outcome", "fields"),
    [
        (updated, "updated", ("name",)),
        (rejected, "rejected: bad", ()),
        (deleted, "deleted: deleted", ()),
        (lambda of: of.concluded(Kind.ENDED, LinkState.ENDED, reason="inactive"), "ended: inactive", ()),
        (filtered, None, ()),
        (retried, None, ()),
        (lambda of: of.unsettled(delay_s=5, unknowns=1, unanswered=1), None, ()),
    ],
)
def test_the_history_of_a_record_has_what_was_done_with_it_by_whom_and_why(
    end: End, outcome: str | None, fields: tuple[str, ...]
) -> None:
    found = committed(end)
    if outcome is None:
        assert found.history == []
        return
    (entry,) = found.history
    assert (entry.outcome, entry.fields, entry.values, entry.kept) == (outcome, fields, {}, {})
    assert (entry.run, entry.sent_by, entry.why, entry.time) == ("run", "act", "retry", found.world.clock.now())
    assert entry.map == "f1"


def kept(of: Record) -> Concluded:
    done = kept_before(of)
    return replace(done, outcome=replace(done.outcome, kept={"name": ("theirs", "new")}))


def kept_before(of: Record) -> Concluded:
    return of.concluded(Kind.UNCHANGED, LinkState.WRITTEN, applied={"name": "new"}, kept={"name": "theirs"})


def test_what_stays_in_the_target_is_history_also_where_nothing_was_written() -> None:
    (entry,) = committed(kept).history
    assert (entry.outcome, entry.kept) == ("unchanged", {"name": ("theirs", "new")})


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (lambda of: of.concluded(Kind.UNCHANGED, LinkState.WRITTEN, applied={"name": "new"}), "in step again"),
        (kept, "failure closed"),
        (kept_before, "failure closed"),
        (filtered, "filtered: foreign"),
        (updated, "updated"),
        (rejected, "rejected: bad"),
        (retried, None),
    ],
)
def test_the_history_tells_how_a_failure_was_closed_also_where_nothing_was_written(
    end: End, outcome: str | None
) -> None:
    found = committed(end, failure=FAILURE)
    assert [entry.outcome for entry in found.history] == ([] if outcome is None else [outcome])
    assert (found.failure is None) is (outcome not in {"rejected: bad", None})


def written(before: TargetRow | None) -> End:
    def end(of: Record) -> Concluded:
        done = updated(of)
        write = Write("1", "K", {"name": "new"}, create=False, before=before)
        return replace(done, outcome=replace(done.outcome, write=write))

    return end


READ = TargetRow({"name": "read"})
STOP = OnConflict.STOP


@pytest.mark.parametrize(
    ("end", "keeps", "policy", "link", "values"),
    [
        (written(None), False, OnConflict.SOURCE_WINS, LINKED, {}),
        (written(None), True, OnConflict.SOURCE_WINS, LINKED, {"name": ("old", "new")}),
        (written(READ), True, OnConflict.SOURCE_WINS, LINKED, {"name": ("read", "new")}),
        (written(READ), False, OnConflict.SOURCE_WINS, LINKED, {}),
        (written(READ), False, STOP, LINKED, {"name": ("read", "new")}),
        (written(None), False, STOP, LINKED, {}),
        (rejected, True, STOP, LINKED, {}),
    ],
)
def test_old_and_new_values_are_kept_where_a_deployment_wants_it_or_a_policy_has_looked(
    end: End, keeps: bool, policy: OnConflict, link: Link, values: dict[str, tuple[Json, Json]]
) -> None:
    (entry,) = committed(end, link, keeps_values=keeps, policy=policy).history
    assert entry.values == values


@pytest.mark.parametrize(
    ("last", "waited_for", "told"),
    [("J", True, True), ("k ", True, False), ("K", True, False), (None, True, False), ("J", False, False)],
)
def test_a_record_that_others_know_by_another_key_is_noted_for_the_sweep(
    last: str | None, waited_for: bool, told: bool
) -> None:
    found = committed(updated, replace(LINKED, last_key=last), waited_for=waited_for)
    assert [each.row.key for each in found.relinked] == (["R|1"] if told else [])
    assert found.link.last_key == "K"


@pytest.mark.parametrize(
    ("link", "end", "last"),
    [
        (LINKED, updated, "K"),
        (replace(NEW, last_key="J"), filtered, "J"),
        (replace(LINKED, flow="people", route=CONTACT, last_key="J"), filtered, "J"),
        (replace(LINKED, flow="people", last_key="J"), filtered, "K"),
    ],
)
def test_the_key_by_which_others_may_know_a_record_is_the_last_one_on_a_route_on_which_it_stays(
    link: Link, end: End, last: str
) -> None:
    assert committed(end, link, flow=link.flow).link.last_key == last


@pytest.mark.parametrize(
    ("end", "row", "contents"),
    [
        (filtered, replace(ROW, digest=b"12345678"), [b"12345678"]),
        (filtered, replace(ROW, digest=b"12345678", closed=True), [CLOSED]),
        (filtered, ROW, [UNKNOWN]),
        (filtered, None, [None]),
        (retried, replace(ROW, digest=b"12345678"), []),
    ],
)
def test_the_content_of_a_decision_is_noted_for_the_walk_that_compares_with_it(
    end: End, row: SourceRow | None, contents: list[bytes | None]
) -> None:
    assert committed(end, flow="products", row=row).decided == contents
    assert committed(end, row=row).decided == []
