"""Edits of contacts in Sales, and when they arrive in F&O."""

import random
from collections.abc import Callable, Mapping

from local.demo.arrivals import Arrivals
from local.demo.edits import ACTIVE, INACTIVE, Sales
from local.demo.stage import Stage
from shared.flows.contacts.mapping import PERSON
from shared.mapping.verdicts import Mapped
from shared.records import Json, SourceRow

_LAST_NAMES = ("Okafor", "Lindqvist", "Moreau", "Tanaka", "Novák", "Ferreira")
_PARENT = "_parentcustomerid_value"
_TRIES = 20


class ContactScenes:
    """Edits contacts of accounts in Sales and shows each change arrive in F&O. `accounts` are those of the accounts
    flow: a contact may move to these."""

    def __init__(self, stage: Stage, arrivals: Arrivals, accounts: Arrivals, sales: Sales) -> None:
        self._stage = stage
        self._arrivals = arrivals
        self._accounts = accounts
        self._sales = sales
        self._random = random.Random()

    def all(self) -> tuple[Callable[[], None], ...]:
        """The scenes in their order."""
        return (self.rename, self.move, self.come_and_go)

    def rename(self) -> None:
        """A contact gets another last name."""
        found = self._some_person()
        if found is None:
            return
        contact, mapped = found
        name = self._random.choice([name for name in _LAST_NAMES if name != contact.values.get("lastname")])
        self._sales.change(contact.id, {"lastname": name})
        self._show(mapped, f'"{_name(contact)}" has the last name {name}', self._arrivals.seen(contact.id))

    def move(self) -> None:
        """A contact moves to another account: another contact person, and the former one turns inactive."""
        found = self._some_person()
        account = None if found is None else self._another_account(found[0])
        if found is None or account is None:
            return
        contact, mapped = found
        self._sales.change(contact.id, {"parentcustomerid_account@odata.bind": f"/accounts({account.id})"})
        what = f'"{_name(contact)}" moves to "{account.values.get("name")}"'
        seconds = self._arrivals.seen(contact.id)
        left = self._row(mapped)
        then = "in F&O, the former contact person inactive," if left.get("IsInactive") == "Yes" else "in F&O"
        self._show(mapped, what, seconds, then=then)

    def come_and_go(self) -> None:
        """A contact is deactivated, and comes back with another job."""
        found = self._some_person()
        if found is None:
            return
        contact, mapped = found
        self._sales.change(contact.id, INACTIVE)
        ended = self._arrivals.ended(contact.id)
        then = "inactive in F&O" if self._row(mapped).get("IsInactive") == "Yes" else "noted"
        self._show(mapped, f'deactivated "{_name(contact)}"', ended, then=then)
        job = f"Buyer {self._random.randrange(100):02d}"
        self._sales.change(contact.id, {**ACTIVE, "jobtitle": job})
        what = f'"{_name(contact)}" is active again, as "{job}"'
        self._show(mapped, what, self._arrivals.seen(contact.id))

    def _some_person(self) -> tuple[SourceRow, Mapped] | None:
        """A contact who is a contact person in F&O, None if none is found."""
        for _ in range(_TRIES):
            contact = self._arrivals.some(self._random)
            mapped = None if contact is None else self._arrivals.mapped(contact.id)
            if contact is not None and mapped is not None and mapped.route == PERSON:
                return contact, mapped
        return None

    def _another_account(self, contact: SourceRow) -> SourceRow | None:
        """An account that the contact does not belong to, None if none is found."""
        parent = str(contact.values.get(_PARENT)).lower()
        for _ in range(_TRIES):
            account = self._accounts.some(self._random)
            if account is not None and account.id != parent:
                return account
        return None

    def _row(self, mapped: Mapped) -> Mapping[str, Json]:
        """The contact person as it is in F&O now, empty if it is not there."""
        rows = self._arrivals.flow.targets(self._arrivals.session.systems, mapped.key)
        return next((row for _, row in rows), {})

    def _show(self, mapped: Mapped, what: str, seconds: float | None, *, then: str = "in F&O") -> None:
        # The key names the route first, and the account last.
        number = mapped.key.partition(" ")[2].partition("/")[0]
        self._stage.show(f"{number}  {what}", seconds, then=then, trouble=self._arrivals.trouble())


def _name(contact: SourceRow) -> str:
    return " ".join(str(contact.values[name]) for name in ("firstname", "lastname") if contact.values.get(name))
