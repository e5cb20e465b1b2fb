"""Edits of accounts in Sales, and when they arrive in F&O."""

import itertools
import random
from collections.abc import Callable

from local.demo.arrivals import PATIENCE_S, Arrivals
from local.demo.edits import ACTIVE, INACTIVE, Fulfilment, Sales
from local.demo.stage import Stage
from shared.records import Json, SourceRow

_NAMES = ("Alpine Wheels", "Harbour Cycles", "Old Mill Bikes", "Summit Sports", "Canal Street Bicycles", "Two Rivers")


class AccountScenes:
    """Edits accounts in Sales and shows each change arrive in F&O."""

    def __init__(self, stage: Stage, arrivals: Arrivals, sales: Sales, fulfilment: Fulfilment) -> None:
        self._stage = stage
        self._arrivals = arrivals
        self._sales = sales
        self._fulfilment = fulfilment
        self._random = random.Random()
        self._numbers = itertools.count(1)

    def all(self) -> tuple[Callable[[], None], ...]:
        """The scenes in their order."""
        return (self.rename, self.open_account, self.lose_group, self.change_phone, self.come_and_go)

    def rename(self) -> None:
        """An account gets another name."""
        account = self._some_account()
        old = str(account.values["name"])
        new = old.removesuffix(" Ltd") if old.endswith(" Ltd") else f"{old[:90]} Ltd"
        self._sales.change(account.id, {"name": new})
        self._show(account, f'renamed "{old}" to "{new}"', self._arrivals.seen(account.id))

    def change_phone(self) -> None:
        """An account gets another telephone number."""
        account = self._some_account()
        phone = f"+1 206 555 {self._random.randrange(10_000):04d}"
        self._sales.change(account.id, {"telephone1": phone})
        self._show(account, f'"{account.values["name"]}" has the telephone number {phone}', self._seen(account))

    def open_account(self) -> None:
        """A new account appears."""
        account = self._new_account()
        self._show(account, f'new account "{account.values["name"]}"', self._seen(account))

    def come_and_go(self) -> None:
        """An account is deactivated, renamed meanwhile, and comes back."""
        account = self._some_account()
        name = account.values["name"]
        self._sales.change(account.id, INACTIVE)
        what = f'deactivated "{name}"; the customer stays as it is'
        self._show(account, what, self._arrivals.ended(account.id), then="noted")
        self._sales.change(account.id, {**ACTIVE, "telephone1": f"+1 425 555 {self._random.randrange(10_000):04d}"})
        self._show(account, f'"{name}" is active again, with another telephone number', self._seen(account))

    def lose_group(self) -> None:
        """F&O loses the customer group that new customers get: the failure is listed, corrected and retried."""
        account = self._some_account()
        mapped = self._arrivals.mapped(account.id)
        group = str(mapped.on_create.get("CustomerGroupId", "")) if mapped else ""
        row = self._fulfilment.group(group) if group else None
        if row is None:
            return
        self._fulfilment.remove_group(group)
        try:
            self._stage.say(f"somebody deletes the customer group {group} in F&O")
            new = self._new_account()
            self._show_failure(new)
        finally:
            self._fulfilment.restore_group(row)
        self._stage.say(f"the customer group {group} is back; the record is retried")
        self._arrivals.retry(new.id)
        self._show(new, f'new account "{new.values["name"]}"', self._seen(new))

    def _show_failure(self, account: SourceRow) -> None:
        found = self._arrivals.failed(account.id)
        if found is None:
            self._stage.say(f'"{account.values["name"]}" was not refused within {PATIENCE_S:g} s', style="red")
            return
        seconds, failure = found
        self._stage.say(f'"{account.values["name"]}" is refused after {seconds:.1f} s: {failure.cause}', style="yellow")
        self._stage.say(f"   why: {failure.message}", style="yellow")
        self._stage.say(f"   what to do: {failure.remedy}", style="yellow")

    def _seen(self, account: SourceRow) -> float | None:
        return self._arrivals.seen(account.id)

    def _new_account(self) -> SourceRow:
        number = next(self._numbers)
        name = f"{_NAMES[number % len(_NAMES)]} {self._random.randrange(1000):03d}"
        values: dict[str, Json] = {
            "accountnumber": f"DEMO-{self._random.randrange(10**8):08d}",
            "name": name,
            "telephone1": f"+1 360 555 {self._random.randrange(10_000):04d}",
            "address1_line1": f"{self._random.randrange(1, 999)} Main Street",
            "address1_city": "Seattle",
            "address1_stateorprovince": "Washington",
            "address1_postalcode": "98101",
            "address1_country": "United States",
        }
        return SourceRow(self._sales.create(values), 0, values)

    def _some_account(self) -> SourceRow:
        """An account that is in F&O and may be edited; a new one if none is found."""
        return self._arrivals.some(self._random) or self._new_account()

    def _show(self, account: SourceRow, what: str, seconds: float | None, *, then: str = "in F&O") -> None:
        number = account.values.get("accountnumber")
        self._stage.show(f"{number}  {what}", seconds, then=then, trouble=self._arrivals.trouble())
