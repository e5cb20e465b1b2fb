"""What a late write leaves behind."""

from shared.state.links import Link
from shared.sync.apply.late import _only_dirty


def test_a_late_record_whose_row_another_record_has_is_not_trusted_and_is_not_made_anew_if_it_is_forgotten() -> None:
    there = Link("parents", "p1", etag="1")
    changed = _only_dirty(there)
    assert changed is not None
    assert changed.dirty
    assert _only_dirty(Link("parents", "p1")) is None
