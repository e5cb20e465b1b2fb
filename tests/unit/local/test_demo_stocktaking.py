"""How often the demo counts what is decided: at every change, and never so often that the sync is held up."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from local.demo.flows import Watched
from local.demo.progress_reader import Account, Glance
from local.demo.stocktaking import Standings, Stocktaking

FLOW, CLAIMS_LIVE_S = "accounts", 55.0


@dataclass
class Counted:
    """A flow with two records whose account takes `cost_s`; how often it was taken is kept."""

    cost_s: float = 0.1
    now: float = 0.0
    hints: int = 0
    claim_age_s: float | None = None
    taken: int = 0
    asked: list[int] = field(default_factory=list)

    def control(self) -> None:
        """Nothing is blocked."""

    def glance(self, _control: None, *, anew: bool) -> Glance:
        return Glance({}, 1, None, None, None, True, self.hints, 0, 0, "")

    def account_for(self, ids: list[str]) -> Account:
        self.taken += 1
        self.now += self.cost_s
        self.asked.append(len(ids))
        return Account({}, {}, (), (), 0, claim_age_s=self.claim_age_s)


def stocktaking(counted: Counted, ids: list[str]) -> Stocktaking:
    source = SimpleNamespace(ids=lambda _systems: list(ids))
    flow = cast(Watched, SimpleNamespace(name=FLOW, source=source))
    standings = cast(Standings, {FLOW: counted})
    return Stocktaking(cast(Any, {}), (flow,), standings, CLAIMS_LIVE_S, lambda: counted.now)


def test_an_account_is_taken_once_while_nothing_happens() -> None:
    counted = Counted()
    stock = stocktaking(counted, ["1", "2"])
    for _ in range(5):
        stock.look()
        counted.now += 0.5
    assert counted.taken == 1


def test_an_account_is_taken_again_when_something_has_happened() -> None:
    counted = Counted()
    stock = stocktaking(counted, ["1", "2"])
    stock.look()
    counted.now += 1
    counted.hints = 3
    stock.look()
    assert counted.taken == 2


def test_accounts_that_take_long_are_taken_seldom() -> None:
    counted = Counted(cost_s=2)
    stock = stocktaking(counted, ["1", "2"])
    for _ in range(60):
        stock.look()
        counted.now += 0.5
        counted.hints += 1
    assert counted.taken * counted.cost_s < 0.3 * counted.now


def test_the_records_are_read_again_only_for_the_last_word() -> None:
    ids = ["1", "2"]
    counted = Counted()
    stock = stocktaking(counted, ids)
    stock.look()
    ids.append("3")
    counted.now, counted.hints = 10, 1
    stock.look()
    stock.look(anew=True)
    assert counted.asked == [2, 2, 3]


def test_a_claim_is_said_to_hold_for_as_long_as_it_would_if_its_worker_were_dead() -> None:
    fresh, older = (stocktaking(Counted(claim_age_s=age), ["1"]).look()[FLOW].claims_until for age in (0.0, 50.0))
    assert fresh is not None
    assert older is not None
    assert 49 < (fresh - older).total_seconds() <= 50
    assert stocktaking(Counted(), ["1"]).look()[FLOW].claims_until is None
