"""One compact JSON event per line as the log message. Ids and counts only: never names, addresses or amounts.

The fields stand in the message because nothing else of a log record reaches Application Insights. `EVENTS` is the
contract with the alert rules and the workbook (docs/telemetry.md).
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from shared.errors import Damage, StorageTrouble
from shared.invocations import known_to_the_host
from shared.visible import visible_in_json

QUIET = ("azure", "urllib3")
_LOGGER = logging.getLogger("p2c")

_RUN = {"flow": "the flow", "run": "id of the invocation, the host's own; its requests carry ids that begin with it"}
_OUTCOMES = "created updated unchanged filtered ended waiting rejected deleted retried unsettled"
_COUNTS = dict.fromkeys(f"read {_OUTCOMES} kept skipped busy alone overtaken".split(), "records, where there are any")


@dataclass(frozen=True, slots=True)
class Event:
    """What an event says, and its fields by name. `optional` fields may be left out."""

    meaning: str
    fields: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)


EVENTS: Mapping[str, Event] = MappingProxyType(
    {
        "pull_run": Event(
            "a pull has ended",
            {
                **_RUN,
                "ended": "`caught_up`, `out_of_time` (it continues at the next tick), `overtaken` (by another pull), "
                "`blocked` (by a threshold, another environment or a drift) or `trouble` (a gate has closed)",
                "ms": "milliseconds",
                "pages": "pages read",
                "hints": "records named in messages",
            },
        ),
        "pull_skipped": Event("a pull did not run: its flow or its source is closed", {**_RUN, "reason": "by what"}),
        "full_walk": Event(
            "a walk looks at every record again: its time has come, or the mapping or what it looks up has changed",
            _RUN,
        ),
        "checkpoint_restored": Event(
            "a walk begins from an older checkpoint than the last one: every record is evaluated again", _RUN
        ),
        "mapping_changed": Event(
            "the mapping, or how a date column behaves, has changed: every record is evaluated again", _RUN
        ),
        "link_refused": Event(
            "the source has refused its own next link or delta link",
            {**_RUN, "phase": "of the walk", "restarts": "refusals in a row"},
        ),
        "link_dropped": Event(
            "a kept link leads to another address than the settings name: every record is read again",
            {**_RUN, "reason": "the table and both addresses"},
        ),
        "flow_blocked": Event(
            "a flow has stopped: beyond a limit or in another environment until an operator accepts it, "
            "after schema drift until that is corrected, after many rejections until an operator lifts it",
            {
                **_RUN,
                "kind": "`threshold`, `environment`, `drift` or `rejections`",
                "reason": "counts with some ids and names of fields, the ids that differ, the column, or the cause",
            },
        ),
        "flow_released": Event(
            "a sweep has found that a schema drift is over: the flow continues",
            {**_RUN, "reason": "why it was blocked"},
        ),
        "batch_applied": Event(
            "an apply has ended",
            {**_RUN, "sent_by": "run that sent the message", "ms": "milliseconds"},
            _COUNTS,
        ),
        "record_rejected": Event(
            "a record cannot be written; it is listed as a failure",
            {**_RUN, "id": "of the record in the source", "cause": "code of docs/rules.md"},
        ),
        "fields_kept": Event(
            "fields of a record were not written, because others have changed them in the target and its value stays",
            {**_RUN, "id": "of the record in the source", "fields": "their names in the target"},
        ),
        "invariant_broken": Event(
            "a worker was about to store what contradicts the protocol: a defect. Nothing of it is stored, and the "
            "record is listed as a failure",
            {**_RUN, "id": "of the record in the source", "rule": "what it contradicts, by the name in the code"},
        ),
        "message_held": Event("an apply did nothing: a gate is closed", {**_RUN, "reason": "by what"}),
        "waiting_released": Event(
            "records continue because what they waited for is linked or filtered now",
            {**_RUN, "by": "flow of the parents", "records": "how many"},
        ),
        "records_sent_again": Event(
            "a sweep has sent waiting, failed or outdated records", {**_RUN, "records": "how many"}
        ),
        "held_returned": Event("a sweep has returned held messages", {**_RUN, "messages": "how many"}),
        "sweep_skipped": Event("a sweep has left out a flow", {**_RUN, "reason": "by what it is closed, or no time"}),
        "reconciled": Event(
            "a comparison of both systems has ended",
            {
                **_RUN,
                "complete": "whether it is complete; if not, the next one continues where this one stopped",
                "compared": "records of the source that were compared",
                "missing": "they have no row in the target",
                "extra": "they are gone or have ended unnoticed, or the row belongs to no record "
                "although it is marked as coming from the source",
                "different": "fields that we own differ, or they would be rejected and are not listed",
            },
        ),
        "cleaned_up": Event(
            "rows past their retention were removed",
            {**_RUN, "rows": "how many", "keys": "target keys among them that no record owned any more"},
        ),
        "digest": Event(
            "once a day: what is open in a flow",
            {
                **_RUN,
                "failures": "failures that are open, at most 10,000 are counted",
                "causes": "the most frequent causes, each with its count",
                "unassigned": "failures that nobody looks after",
                "oldest_h": "hours since the oldest was first seen, 0 if none is open",
                "waiting": "records that wait for another one, of at most 10,000 waits",
                "waiting_h": "hours that the one that waits longest has waited, 0 if none waits",
                "waiting_id": "its id in the source, empty if none waits",
            },
        ),
        "results_written": Event(
            "results of records were written into their rows in Sales",
            {**_RUN, "records": "how many", "refused": "results that are listed, and written again later"},
        ),
        "results_delayed": Event(
            "results of records cannot be written now; nothing else is held up",
            {**_RUN, "reason": "the kind of trouble"},
        ),
        "poison_split": Event(
            "a message that failed too often is sent again record by record",
            {**_RUN, "sent_by": "run that sent the message", "records": "how many"},
        ),
        "poison_returned": Event(
            "a sweep has renewed messages of a poison queue before they expire",
            {**_RUN, "messages": "how many"},
        ),
        "poison_listed": Event(
            "a record that failed too often, or an unreadable message, is listed as a failure",
            {**_RUN, "id": "of the record in the source, or of the message", "cause": "code of docs/rules.md"},
        ),
        "gate_closed": Event(
            "a system is in trouble, and not called for a while",
            {
                "system": "`dataverse` or `finops`",
                "until": "when it is called again, UTC",
                "for_s": "seconds until then",
                "reason": "the kind of trouble, with the status of the answer",
            },
        ),
        "gate_opened": Event(
            "a system has answered a probe",
            {"system": "`dataverse` or `finops`", "closed_s": "seconds for which it was closed"},
        ),
        "access_refused": Event(
            "a system, or the identity endpoint, refuses access",
            {
                "system": "`dataverse` or `finops`",
                "lacks": "`identity` (no token), `token` (the system refuses it) or `privilege`",
                "reason": "what it is, with the remedy",
            },
        ),
        "storage_trouble": Event(
            "the storage account does not work as it should; messages come back automatically",
            {"kind": "`refused` (no access) or `unreachable`", "reason": "what was answered", **_RUN},
        ),
        "state_unreadable": Event(
            "a row of our own tables that belongs to no record cannot be read; only what needs it stops",
            {
                "flow": "the flow, null where it concerns all",
                "table": "the table",
                "partition": "its partition",
                "key": "its key",
                "property": "the first property that this app would not write like that",
                "reason": "what is wrong with it, with the remedy",
            },
            {"run": _RUN["run"]},
        ),
        "run_not_kept": Event("the row of a run could not be written; nothing else is lost", {**_RUN, "reason": "why"}),
        "flow_state": Event(
            "the state of a flow, at every sweep",
            {
                **_RUN,
                "paused": "whether it waits for an operator to resume it",
                "blocked": "why it is blocked, empty if it is not",
                "checkpoint_age_s": "seconds since its source was last read to the end; null before the first pull",
                "queued": "messages in its queue, about",
                "queued_s": "age of the message that is next, null if none is visible",
                "held": "messages held behind a closed gate, about",
                "poison": "messages in its poison queue, about",
                "poison_s": "age of the one that is next there, null if none is visible",
                "failures_open": "failures that are listed, at most 10,000 are counted",
                "waiting": "records that wait for another one, of at most 10,000 waits",
                "waiting_s": "seconds that the oldest of them has waited, null if none waits",
            },
        ),
        "filter_limit_found": Event(
            "a system refuses long filters: reads by key use fewer keys at a time, for a day",
            {"system": "`dataverse` or `finops`", "keys": "how many passed"},
        ),
        "gate_state": Event(
            "the state of a system, at every sweep",
            {
                "system": "`dataverse` or `finops`",
                "run": "id of the invocation",
                "closed": "whether it is not called",
                "closed_s": "seconds since it was last open",
            },
        ),
    }
)


def quiet_libraries() -> None:
    """Keep the SDKs from logging every request with its headers: that is costly and does not help an operator."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


# `json.dumps` would make an encoder for each event.
_written = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def log_event(event: str, *, level: int = logging.INFO, **fields: str | int | float | bool | None) -> None:
    """Log an event of `EVENTS` with its fields."""
    text = _written({"event": event, **fields})
    with known_to_the_host():
        # A line that cannot be encoded would get lost.
        _LOGGER.log(level, visible_in_json(text))


def tell_trouble(trouble: StorageTrouble, *, flow: str | None, run: str) -> None:
    """Log trouble of the storage account; `flow` is None where it concerns all."""
    kind = "refused" if trouble.refused else "unreachable"
    log_event("storage_trouble", level=logging.WARNING, flow=flow, run=run, kind=kind, reason=str(trouble))


def tell_damage(damage: Damage, *, flow: str | None, run: str | None = None) -> None:
    """Log a row that cannot be read and belongs to no record."""
    place = {"table": damage.table, "partition": damage.partition, "key": damage.key, "property": damage.property}
    told = {"run": run} if run is not None else {}
    reason = f"{damage.problem}; what helps: {damage.remedy}"
    log_event("state_unreadable", level=logging.WARNING, flow=flow, **told, **place, reason=reason)
