"""What histories are made of: a map document, and records that look like a user's own or are made up."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.records import Values
from tests.simulation.adapting import adapted_pools
from tests.simulation.company import Pool, small_tables, standard_pools
from tests.simulation.finops import COMPANIES
from tests.simulation.sample import Sample
from tests.simulation.sampling import Stock
from tests.simulation.settings import MAPS, URL, VARIANTS, Mappers, SettingsKey, mappers_of
from tests.simulation.tables import tables_for


@dataclass(frozen=True)
class Material:
    """The map document that histories begin with, and the sample of records that they play with; without one
    records are made up. Raises SettingsInvalid for a document that is none as soon as something is made of it."""

    maps: str = MAPS
    sample: Sample | None = None

    def pools(self, seed: int) -> Mapping[str, Pool]:
        """The records of a history: of a sample some others for each seed."""
        if self._stock is None:
            return self._made_up
        # Python promises the same dice for the same text on any machine.
        return self._stock.pools(random.Random(f"sample {seed}"))

    @cached_property
    def tables(self) -> Mapping[str, Sequence[Values]]:
        """The small tables of Sales."""
        return small_tables() if self.sample is None and self.maps == MAPS else tables_for(self.maps, self.completed)

    @cached_property
    def mappers(self) -> Mappers:
        """The mappings as histories begin."""
        return mappers_of(SettingsKey(next(iter(VARIANTS)), URL, COMPANIES[0], self.maps))

    @cached_property
    def completed(self) -> Sample:
        """The sample with the columns that the mappings read; empty where there is none."""
        return Sample({}) if self.sample is None else self.sample.completed(self.mappers)

    @cached_property
    def _made_up(self) -> Mapping[str, Pool]:
        return standard_pools() if self.maps == MAPS else adapted_pools(self.maps)

    @cached_property
    def _stock(self) -> Stock | None:
        return None if self.sample is None else Stock(self.completed, self._made_up)


STANDARD = Material()
