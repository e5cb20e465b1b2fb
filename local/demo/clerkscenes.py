"""The story of the orders in F&O: the clerk confirms, picks, delivers and invoices them, and it comes back to Sales."""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from local.demo.arrivals import Arrivals
from local.demo.clerk import TO_DELIVER, TO_INVOICE, Clerk
from local.demo.insales import TOTAL
from local.demo.invoices import key_of
from local.demo.stage import Stage, money
from shared.counting import counted
from shared.flows.invoices.mapping import NUMBER_FIELD, ORDER_FIELD
from shared.flows.orders import ORDERS
from shared.records import SourceRow

# The same orders of the same records take the same course each time.
_SEED = 7
_CLOSED = ("Invoiced", "Canceled")
# How many orders are entered in F&O at most.
TAKEN = 2

Deed = Callable[[Clerk, str], object]


@dataclass(frozen=True, slots=True)
class Course:
    """What the clerk does with an order: first, and once that has come back to Sales."""

    first: tuple[Deed, ...]
    then: tuple[Deed, ...] = ()


IN_TWO_PARTS = Course((Clerk.charge_freight, Clerk.confirm, Clerk.deliver), (Clerk.invoice_half, Clerk.invoice))
# By turns. The last ones leave something to do for the edits that come after.
_COURSES = (
    IN_TWO_PARTS,
    Course((Clerk.confirm, Clerk.pick, Clerk.deliver), (Clerk.invoice,)),
    Course((Clerk.confirm, Clerk.deliver), (Clerk.invoice_half,)),
    Course((Clerk.confirm, Clerk.deliver_half), (Clerk.invoice,)),
    Course((Clerk.confirm, Clerk.cancel)),
    Course((Clerk.confirm, Clerk.deliver)),
    Course((Clerk.confirm, Clerk.pick)),
    Course((Clerk.confirm,)),
)


def dealt(numbers: Sequence[str], halvable: Collection[str]) -> list[tuple[str, Course]]:
    """The course that each order takes: always the same of the same orders. What can be halved comes first, as the
    courses with halves do."""
    shuffled = random.Random(_SEED).sample(sorted(numbers), len(numbers))
    shuffled.sort(key=lambda number: number not in halvable)
    return list(zip(shuffled, itertools.cycle(_COURSES), strict=False))


class ClerkScenes:
    """What the clerk does with the orders that have arrived. `status` and `invoices` look at what comes back; with
    `creates`, orders of F&O come to Sales, too."""

    def __init__(
        self, stage: Stage, clerk: Clerk, status: Arrivals, invoices: Arrivals, *, creates: bool = False
    ) -> None:
        self._stage = stage
        self._clerk = clerk
        self._status = status
        self._invoices = invoices
        self._creates = creates
        self._random = random.Random()
        self._dealt: list[tuple[str, Course]] = []

    def deliver_all(self) -> None:
        """The clerk takes orders as well, and works on every order up to its delivery; the job for totals runs."""
        numbers = self._clerk.orders("Active")
        taken = self._take_orders() if self._creates else []
        self._dealt = [*zip(taken, _COURSES, strict=False), *dealt(numbers, self._clerk.halvable())]
        done = Counter(deed for number, course in self._dealt for deed in self._do(course.first, number))
        self._clerk.calculate_totals()
        delivered = done[Clerk.deliver] + done[Clerk.deliver_half]
        self._stage.say(
            f"F&O confirms {counted(done[Clerk.confirm], 'order')}, picks {done[Clerk.pick]}, delivers {delivered} "
            f"({done[Clerk.deliver_half]} in part) and cancels {done[Clerk.cancel]}"
        )

    def invoice_all(self) -> None:
        """The clerk invoices what was delivered, wholly or in part."""
        done = Counter(deed for number, course in self._dealt for deed in self._do(course.then, number))
        self._clerk.calculate_totals()
        invoiced = sum(bool(course.then) for _, course in self._dealt)
        posted = sum(done.values())
        self._stage.say(
            f"F&O posts {counted(posted, 'invoice')} of {counted(invoiced, 'order')}, {done[Clerk.invoice_half]} of "
            "them for half of the goods"
        )

    def follow(self) -> None:
        """One order that was invoiced in two parts, by name through both systems."""
        number = next((number for number, course in reversed(self._dealt) if course is IN_TWO_PARTS), None)
        if number is None:
            return
        systems = self._invoices.session.systems
        posted = [row for row in self._invoices.flow.sources(systems) if row.values[ORDER_FIELD] == number]
        there = dict(self._invoices.flow.targets(systems))
        missing = [_number(row) for row in posted if key_of(row.values) not in there]
        if missing:
            self._stage.say(f"Order {number} is invoiced, but {', '.join(missing)} is not in Sales", style="red")
            return
        total = sum((Decimal(str(there[key_of(row.values)][TOTAL])) for row in posted), Decimal(0))
        amount = money(total, posted[0].values["CurrencyCode"])
        listed = " and ".join(map(_number, posted))
        self._stage.say(f"{number} was delivered: invoices {listed} in Sales, {amount} in all")

    def all(self) -> tuple[Callable[[], None], ...]:
        """The scenes in their order."""
        return (*([self.take] if self._creates else []), self.confirm, self.deliver, self.invoice)

    def take(self) -> None:
        """An order is entered in F&O, and confirmed."""
        if customers := self._clerk.customers():
            number = f"TEL-{self._random.randrange(10**8):08d}"
            self._take(number, self._random.choice(customers))
            self._clerk.confirm(number)
            self._clerk.calculate_totals()
            self._show(number, "is entered in F&O and confirmed", self._status.seen(number), then="an order in Sales")

    def confirm(self) -> None:
        """An order is confirmed in F&O."""
        if number := self._some("Active"):
            self._clerk.confirm(number)
            self._clerk.calculate_totals()
            self._show(number, "is confirmed in F&O", self._status.seen(number), then="confirmed in Sales")

    def deliver(self) -> None:
        """An order is delivered."""
        if number := self._some(*TO_DELIVER):
            self._clerk.deliver(number)
            self._clerk.calculate_totals()
            self._show(number, "is delivered", self._status.seen(number), then="shipped in Sales")

    def invoice(self) -> None:
        """An order is invoiced."""
        if number := self._some(*TO_INVOICE):
            invoice = self._clerk.invoice(number)
            self._clerk.calculate_totals()
            flow, systems = self._invoices.flow, self._invoices.session.systems
            (id,) = [row.id for row in flow.sources(systems) if _number(row) == invoice]
            self._show(number, f"is invoiced by {invoice}", self._invoices.seen(id), then="in Sales")

    def _take_orders(self) -> list[str]:
        customers = self._clerk.customers()[:TAKEN]
        numbers = [f"TEL-{at:04d}" for at, _ in enumerate(customers, start=1)]
        for number, customer in zip(numbers, customers, strict=True):
            self._take(number, customer)
        if numbers:
            orders = counted(len(numbers), "customer orders", "customers order")
            self._stage.say(f"{orders} by telephone: {' and '.join(numbers)} in F&O")
        return numbers

    def _take(self, number: str, customer: str) -> None:
        self._status.memory.note_theirs(ORDERS, number)
        self._clerk.take_order(number, customer)

    def _do(self, deeds: Sequence[Deed], number: str) -> list[Deed]:
        """The deeds that were done. Half of an order that cannot be halved is all of it: then nothing is left."""
        done = []
        for deed in deeds:
            if deed is Clerk.invoice and number in self._clerk.orders(*_CLOSED):
                break
            deed(self._clerk, number)
            done.append(deed)
        return done

    def _some(self, *statuses: str) -> str | None:
        """An order with one of these statuses, None if there is none."""
        numbers = self._clerk.orders(*statuses)
        return self._random.choice(numbers) if numbers else None

    def _show(self, number: str, what: str, seconds: float | None, *, then: str) -> None:
        trouble = self._status.trouble() or self._invoices.trouble()
        self._stage.show(f"{number}  {what}", seconds, then=then, trouble=trouble)


def _number(row: SourceRow) -> str:
    return str(row.values[NUMBER_FIELD])
