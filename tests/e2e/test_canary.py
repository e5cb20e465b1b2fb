"""Ids only: nothing of what stands in the records reaches a log, a queue or a poison message."""

import re

import pytest

from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS
from shared.telemetry import EVENTS
from tests.e2e.host_log import read_lines
from tests.e2e.marked import AMOUNT, MARK
from tests.e2e.rehearsed import ACTS, BROKEN, STOPPED, Rehearsed

# The digits of the amount may stand in the id of a run by chance, among other letters of it.
SECRET = re.compile(rf"{MARK.casefold()}|(?<![0-9a-f]){str(AMOUNT).split('.', maxsplit=1)[0]}(?![0-9a-f])")


def told(text: str) -> list[str]:
    """The lines that tell what stands in a record."""
    return [line for line in text.splitlines() if SECRET.search(line.casefold())]


@pytest.mark.parametrize("act", ACTS)
def test_no_line_of_the_log_tells_a_name_an_address_or_an_amount(rehearsed: Rehearsed, act: str) -> None:
    assert not told(rehearsed.logs[act])


def test_no_message_in_any_queue_tells_a_name_an_address_or_an_amount(rehearsed: Rehearsed) -> None:
    sent = "\n".join(rehearsed.sent)
    assert [flow for flow in (ACCOUNTS, CONTACTS, PRODUCTS, QUOTATIONS) if f'"flow":"{flow}"' not in sent] == []
    assert not told(sent)


def test_a_poison_message_tells_ids_only(rehearsed: Rehearsed) -> None:
    assert any(body.startswith('{"format"') for body in rehearsed.poison)
    assert not told("\n".join(rehearsed.poison))


def test_every_event_of_the_rehearsal_keeps_to_the_contract(rehearsed: Rehearsed) -> None:
    events = [line.event for log in rehearsed.logs.values() for line in read_lines(log) if line.event]
    assert len({event["event"] for event in events}) >= len(EVENTS) / 3
    for event in events:
        of = EVENTS[event["event"]]
        assert set(of.fields) <= set(event) - {"event"} <= set(of.fields) | set(of.optional), event


def test_every_act_but_the_last_has_logged_something(rehearsed: Rehearsed) -> None:
    assert [act for act in ACTS if not rehearsed.logs[act] and act != STOPPED] == []
    assert "Traceback" in rehearsed.logs[BROKEN]
