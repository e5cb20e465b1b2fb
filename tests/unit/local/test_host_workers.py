"""What the host remembers of the deaths of its workers, and what both tell each other."""

import json
import os
from dataclasses import asdict

from local.host.journal import SO_FAR, VARIABLE, Journal, SoFar, journal_of, take_over
from local.host.queues import Message
from local.host.supervising import Deaths
from local.host.triggers import QueueAddress
from tests.support.clock import ManualClock

MESSAGE = Message("m1", "text", "receipt", 2, None, None, None)
ADDRESS = QueueAddress("connection", "work")
LEFT = SoFar(2, "sweep ran over functionTimeout (40 s)", {"sweep": {"started": 3}}, 101.5)


def test_the_third_death_of_a_worker_ends_the_host() -> None:
    clock = ManualClock()
    deaths = Deaths(clock.monotonic)
    told = []
    for _ in range(3):
        clock.sleep(1700)
        told.append(deaths.too_many())
    assert told == [False, False, True]


def test_a_pause_of_half_an_hour_forgets_the_deaths_before() -> None:
    clock = ManualClock()
    deaths = Deaths(clock.monotonic)
    for _ in range(9):
        clock.sleep(1801)
        assert not deaths.too_many()


def test_a_worker_tells_what_it_holds_and_what_it_has_done_with() -> None:
    reading, writing = os.pipe()
    environment = {VARIABLE: f"{writing}:{os.getppid()}:instance"}
    journal = journal_of(environment)
    journal.holds(ADDRESS, MESSAGE)
    journal.settled(MESSAGE)
    journal.lost(LEFT)
    journal.end()
    os.close(writing)
    with os.fdopen(reading) as told:
        lines = [json.loads(line) for line in told]
    held = {"id": "m1", "text": "text", "receipt": "receipt", "count": 2}
    assert lines == [
        {"holds": held, "queue": "work", "connection": "connection"},
        {"settled": "m1"},
        {"lost": asdict(LEFT)},
        {"end": True},
    ]
    assert (environment, journal.instance) == ({}, "instance")


def test_a_worker_whose_host_is_gone_tells_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    journal_of({VARIABLE: f"{writing}:1:instance"}).holds(ADDRESS, MESSAGE)
    os.close(writing)


def test_a_host_without_a_process_of_its_own_keeps_no_journal() -> None:
    journal = journal_of({})
    journal.holds(ADDRESS, MESSAGE)
    assert journal.instance == Journal().instance == ""


def test_a_worker_is_told_of_those_before_it_once() -> None:
    environment = {SO_FAR: json.dumps(asdict(LEFT))}
    assert take_over(environment) == LEFT
    assert take_over(environment) == SoFar()
