"""Who had a record looked at: the pull that met its change, or an operator."""

from collections.abc import Iterable, Mapping

from shared.state.history import Entry
from shared.sync.state import State

# How far back to look for the acts of operators, and for runs.
_ACTS, _RUNS = 1000, 1000


def causers_of(state: State, flow: str, entries: Iterable[Entry]) -> Mapping[str, str]:
    """What caused each of these entries, in words, by the id under which it was sent: an operator with what they did,
    or the pull. The sweep, which sends records again, leaves no note of its own: its ids are left out, and so are those
    older than what is looked at. Raises StorageTrouble."""
    wanted = {entry.sent_by for entry in entries if entry.sent_by}
    if not wanted:
        return {}
    acts = {act.run: f"{act.what} by {act.who}" for act in state.audit.latest(_ACTS) if act.run in wanted}
    pulls = {run.id: "a change in the source" for run in state.runs.latest(flow, _RUNS) if run.kind == "pull"}
    return {id: acts.get(id) or pulls[id] for id in wanted if id in acts or id in pulls}
