"""The rehearsal: a healthy run and then one trouble after the other; what was logged in each act is kept."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from local.demo.systems import DATAVERSE, FINOPS
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from shared.sync.hints import Hint, messages
from tests.e2e.marked import AMOUNT, MARK, marked_texts
from tests.e2e.rehearsal import Rehearsal, rehearsing

HEALTHY, REJECTED, DOWN, RECOVERED, REFUSED, BLOCKED, BROKEN, STOPPED = ACTS = (
    "healthy", "rejected", "down", "recovered", "refused", "blocked", "broken", "stopped",
)  # fmt: skip
LONG_S = 6
"""For how long, in seconds, something goes wrong in an act at least."""
SCHEDULE_S = 2
"""Seconds between two pulls of a flow."""
OFTEN = 3
"""How often every timer fails in an act."""
MANY = 10
"""How many accounts are rejected in an act."""
_TAKES_POISON = f"AzureWebJobs.{ACCOUNTS}_poison.Disabled"
_SAYS_TOO_MUCH = json.dumps({"error": {"code": "0x80040216", "message": f"Cannot save {MARK} at {AMOUNT}"}})


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """`logs` is what the functions host wrote, by act; `poison` the bodies that lay in poison queues, `sent` those of
    every message that was ever in a queue; `answers` what the operators' command line said."""

    logs: Mapping[str, str]
    poison: tuple[str, ...]
    sent: tuple[str, ...]
    answers: Mapping[str, str]


def rehearse(folder: Path) -> Rehearsed:
    """Play every act. Takes most of a minute."""
    logs: dict[str, str] = {}
    with rehearsing(folder, GONE_LIMIT_COUNT="1") as on_stage:
        for name, act in _ACTS.items():
            since = on_stage.mark()
            act(on_stage)
            logs[name] = on_stage.log(since)
    return Rehearsed(logs, tuple(on_stage.poison), tuple(_sent(folder / "keep" / "azurite")), on_stage.answers)


def _healthy(on_stage: Rehearsal) -> None:
    on_stage.session.start_functions()
    chosen = on_stage.chosen
    on_stage.until_written({ACCOUNTS: len(chosen.accounts), CONTACTS: len(chosen.contacts)})
    on_stage.until_written({PRODUCTS: len(chosen.products)})
    on_stage.quote()
    on_stage.until_written({QUOTATIONS: len(chosen.quotes)})
    on_stage.until_swept()


def _rejected(on_stage: Rehearsal) -> None:
    """Accounts in a country that nobody knows, a contact who waits for one of them, and a message of a stranger."""
    since = on_stage.mark()
    values = {**marked_texts("account"), "customertypecode": 3, "address1_country": MARK}
    *_, account = [on_stage.sales.create(values) for _ in range(MANY)]
    on_stage.people.create({**marked_texts("contact"), "parentcustomerid_account@odata.bind": f"/accounts({account})"})
    on_stage.until("they are listed", lambda: on_stage.told(ACCOUNTS, "failures_open", since) >= MANY)
    on_stage.session.storage.queues.send(CONTACTS, "no hint at all")
    on_stage.until("it is listed", lambda: on_stage.events("poison_listed", since, flow=CONTACTS))
    on_stage.rejected = account


def _down(on_stage: Rehearsal) -> None:
    """Sales answers nothing but errors, which quote what they should not."""
    since = on_stage.mark()
    on_stage.trouble(DATAVERSE, kind="error_before", status=500, body=_SAYS_TOO_MUCH)
    on_stage.until("the gate is closed", lambda: on_stage.events("gate_closed", since, system=DATAVERSE))
    on_stage.until("it is closed for long", lambda: on_stage.gate_told(DATAVERSE, since) >= LONG_S)
    on_stage.until("it lags", lambda: on_stage.told(ACCOUNTS, "checkpoint_age_s", since) >= LONG_S)
    on_stage.until("the contact has waited", lambda: on_stage.told(CONTACTS, "waiting_s", since) >= LONG_S)


def _recovered(on_stage: Rehearsal) -> None:
    since = on_stage.mark()
    on_stage.heal()
    on_stage.until("the gate opens", lambda: on_stage.events("gate_opened", since, system=DATAVERSE))
    on_stage.until("accounts are read", lambda: on_stage.events("pull_run", since, flow=ACCOUNTS, ended="caught_up"))
    on_stage.until_swept()
    on_stage.until(
        "nothing lags", lambda: max(on_stage.told(flow, "checkpoint_age_s", since) for flow in FLOWS.names) < LONG_S
    )


def _refused(on_stage: Rehearsal) -> None:
    since = on_stage.mark()
    on_stage.trouble(FINOPS, kind="refuse_token")
    on_stage.until("F&O lets nobody in", lambda: on_stage.events("access_refused", since, system=FINOPS))
    on_stage.heal()
    on_stage.until("the gate opens", lambda: on_stage.events("gate_opened", since, system=FINOPS))


def _blocked(on_stage: Rehearsal) -> None:
    """More prices change at once than usual."""
    since = on_stage.mark()
    numbers = [row["ProductNumber"] for row in on_stage.chosen.products]
    on_stage.fulfilment.put_products(
        [{"ProductNumber": number, "SalesPrice": Decimal(str(AMOUNT)) + 1} for number in numbers]
    )
    on_stage.until("the flow is blocked", lambda: on_stage.events("flow_blocked", since, flow=PRODUCTS))
    on_stage.until_swept()


def _broken(on_stage: Rehearsal) -> None:
    """A mistake in the settings: every function fails, and a message of ours with it."""
    since = on_stage.mark()
    on_stage.session.stop_functions()
    _ask_as_operators(on_stage, on_stage.rejected)
    id = on_stage.chosen.accounts[0]["accountid"]
    (message,) = messages(ACCOUNTS, "rehearsal", [Hint(id)], 1)
    on_stage.session.storage.queues.send(ACCOUNTS, message.to_body())
    # Whatever it takes of the poison queue would lie there unseen until its lease is over.
    on_stage.session.start_functions({"COMPANY": "no company has such a name", _TAKES_POISON: "true"})
    on_stage.until("the message is poison", lambda: on_stage.take_poison(ACCOUNTS))
    timers = [*(f"{flow}_pull" for flow in FLOWS.names), "sweep"]
    on_stage.until("all timers fail", lambda: min(on_stage.failed(timer, since) for timer in timers) >= OFTEN)


def _ask_as_operators(on_stage: Rehearsal, account: str) -> None:
    """What operators are told, and do, while no function runs: that takes seconds, and the functions would take the
    processors meanwhile."""
    on_stage.ask("status", "status", "--json", code=1)
    on_stage.ask("failures", "failures", ACCOUNTS, "--json")
    on_stage.ask("explanation", "explain", ACCOUNTS, account, "--json")
    on_stage.ask("plan", "plan", QUOTATIONS, "--json")
    on_stage.ask("retry", "retry", ACCOUNTS, account)
    with on_stage.console() as console:
        on_stage.answers["page of causes"] = console.page("/causes")
        on_stage.answers["page of the record"] = console.page(f"/record?flow={ACCOUNTS}&id={account}")
        on_stage.answers["page of acts"] = console.act("/pause", flow=QUOTATIONS, reason="a rehearsal")
        console.act("/resume", flow=QUOTATIONS)
    on_stage.ask("audit", "audit", "--json")


def _stopped(on_stage: Rehearsal) -> None:
    on_stage.session.stop_functions()


_ACTS: Mapping[str, Callable[[Rehearsal], None]] = {
    HEALTHY: _healthy,
    REJECTED: _rejected,
    DOWN: _down,
    RECOVERED: _recovered,
    REFUSED: _refused,
    BLOCKED: _blocked,
    BROKEN: _broken,
    STOPPED: _stopped,
}


def _sent(store: Path) -> list[str]:
    """What the emulator has on disk of its queues: every message as it lies there, also those that were taken long
    ago."""
    files = (file for file in store.rglob("*") if file.is_file() and "queue" in str(file.relative_to(store)))
    return [file.read_bytes().decode("utf-8", "replace") for file in files]


def as_json(rehearsed: Rehearsed) -> str:
    """To keep it in a file."""
    content: dict[str, Any] = {"logs": dict(rehearsed.logs), "poison": rehearsed.poison, "sent": rehearsed.sent}
    content["answers"] = dict(rehearsed.answers)
    return json.dumps(content)


def from_json(text: str) -> Rehearsed:
    """What `as_json` has kept."""
    content = json.loads(text)
    return Rehearsed(content["logs"], tuple(content["poison"]), tuple(content["sent"]), content["answers"])
