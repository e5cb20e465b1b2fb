"""The keys in the target by which people know the records that an entry of the audit is about."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from shared.service import Service
from shared.state.audit import AuditEntry

NAMED = 3
"""Of an entry about many records only so many are named."""
# The acts whose subjects are ids of records.
_OF_RECORDS = {"retry", "dismiss", "assign", "sync", "repair", "undo", "resolve", "link", "unlink", "forget"}
# Of these only the first word is an id.
_OF_ONE_RECORD = {"link", "unlink"}


def records_of(entry: AuditEntry, flows: Mapping[str, object]) -> Sequence[str]:
    """The ids of the first records that an entry is about; none if it is not about records."""
    if entry.flow not in flows or entry.what not in _OF_RECORDS or entry.subject == "everything":
        return ()
    words = [word for word in entry.subject.split(" ")[:NAMED] if word]
    return [
        word for place, word in enumerate(words) if "=" not in word and (place == 0 or entry.what not in _OF_ONE_RECORD)
    ]


def keys_of_audit(service: Service, entries: Sequence[AuditEntry]) -> Mapping[tuple[str, str], str]:
    """The keys in the target of the records that are named, by flow and id: one read for each flow."""
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        ids[entry.flow].update(records_of(entry, service.flows))
    found = {flow: service.state.links.load(flow, sorted(of_flow)) for flow, of_flow in ids.items() if of_flow}
    return {
        (flow, id): link.target_key or link.held_key or ""
        for flow, links in found.items()
        for id, link in links.items()
    }
