"""What the histories have reached, and what they have not: the protocol's rules, outcomes, causes, events, faults at
each step, operators.

A line may be covered by a test that asserts nothing of it; what counts here is what could happen to a record.

Steps count by kind: system and operation, table and operation, kind of queue. The engine's code behind a step is the
same for every collection; and a pair of one of forty collections and one of seven faults comes so seldom that the list
of what is missing would be another one in each run.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from shared.state.links import LinkState
from shared.sync.apply.outcome import Kind
from shared.telemetry import EVENTS
from tests.simulation.deployment import Deployment
from tests.simulation.script import ACTS, ALL_FLOWS
from tests.simulation.weather import READ_FAULTS, STORAGE_FAULTS, WRITE_FAULTS

_RULES = Path(__file__).parents[2] / "docs" / "rules.md"
_CAUSE = re.compile(r"^\| `([a-z_]+(?:\.[a-z_]+)*)` \|", re.MULTILINE)
_CAUSES = "### Found by the mapping"
_OPERATED_STATES = tuple(state for state in LinkState if state is not LinkState.NEW)
_MENDED = ("forget", "unlink", "link")
_RESOLVED = ("resolved for the source", "resolved for the target")

# What shows that a rule of the protocol (docs/protocol.md) was taken: each of these was reached. A star stands for any
# text, such as the flow.
RULES: Mapping[str, Sequence[str]] = {
    "P1": ("event pull_run overtaken", "died at checkpoints.transact"),
    "P2": ("event link_refused", "event link_dropped", "act checkpoint tokens of lines refused"),
    "P3": ("event full_walk", "event checkpoint_restored"),
    "P4": ("event flow_blocked threshold", "step finops existing", "act operator accept"),
    "P5": ("event pull_run out_of_time",),
    "P6": ("event flow_blocked environment", "act environment copied", "act environment other company"),
    "P7": ("event mapping_changed", "act take back", "act rolled back *"),
    "A1": ("event message_held", "event held_returned"),
    "A2": ("outcome * skipped",),
    "A3": ("outcome * busy",),
    "A4": ("outcome * deleted",),
    "A5": ("outcome contacts filtered", "outcome contacts waiting", "outcome quotations waiting"),
    "A6": ("cause key_taken", "cause target_exists", "cause key_changed", "rows adopted"),
    "A7": ("outcome * unchanged", "outcome * updated"),
    "A8": ("row missing", "outcome * created"),
    "A9": (
        "outcome * unsettled",
        "outcome * overtaken",
        "outcome * rejected",
        "cause state_too_large",
        "rows of others met by a late write",
    ),
    "A10": ("links.transact: own success", "keys.transact: own success"),
    "A11": ("died at send", "died at links.transact done"),
    "A12": ("cause state_unreadable", "event state_unreadable", "links repaired"),
    "A13": ("event results_written",),
    "F1": ("event gate_closed", "event gate_opened", "event access_refused"),
    "F2": ("event record_rejected", "event records_sent_again", "act operator retry"),
    "F3": ("event poison_split", "cause poison", "cause message_unreadable"),
    "F4": ("event flow_blocked drift", "event flow_released"),
    "F5": ("cause crashed", "outcome * alone"),
    "F6": ("event storage_trouble", "links.transact: unreachable", "died at send done"),
    "W1": ("event waiting_released", "outcome contacts waiting"),
    "W2": ("route contacts contact", "route contacts customer"),
    "W3": ("unlink in state written", "another number after unlinking", "event records_sent_again"),
    "W4": ("event waiting_released", "outcome invoices waiting"),
}
# Events that count by one of their fields as well.
_BY_FIELD = {"pull_run": "ended", "flow_blocked": "kind"}
_OF_CAUSES = ("record_rejected", "poison_listed")
# What no history reaches, with the reason.
UNREACHED: Mapping[str, str] = {
    r"cause (dataverse|finops)\.(too_large|update_conflict|refused|row_left|lines_changed)": "said below the models, "
    "where requests are",
    r"cause dataverse\.reference_missing": "it is repeated, and the look-up is read anew by then",
    r"died at control\.scan": "only an operator's look at damages reads it, and operators do not die",
    r"cause (text_not_sendable|id_malformed)": "found while a request is written, which is below the models",
    r"cause key_too_long": "the records of the models are small",
    r"cause (charge_of_line|order_of_sales)|outcome ordersback (created|waiting)": "orders that were made in F&O are "
    "not created in Sales here: scenario tests play ORDERS_BACK=all",
    r"cause value_unknown": "the map document of the histories has no further fields",
    r"cause totals_differ": "people of the histories add no line to an invoice, and what they change of it is found "
    "in a field, before the total is compared: scenario tests play it",
    r"cause date_malformed": "the model writes moments as F&O does",
    r"outcome (orders|ordersback|invoices) ended": "none of their filters ends a record",
    r"outcome invoices filtered": "the desk posts invoices of orders only",
    r"cause (value_invalid|unit_group_unknown)": "the pools hold no such value, and the mapping tests do",
    r"(cause|event) invariant_broken": "a defect of the engine: it would be a broken history",
    r"event filter_limit_found": "found by requests, which are below the models",
    r"outcome (accounts|products) waiting": "they wait for no other record",
    r"outcome products (filtered|ended)": "products have no filter, and vanish instead of ending",
    r"outcome (products|quotations) skipped": "their hints have no version that could have been seen",
}


class Events:
    """Counts the events that the engine logs, by their names."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def take(self, _level: int, text: str, _arguments: object) -> None:
        """Count one."""
        # Every event begins with its name.
        name = text[10 : text.index('"', 10)]
        self.counts[f"event {name}"] += 1
        if name in _BY_FIELD:
            self.counts[f"event {name} {json.loads(text)[_BY_FIELD[name]]}"] += 1
        elif name in _OF_CAUSES:
            self.counts[f"cause {json.loads(text)['cause']}"] += 1


@cache
def kind_of_step(step: str) -> str:
    """A step without the collection, table of Sales or flow that it is about."""
    words = step.split(" ")
    done = " done" if words[-1] == "done" else ""
    match words[0] if words[1:] else "":
        case "sales" | "finops":
            return f"{words[0]} {words[1]}{done}"
        case "send" | "receive" | "delete":
            of_queue = words[1].partition("-")[2]
            return f"{words[0]} {of_queue}".strip() + done
    return step


def outcomes_in(process: Deployment) -> Iterator[str]:
    """What has become of records, as the product has kept it: outcomes by flow, and the causes of refusals."""
    state = process.service.state
    for flow in process.flows:
        for run in state.runs.walk(flow):
            yield from (f"outcome {flow} {kind}" for kind in run.counts if run.kind == "apply")
    for row in state.links.table.content().values():  # type: ignore[attr-defined]
        kind, _, cause = str(row.cells.get("outcome", "")).partition(": ")
        if kind == Kind.REJECTED:
            yield f"cause {cause}"
        elif "cause" in row.cells:
            yield f"cause {row.cells['cause']}"
        if row.key.startswith("L|") and row.cells.get("target_key"):
            yield f"route {row.partition} {row.cells.get('route')}"


def rules_taken(reached: Counter[str]) -> Iterator[str]:
    """The rules of which everything that shows it was reached."""
    for rule, shown in RULES.items():
        if all(any(fnmatchcase(name, pattern) for name in reached) for pattern in shown):
            yield f"rule {rule}"


def everything(reached: Counter[str]) -> Iterator[str]:
    """What could be reached. Steps are those that were met at all: a fault can come at each of them."""
    yield from (f"rule {rule}" for rule in RULES)
    yield from (f"act {kind} {what}".strip() for kind, about in ACTS.items() for what in about)
    yield from (f"event {name}" for name in EVENTS)
    yield from (f"outcome {flow} {kind}" for flow in ALL_FLOWS for kind in (*Kind, "busy", "overtaken"))
    yield from (f"cause {cause}" for cause in _causes())
    yield from (f"{what} in state {state}" for what in _MENDED for state in _OPERATED_STATES)
    yield from _RESOLVED
    for step in [name.removeprefix("step ") for name in reached if name.startswith("step ")]:
        yield f"died at {step}"
        yield from (f"{step}: {fault}" for fault in _faults_at(step))


def never_reached(reached: Counter[str]) -> list[str]:
    """What could be reached and was not, but for what has its reason."""
    reasons = [re.compile(pattern) for pattern in UNREACHED]
    met = {*reached, *rules_taken(reached)}
    missing = (name for name in everything(reached) if name not in met)
    return sorted({name for name in missing if not any(reason.fullmatch(name) for reason in reasons)})


def _causes() -> list[str]:
    """Every cause that the rules tell."""
    return _CAUSE.findall(_RULES.read_text(encoding="utf-8").partition(_CAUSES)[2].partition("\n## ")[0])


def _faults_at(step: str) -> tuple[str, ...]:
    if step.endswith(" done") or step.startswith(("receive", "delete", "send ")) or step.endswith(".scan"):
        return ()
    if step.startswith(("sales write", "finops write")):
        return tuple(WRITE_FAULTS)
    if step.startswith(("sales", "finops")):
        return tuple(READ_FAULTS)
    if step.endswith((".read", ".whole")):
        return ("unread",)
    return tuple(STORAGE_FAULTS) if step == "send" or step.endswith(".transact") else ()
