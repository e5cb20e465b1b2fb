"""Number sequences: the numbers that the service assigns if the caller sends none."""

from local.finops.parties import NUMBERS, Parties
from local.finops.refusals import field_failed
from local.finops.rules import Rules, Sequence
from local.finops.schema import COMPANY, EntityType
from local.finops.tables import Row, Tables
from local.simulator.filters import Condition


class Sequences:
    """The sequences of one environment; they count on with its rows."""

    def __init__(self, tables: Tables, *, manual: bool) -> None:
        self._tables = tables
        self._parties = Parties(tables)
        self._manual = manual

    def check(self, of: EntityType, rules: Rules, given: Row) -> None:
        """Raises Refused (400) for a number of the caller's own if the sequences do not allow one."""
        for sequence in rules.sequences:
            if self._manual or sequence.name not in given or self._names_party(of, sequence, given):
                continue
            label = rules.label(sequence.name, of.properties[sequence.name].label)
            text = f"The number sequence of field '{label}' does not allow manual numbers."
            raise field_failed(of.aot, sequence.name, text)

    def number(self, of: EntityType, rules: Rules, sequence: Sequence, row: Row) -> str:
        """The next number that no row has yet: people may have brought numbers of their own."""
        # All parties are numbered by one sequence, that of the customers.
        counted, counted_name = (
            next(iter(NUMBERS.items())) if _of_parties(of, sequence) else (of.set_name, sequence.name)
        )
        counter, prefix, digits = f"{counted}.{counted_name}", "", 9
        if sequence.per_company:
            name = self._chosen(rules, sequence, row) or str(row[COMPANY]).upper()
            counter, prefix, digits = f"{counter}.{row[COMPANY]}.{name}", f"{name}-", 6
        while True:
            number = f"{prefix}{self._tables.next_number(counter):0{digits}d}"
            if not self._taken(of, sequence, row, number):
                return number

    def _names_party(self, of: EntityType, sequence: Sequence, given: Row) -> bool:
        """Whether the number is that of an existing party instead of a new one."""
        return _of_parties(of, sequence) and self._parties.exist(given[sequence.name])

    def _chosen(self, rules: Rules, sequence: Sequence, row: Row) -> str:
        for reference in rules.references:
            if reference.name == sequence.chosen_by and row[reference.name]:
                target = self._tables.schema.entities[reference.target]
                key = {COMPANY: row[COMPANY], reference.target_name: row[reference.name]}
                found = self._tables.find(target, key)
                return str(found.row[sequence.chosen_in]) if found else ""
        return ""

    def _taken(self, of: EntityType, sequence: Sequence, row: Row, number: str) -> bool:
        if _of_parties(of, sequence):
            return self._parties.exist(number)
        scope = {COMPANY: row[COMPANY]} if sequence.per_company else {}
        key = {**scope, sequence.name: number}
        return self._tables.count(of, Condition(" AND ".join(f'"{name}" = ?' for name in key), tuple(key.values()))) > 0


def _of_parties(of: EntityType, sequence: Sequence) -> bool:
    return NUMBERS.get(of.set_name) == sequence.name
