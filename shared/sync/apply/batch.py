"""The records of one message between the stages of apply."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from shared.sync.apply.record import Concluded, Record


class OnItsWay(Protocol):
    """The result of a stage for one record."""

    @property
    def id(self) -> str:
        """The source record's id."""

    @property
    def record(self) -> Record:
        """What is known of it."""


Next = TypeVar("Next", bound=OnItsWay)


class Batch:
    """The records of one message, each as the last stage has left it. A stage yields its results one by one. What it
    has yielded also counts if it meets trouble later."""

    def __init__(self, records: Iterable[OnItsWay]) -> None:
        self._latest = {record.id: record for record in records}

    def take(self, results: Iterable[Next | Concluded]) -> list[Next]:
        """Keep what a stage yields. Returns what it leaves undecided, in the order of the message."""
        undecided: dict[str, Next] = {}
        for result in results:
            self._latest[result.id] = result
            if not isinstance(result, Concluded):
                undecided[result.id] = result
        return [undecided[id] for id in self._latest if id in undecided]

    def latest(self) -> list[OnItsWay]:
        """Every record as the last stage has left it."""
        return list(self._latest.values())

    def undecided(self) -> list[Record]:
        """What is known of the records that no stage has decided yet."""
        return [each.record for each in self._latest.values() if not isinstance(each, Concluded)]
