"""The first part of the demo: from empty flows to invoices that have come back."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from rich.console import Console

from local.demo import screen
from local.demo.arguments import Options
from local.demo.clerkscenes import ClerkScenes
from local.demo.configuration import Configuration
from local.demo.orderscenes import OrderScenes
from local.demo.quotescenes import QuoteScenes
from local.demo.session import Session
from local.demo.state_dir import Place
from local.demo.stocktaking import Position, Standings, Stocktaking
from local.demo.waiting import Wait
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS

# The products must be in Sales before anything can be quoted.
FIRST_IN_WORST_ORDER = (PRODUCTS,)
_WAITING_IN_WORST_ORDER = (ORDERS, QUOTATIONS, CONTACTS)
_BACK = (ORDERSBACK, INVOICES)


@dataclass(slots=True)
class Opening:
    """Lets every existing record flow, has it quoted, ordered, delivered and invoiced. `gave_up` says afterwards why it
    did not come into step, empty if it did."""

    options: Options
    console: Console
    configuration: Configuration
    session: Session
    here: Place
    standings: Standings
    gave_up: str = field(default="")

    def play(
        self, quotes: QuoteScenes, orders: OrderScenes, clerk: ClerkScenes | None, explain: Callable[[], None]
    ) -> None:
        """Play it: quotes and orders are written once the products are in Sales, and delivered once they are in F&O.
        `explain` comes when all is in step but one quote, which is asked about. There is no clerk if status or invoices
        do not come back."""
        if self.here.memory.quoted:
            self._head("1 of 1  What has changed meanwhile is synced.")
            self.session.resume_flows()
            self._wait(self._names)
            explain()
            return
        acts: list[tuple[str, Callable[[], None]]] = [
            (self._first_head, self._let_flow_what_is_there),
            ("Sales users quote and order what has arrived.", lambda: self._write(quotes, orders)),
            (
                "Quotes and orders are synced, and the people who are quoted become customers.",
                lambda: self._let_flow_what_is_written(quotes, explain),
            ),
            ("Quotes are won, and their orders follow.", lambda: self._win(orders)),
        ]
        if clerk is not None:
            acts.append(("F&O delivers and invoices, and it comes back to Sales.", lambda: self._deliver(clerk)))
        for number, (head, act) in enumerate(acts, start=1):
            self._head(f"{number} of {len(acts)}  {head}")
            act()
            if self.gave_up:
                return

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(flow.name for flow in self.configuration.flows)

    @property
    def _not_back(self) -> tuple[str, ...]:
        """The flows that run before anything comes back."""
        return tuple(name for name in self._names if not self.options.worst_order or name not in _BACK)

    @property
    def _first_head(self) -> str:
        now = "Products" if self.options.worst_order else "Accounts, contacts and products"
        return f"{now} are synced. Quotes and orders follow when the products are in Sales."

    def _let_flow_what_is_there(self) -> None:
        self._wait(FIRST_IN_WORST_ORDER if self.options.worst_order else self._names)

    def _write(self, quotes: QuoteScenes, orders: OrderScenes) -> None:
        quotes.write(self.options.data)
        orders.write()
        self.here.memory.quoted = True
        self.here.save()

    def _let_flow_what_is_written(self, quotes: QuoteScenes, explain: Callable[[], None]) -> None:
        if self.options.worst_order:
            self._let_flow_what_waits()
        self._wait(self._not_back)
        if not self.gave_up:
            explain()
            quotes.why_is_it_not_there()
            quotes.follow()

    def _let_flow_what_waits(self) -> None:
        """Orders, quotes and contacts are read while the accounts that they wait for are not: then these, too."""
        self.session.resume_flows(_WAITING_IN_WORST_ORDER)
        positions = self._wait(_WAITING_IN_WORST_ORDER, may_wait=True)
        self._say_waiting(positions, "Only now the accounts are synced.")
        self.session.resume_flows(self._not_back)

    def _win(self, orders: OrderScenes) -> None:
        orders.win()
        self._wait(self._not_back)
        if not self.gave_up:
            orders.follow()

    def _deliver(self, clerk: ClerkScenes) -> None:
        clerk.deliver_all()
        if not self.options.worst_order:
            self._wait_anew((ORDERSBACK,))
        if self.gave_up:
            return
        clerk.invoice_all()
        if self.options.worst_order:
            self._let_flow_invoices()
        self._wait_anew(self._names)
        if not self.gave_up:
            clerk.follow()

    def _let_flow_invoices(self) -> None:
        """The invoices of orders are read while what has become of the orders is not: then this, too."""
        self.session.resume_flows((INVOICES,))
        positions = self._wait((INVOICES,), may_wait=True)
        self._say_waiting(positions, "Only now what has become of the orders is synced.")
        self.session.resume_flows()

    def _say_waiting(self, positions: dict[str, Position], then: str) -> None:
        listed = ", ".join(f"{position.account.waiting} {name}" for name, position in positions.items())
        screen.write(self.console, f"waiting: {listed}. {then}", style="yellow", indent=2)

    def _wait_anew(self, names: Collection[str]) -> None:
        """Wait for flows whose source has changed in records that are decided already: each reads it once more."""
        self._wait(names, self.session.watch())

    def _wait(
        self, names: Collection[str], standings: Standings | None = None, *, may_wait: bool = False
    ) -> dict[str, Position]:
        flows = tuple(flow for flow in self.configuration.flows if flow.name in names)
        live_s = self.configuration.claim_live_s
        stock = Stocktaking(self.session.systems, flows, standings or self.standings, live_s)
        wait = Wait(self.session, stock, self.console, self.options.timeout_s, may_wait)
        positions = wait.until_in_step()
        self.gave_up = wait.gave_up
        return positions

    def _head(self, text: str) -> None:
        self.console.print()
        screen.write(self.console, text, style="bold")
