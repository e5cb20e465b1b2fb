"""The first part of the demo: from empty flows to quotes and orders that have arrived."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console

from local.demo import screen
from local.demo.arguments import Options
from local.demo.configuration import Configuration
from local.demo.flows import Watched
from local.demo.orderscenes import OrderScenes
from local.demo.quotescenes import QuoteScenes
from local.demo.session import Session
from local.demo.state_dir import Place
from local.demo.stocktaking import Position, Standings, Stocktaking
from local.demo.waiting import Wait
from shared.flows.contacts import CONTACTS
from shared.flows.orders import ORDERS
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS

# The products must be in Sales before anything can be quoted.
FIRST_IN_WORST_ORDER = (PRODUCTS,)


@dataclass(slots=True)
class Opening:
    """Lets every existing record flow, and has it quoted. `gave_up` says afterwards why it did not come into step,
    empty if it did."""

    options: Options
    console: Console
    configuration: Configuration
    session: Session
    here: Place
    standings: Standings
    gave_up: str = field(default="")

    def play(self, quotes: QuoteScenes, orders: OrderScenes, explain: Callable[[], None]) -> None:
        """Play it: quotes and orders are written once the products are in Sales. `explain` comes when all is in step
        but one quote, which is asked about."""
        flows = self.configuration.flows
        if self.here.memory.quoted:
            self._head("1 of 1  What has changed meanwhile is synced.")
            self._wait(flows)
            explain()
            return
        self._let_flow_what_is_there()
        if self.gave_up:
            return
        self._head("2 of 4  Sales users quote and order what has arrived.")
        quotes.write(self.options.data)
        orders.write()
        self.here.memory.quoted = True
        self.here.save()
        self._head("3 of 4  Quotes and orders are synced, and the people who are quoted become customers.")
        if self.options.worst_order:
            self._let_flow_what_waits()
        self._wait(flows)
        if not self.gave_up:
            explain()
            quotes.why_is_it_not_there()
            quotes.follow()
            self._head("4 of 4  Quotes are won, and their orders follow.")
            orders.win()
            self._wait(flows)
            orders.follow()

    def _let_flow_what_is_there(self) -> None:
        flows = self.configuration.flows
        worst = self.options.worst_order
        now = "Products" if worst else "Accounts, contacts and products"
        self._head(f"1 of 4  {now} are synced. Quotes and orders follow when the products are in Sales.")
        self._wait([flow for flow in flows if not worst or flow.name in FIRST_IN_WORST_ORDER])

    def _let_flow_what_waits(self) -> None:
        """Orders, quotes and contacts are read while the accounts that they wait for are not: then these, too."""
        first = (ORDERS, QUOTATIONS, CONTACTS)
        self.session.resume_flows(first)
        positions = self._wait([flow for flow in self.configuration.flows if flow.name in first])
        listed = ", ".join(f"{position.account.waiting} {name}" for name, position in positions.items())
        screen.write(self.console, f"waiting: {listed}. Only now the accounts are synced.", style="yellow", indent=2)
        self.session.resume_flows()

    def _wait(self, flows: Sequence[Watched]) -> dict[str, Position]:
        live_s = self.configuration.claim_live_s
        stock = Stocktaking(self.session.systems, tuple(flows), self.standings, live_s)
        wait = Wait(self.session, stock, self.console, self.options.timeout_s)
        positions = wait.until_in_step()
        self.gave_up = wait.gave_up
        return positions

    def _head(self, text: str) -> None:
        self.console.print()
        screen.write(self.console, text, style="bold")
