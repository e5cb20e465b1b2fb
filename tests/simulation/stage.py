"""What a history plays on: time, weather, both systems and the storage. Made once a process, emptied for each."""

from collections.abc import Mapping

from shared.sync.flow import Flow
from tests.simulation.finops import Finops
from tests.simulation.sales import Sales
from tests.simulation.settings import SettingsKey
from tests.simulation.storage import Queues, Table
from tests.simulation.threads import Threads, WorkerClock
from tests.simulation.weather import Weather

_TABLES = ("checkpoints", "links", "keys", "runs", "control")


class Stage:
    """One stage for one process. The flows of every variant of the settings are kept with it."""

    def __init__(self) -> None:
        self.threads = Threads()
        self.clock = WorkerClock(self.threads)
        self.weather = Weather(self.threads)
        self.sales = Sales(self.weather, self.clock)
        self.finops = Finops(self.weather, self.clock)
        self.tables = {name: Table(self.clock, name, self.weather) for name in _TABLES}
        self.queues = Queues(self.clock, self.weather)
        self.flows: dict[SettingsKey, Mapping[str, Flow]] = {}

    def empty(self) -> None:
        """Begin anew."""
        self.threads.empty()
        self.weather.calm_down()
        self.sales.empty()
        self.finops.empty()
        self.queues.empty()
        for table in self.tables.values():
            table.empty()
