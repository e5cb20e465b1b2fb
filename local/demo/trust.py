"""The part with crashes: functions are killed during a large batch, both systems throttle, and both are compared."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from local.demo import firstsync
from local.demo.clerk import TO_DELIVER, TO_INVOICE, Clerk
from local.demo.configuration import Configuration
from local.demo.edits import Fulfilment, Sales
from local.demo.flows import Watched
from local.demo.progress_reader import ProgressReader
from local.demo.report import Result, Trial, listed
from local.demo.selling import HEADER_ACTIVATED, LINE_SUBMITTED, ORDER, Seller, some_products
from local.demo.session import Session
from local.demo.stage import Stage
from local.demo.standstill import Standstill
from local.demo.state_dir import Place
from local.demo.stocktaking import Stocktaking
from local.demo.systems import DATAVERSE, FINOPS
from local.demo.waiting import Wait
from shared.flows.accounts import ACCOUNTS
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.flows.products import PRODUCTS
from shared.records import Json
from shared.state.control import Control

BATCH = 200
# How many orders are activated at once.
ORDERED = 10
# The delay of answers while the batch is under way: long enough for the kill to meet it.
_SLOW_MS: Mapping[str, float] = {DATAVERSE: 1200.0, FINOPS: 800.0}
# A flow that reads little has its records in hand while others still read: none of its writes is answered meanwhile. It
# is less than REQUEST_TIMEOUT_S of a hasty app, so that it waits for the answer until it is killed.
_WRITES_S = 8
_SLOW_WRITES: Mapping[str, Json] = {"kind": "slow", "methods": ["PATCH", "POST", "PUT"], "delay_s": _WRITES_S}
_STORM: Mapping[str, Json] = {"kind": "throttle", "retry_after": "2"}
# So long after the first request that was refused, which on a busy machine comes late.
_STORM_S = 4.0
_LOOK_EVERY_S = 0.2
_AT_MOST_S = 30.0


@dataclass(frozen=True, slots=True)
class Act:
    """The act, in a session that is in step. `latency_ms` is what an answer takes otherwise. At most `most` records of
    a flow are changed, and at most `ORDERED` orders are made."""

    stage: Stage
    session: Session
    place: Place
    configuration: Configuration
    standings: Mapping[str, ProgressReader]
    latency_ms: float
    patience_s: float
    most: int = BATCH

    def play(self, *, stop: bool) -> Result:
        """Play it to the end; `stop` ends the functions before both systems are compared."""
        began = time.monotonic()
        throttled = self._throttled()
        orders = self._orders()
        with held(Control(self.session.storage.table("control")), list(self.standings)):
            touched = {
                ACCOUNTS: self._touch_accounts(),
                PRODUCTS: self._touch_products(),
                ORDERS: self._activate(orders),
                **self._fulfil(),
            }
            watch = self.session.watch()
            self.stage.say(f"somebody changes {listed(touched)} at once")
            self._slow_down()
        in_hand = self._kill([name for name, count in touched.items() if count])
        self._storm(free_at=datetime.now().astimezone() + timedelta(seconds=self.configuration.claim_live_s))
        configuration = self.configuration
        stock = Stocktaking(self.session.systems, configuration.flows, watch, configuration.claim_live_s)
        patience_s = max(self.patience_s, configuration.claim_live_s + _AT_MOST_S)
        wait = Wait(self.session, stock, self.stage.console, patience_s)
        in_step = all(each.in_step for each in wait.until_in_step().values())
        if wait.gave_up:
            self.stage.say(wait.gave_up, style="red")
        if stop:
            self.session.stop_functions()
        flows = self.configuration.flows
        result = firstsync.result_of(self.session, self.place, flows, self.standings, in_step=in_step)
        seconds = time.monotonic() - began
        return replace(result, trial=trial_of(result, touched, in_hand, self._throttled() - throttled, seconds))

    def _touch_accounts(self) -> int:
        ids = self._some(ACCOUNTS)
        stamp = random.randrange(10_000)
        changes = {id: {"telephone1": f"+1 {number:03d} 555 {stamp:04d}"} for number, id in enumerate(ids)}
        if changes:
            Sales(self.session.sales).change_many(changes)
        return len(ids)

    def _touch_products(self) -> int:
        ids = self._some(PRODUCTS)
        rows = {row.id: row for row in self._flow(PRODUCTS).sources(self.session.systems)}
        chosen = [rows[id] for id in ids if id in rows]
        changes: list[dict[str, Json]] = [
            {"ProductNumber": row.id, "SalesPrice": _raised(row.values.get("SalesPrice"))} for row in chosen
        ]
        if changes:
            Fulfilment(self.session.finops, self.configuration.company).put_products(changes)
        return len(changes)

    def _orders(self) -> list[tuple[str, list[str]]]:
        """Orders that are not activated yet, each with its lines."""
        seller, accounts = Seller(self.session.sales), self.standings[ACCOUNTS].written()
        catalogue = seller.catalogue()
        products = some_products(catalogue, 2)
        buyers = random.sample(accounts, min(len(accounts), ORDERED, self.most)) if products else []
        made = [seller.order(f"/accounts({id})", "Ordered at once", products, catalogue)[0] for id in buyers]
        return [(id, [str(line["salesorderdetailid"]) for line in seller.lines(id, ORDER)]) for id in made]

    def _activate(self, orders: list[tuple[str, list[str]]]) -> int:
        """Activate orders: all headers, then all lines."""
        if orders:
            headers, lines = [id for id, _ in orders], [line for _, marked in orders for line in marked]
            Sales(self.session.sales, "salesorders", ORDER).change_many(dict.fromkeys(headers, HEADER_ACTIVATED))
            details = Sales(self.session.sales, "salesorderdetails", f"{ORDER}detail")
            details.change_many(dict.fromkeys(lines, LINE_SUBMITTED))
        return len(orders)

    def _fulfil(self) -> dict[str, int]:
        """What can be delivered is delivered, what was delivered is invoiced."""
        if not {ORDERSBACK, INVOICES} <= self.standings.keys():
            return {}
        clerk = Clerk(self.session.finops, self.configuration.company)
        picked, delivered = clerk.orders(*TO_DELIVER)[: self.most], clerk.orders(*TO_INVOICE)[: self.most]
        for number in picked:
            clerk.deliver(number)
        for number in delivered:
            clerk.invoice(number)
        clerk.calculate_totals()
        return {ORDERSBACK: len(picked), INVOICES: len(delivered)}

    def _some(self, flow: str) -> list[str]:
        """As many as may change in one walk without the flow asking an operator first."""
        written = self.standings[flow].written()
        return random.sample(written, min(self.configuration.may_change(len(written)), self.most))

    def _flow(self, name: str) -> Watched:
        return next(flow for flow in self.configuration.flows if flow.name == name)

    def _slow_down(self) -> None:
        for access in self.session.systems.values():
            access.control("POST", "latency", {"latency_ms": Decimal(str(max(self.latency_ms, _SLOW_MS[access.name])))})
            access.control("POST", "faults", dict(_SLOW_WRITES))

    def _kill(self, flows: Sequence[str]) -> dict[str, int]:
        """Kill the host when it has claimed records of all these flows; how many it had."""
        self.stage.say("the functions are killed as soon as they work on records of all these flows")
        in_hand = self._wait_for_work(flows)
        self.session.kill_functions()
        self.stage.say(f"kill -9: the functions are killed while they work on {at_work(in_hand)}", style="bold red")
        return in_hand

    def _wait_for_work(self, flows: Sequence[str]) -> dict[str, int]:
        standstill = Standstill()
        while True:
            self.session.require_alive()
            in_hand = {name: self.standings[name].claimed() for name in flows}
            spent_s = standstill.look(any(in_hand.values()))
            if all(in_hand.values()) or spent_s > (_WRITES_S if any(in_hand.values()) else _AT_MOST_S):
                return in_hand
            time.sleep(_LOOK_EVERY_S)

    def _storm(self, *, free_at: datetime) -> None:
        """Start the functions again into systems that refuse every request for a while. `free_at` is when the claims
        of the dead process end."""
        accesses, before = self.session.systems.values(), self._throttled()
        for access in accesses:
            access.control("POST", "latency", {"latency_ms": Decimal(str(self.latency_ms))})
            access.control("DELETE", "faults")
            access.control("POST", "faults", dict(_STORM))
        try:
            self.session.start_functions()
            self.stage.say("the functions start again, and both systems answer everything with 429", style="yellow")
            standstill, refused = Standstill(), False
            while standstill.look(refused) < (_STORM_S if refused else _AT_MOST_S):
                time.sleep(_LOOK_EVERY_S)
                refused = refused or self._throttled() > before
        finally:
            for access in accesses:
                access.control("DELETE", "faults")
        self.stage.say(
            "both systems answer again. Records of the killed process are left alone as long as one of "
            f"its requests could still arrive: until about {free_at:%H:%M:%S}"
        )

    def _throttled(self) -> int:
        return sum(counts.throttled for counts in self.session.counts().values())


@contextmanager
def held(control: Control, flows: Sequence[str]) -> Iterator[None]:
    """These flows begin nothing before the end of the block, and then all at once. One that is paused stays paused."""
    running = [flow for flow in flows if not control.flow(flow).paused]
    try:
        for flow in running:
            control.change_flow(flow, lambda now: replace(now, paused=True))
        yield
    finally:
        for flow in running:
            control.change_flow(flow, lambda now: replace(now, paused=False))


def at_work(in_hand: Mapping[str, int]) -> str:
    """What the functions work on, and of which flows they have nothing in hand."""
    busy = listed({name: count for name, count in in_hand.items() if count})
    idle = ", ".join(name for name, count in in_hand.items() if not count)
    return f"{busy or 'nothing'}{f' (nothing of {idle})' if idle else ''}"


def _raised(price: Json) -> Decimal:
    return Decimal(str(price or 0)) + 1


def trial_of(
    result: Result, touched: Mapping[str, int], in_hand: Mapping[str, int], throttled: int, seconds: float
) -> Trial:
    """What the comparison says about the records. Extra records and doubled records are counted separately."""
    compared = [flow.comparison for flow in result.flows.values()]
    return Trial(
        touched=touched,
        in_hand=in_hand,
        throttled=throttled,
        seconds=seconds,
        lost=result.unaccounted + sum(len(each.missing) for each in compared),
        extra=sum(len(each.extra) for each in compared),
        doubled=sum(len(each.doubled) for each in compared),
        stale=sum(len({difference.key for difference in each.different}) for each in compared),
    )
