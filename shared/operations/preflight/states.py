"""The states of addresses in Sales that F&O does not get, or gets as written, counted by country."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem
from shared.flows.checks import SALES, Check, CheckResult
from shared.mapping.addresses import STATE_AS_TEXT, STATE_LEFT_OUT, AddressBlock
from shared.mapping.value_maps import ValueMaps
from shared.mapping.words import Unmappable
from shared.operations.preflight.required_columns import TableUse
from shared.records import Values
from shared.setupguide import section

_ROWS = 50_000
_COUNTRIES_TOLD = 20
_CAUSES = {STATE_LEFT_OUT: "left out", STATE_AS_TEXT: "sent as written"}
_REMEDY = f"{section('4')}: `states`, STATE_WITHOUT_LIST, UNKNOWN_STATE"


class States:
    """Checks the addresses of the tables that the mappings read."""

    def __init__(self, dataverse: DataverseSystem, maps: ValueMaps) -> None:
        self._dataverse = dataverse
        self._maps = maps

    def checks(self, use: TableUse) -> Iterator[Check]:
        """The states in a table's addresses that are not carried over. Raises SystemTrouble."""
        entity_set, blocks = use.entity_set, use.blocks
        if not blocks:
            return
        met: Counter[tuple[str, str]] = Counter()
        rows = 0
        for row in islice(self._dataverse.rows(entity_set, _address(self._dataverse, entity_set, blocks)), _ROWS):
            rows += 1
            for block in blocks:
                met.update(self._met(block, row))
        yield _check(f"states of {entity_set} have a code in the value map", met, bounded=rows == _ROWS)

    def _met(self, block: AddressBlock, row: Values) -> list[tuple[str, str]]:
        """Cause and country. An unknown country is reported with the record that has it."""
        try:
            return [(remark.cause, remark.value.partition(" ")[0]) for remark in block.remarks(row, self._maps)]
        except Unmappable:
            return []


def _check(what: str, met: Counter[tuple[str, str]], *, bounded: bool) -> Check:
    if not met:
        return Check(SALES, what, CheckResult.WELL)
    told = []
    for cause, words in _CAUSES.items():
        counts = Counter({country: count for (value, country), count in met.items() if value == cause})
        told += [f"{words}: {_in_words(counts)}"] if counts else []
    first = f" (of the first {_ROWS} rows)" if bounded else ""
    return Check(SALES, what, CheckResult.BY_HAND, "; ".join(told) + first, _REMEDY)


def _in_words(counts: Counter[str]) -> str:
    told = [f"{country} {count}" for country, count in counts.most_common(_COUNTRIES_TOLD)]
    more = len(counts) - len(told)
    return ", ".join(told) + (f", and {more} more countries" if more else "")


def _address(dataverse: DataverseSystem, entity_set: str, blocks: tuple[AddressBlock, ...]) -> str:
    """The filter for rows that have a state in one of the blocks."""
    states = [f"{block.source}_stateorprovince" for block in blocks]
    columns = [f"{block.source}_{part}" for block in blocks for part in ("country", "stateorprovince")]
    filled = " or ".join(f"{state} ne null" for state in states)
    return dataverse.url(entity_set, {"$select": quoting.columns(columns), "$filter": filled})
