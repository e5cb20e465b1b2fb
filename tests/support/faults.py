"""The faults that every flow must survive, as the simulators play them.

The accounts meet all of them in F&O, and bulk messages to Sales at night; every other flow meets one fault of each
consequence, two of them at each change (tests/support/thinned.py).
"""

from local.simulator.faults import Faults, Kind, Rule
from shared.errors import OperatorNeeded, OutcomeUnknown, SyncError, Transient

WRITES = frozenset({"POST", "PATCH"})
READS = frozenset({"GET"})

FAULTS = [
    Rule(Kind.THROTTLE, WRITES, times=3, retry_after="2"),
    Rule(Kind.THROTTLE, WRITES, times=3, retry_after="0"),
    Rule(Kind.THROTTLE, WRITES, times=3, retry_after="900"),
    Rule(Kind.THROTTLE, WRITES, times=3, retry_after="Mon, 05 Jan 2026 08:03:00 GMT"),
    Rule(Kind.THROTTLE, WRITES, times=3),
    Rule(Kind.ERROR_BEFORE, WRITES, times=2, status=500),
    Rule(Kind.ERROR_BEFORE, WRITES, times=30, status=503, body="html"),
    Rule(Kind.ERROR_AFTER, WRITES, times=2, status=502),
    Rule(Kind.ERROR_AFTER, WRITES, times=30, status=504),
    Rule(Kind.DROP_BEFORE, WRITES, times=2),
    Rule(Kind.DROP_AFTER, WRITES, times=2),
    Rule(Kind.DROP_MID, WRITES, times=2),
    Rule(Kind.TRUNCATE, WRITES, times=2),
    Rule(Kind.HTML, WRITES, times=2),
    Rule(Kind.REFUSE_TOKEN, WRITES, times=1),
    Rule(Kind.REFUSE_TOKEN, WRITES, times=30),
    Rule(Kind.ERROR_BEFORE, READS, times=20, status=503),
    Rule(Kind.DROP_BEFORE, READS, times=20),
    Rule(Kind.TRUNCATE, READS, times=4),
    Rule(Kind.HTML, READS, times=4),
    Rule(Kind.THROTTLE, READS, times=4, retry_after="30"),
    Rule(Kind.REFUSE_TOKEN, READS, times=6),
]

# Refused for long, applied without an answer, answered by half, and a source that is read by half or not at all.
SPOT_FAULTS = [
    Rule(Kind.THROTTLE, WRITES, times=3, retry_after="900"),
    Rule(Kind.ERROR_AFTER, WRITES, times=30, status=504),
    Rule(Kind.DROP_AFTER, WRITES, times=2),
    Rule(Kind.TRUNCATE, WRITES, times=2),
    Rule(Kind.TRUNCATE, READS, times=4),
    Rule(Kind.DROP_BEFORE, READS, times=20),
]

# Those that a flow meets in a system of which it only reads.
SPOT_FAULTS_OF_READS = [rule for rule in SPOT_FAULTS if rule.methods == READS]

# A fault while writing, the error that tells it, and whether the write is in the system.
TOLD_AS: list[tuple[Kind, type[SyncError], bool]] = [
    (Kind.ERROR_BEFORE, OutcomeUnknown, False),
    (Kind.ERROR_AFTER, OutcomeUnknown, True),
    (Kind.DROP_BEFORE, OutcomeUnknown, False),
    (Kind.DROP_AFTER, OutcomeUnknown, True),
    (Kind.HTML, OutcomeUnknown, False),
    (Kind.REFUSE_TOKEN, OperatorNeeded, False),
    (Kind.THROTTLE, Transient, False),
]


def assert_met(faults: Faults) -> None:
    """Every rule has hit a request; one that has used up its times is off already. A fault that nothing meets proves
    nothing."""
    assert all(each["hits"] for each in faults.listed()), faults.listed()


def name_of(rule: Rule) -> str:
    """A fault as the name of a test shows it."""
    return f"{rule.kind}-{rule.status}-{rule.retry_after}-{rule.times}-{'/'.join(sorted(rule.methods))}"
