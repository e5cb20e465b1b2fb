"""Whether the functions hosts do anything."""

import os

from local.demo.vitals import is_silent_since, processor_seconds


def test_a_host_that_was_restarted_is_not_silent_although_the_one_before_had_used_more() -> None:
    before = {0: 1e9}
    assert not is_silent_since(before, [os.getpid()])


def test_a_host_that_has_used_nothing_more_is_silent() -> None:
    later = {pid: used + 60 for pid, used in processor_seconds([os.getpid()]).items()}
    assert is_silent_since(later, [os.getpid()])
    assert is_silent_since({}, [])
