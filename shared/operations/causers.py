"""Who had a record looked at: a change in its source, the sweep, or an operator."""

from collections.abc import Mapping, Sequence

from shared.state.audit import Audit, AuditEntry
from shared.state.history import Entry
from shared.sync.hints import Why

# How far back to look for the acts of operators.
_ACTS = 1000
_IN_WORDS: Mapping[str, str] = {
    Why.CHANGE: "a change in the source",
    Why.RETRY: "the sweep's retry",
    Why.RELEASED: "a record that it waited for",
    Why.AGAIN: "a look again by the sync",
    Why.ACT: "an operator",
}


def causers_of(audit: Audit, entries: Sequence[Entry]) -> list[str]:
    """What caused each of these entries, in words and in the same order: an operator with what they did, if the audit
    log still tells it; blank if an entry does not say it. Raises StorageTrouble."""
    asked = {entry.sent_by for entry in entries if entry.why == Why.ACT}
    acts = {act.run: act for act in audit.latest(_ACTS) if act.run in asked} if asked else {}
    return [_in_words(entry, acts) for entry in entries]


def _in_words(entry: Entry, acts: Mapping[str, AuditEntry]) -> str:
    act = acts.get(entry.sent_by)
    return _IN_WORDS.get(entry.why, entry.why) if act is None else f"{act.what} by {act.who}"
