"""Number sequences: the numbers that the service gives where the caller brings none."""

from local.finops.refusals import field_failed
from local.finops.rules import Rules, Sequence
from local.finops.schema import COMPANY, EntityType, load_schema
from local.finops.tables import Row, Tables
from local.simulator.filters import Condition


class Sequences:
    """The sequences of one environment; they count on with its rows."""

    def __init__(self, tables: Tables, *, manual: bool) -> None:
        self._tables = tables
        self._manual = manual

    def check(self, of: EntityType, rules: Rules, given: Row) -> None:
        """Raises Refused (400) for a number of the caller's own where the sequences do not allow one."""
        for sequence in rules.sequences:
            if self._manual or sequence.name not in given or self._names_party(of, rules, sequence, given):
                continue
            label = rules.label(sequence.name, of.properties[sequence.name].label)
            text = f"The number sequence of field '{label}' does not allow manual numbers."
            raise field_failed(of.aot, sequence.name, text)

    def number(self, of: EntityType, rules: Rules, sequence: Sequence, row: Row) -> str:
        """The next number that no row has yet: people may have brought numbers of their own."""
        counter, prefix, digits = f"{of.set_name}.{sequence.name}", "", 9
        if sequence.per_company:
            name = self._chosen(rules, sequence, row) or str(row[COMPANY]).upper()
            counter, prefix, digits = f"{counter}.{row[COMPANY]}.{name}", f"{name}-", 6
        while True:
            number = f"{prefix}{self._tables.next_number(counter):0{digits}d}"
            if not self._taken(of, sequence, row, number):
                return number

    def _names_party(self, of: EntityType, rules: Rules, sequence: Sequence, given: Row) -> bool:
        """Whether the number is no new one but that of a party that exists."""
        if rules.joined is None or rules.joined.link != sequence.name:
            return False
        return self._tables.count(of, Condition(f'"{sequence.name}" = ?', (given[sequence.name],))) > 0

    def _chosen(self, rules: Rules, sequence: Sequence, row: Row) -> str:
        for reference in rules.references:
            if reference.name == sequence.chosen_by and row[reference.name]:
                target = load_schema().entities[reference.target]
                key = {COMPANY: row[COMPANY], reference.target_name: row[reference.name]}
                found = self._tables.find(target, key)
                return str(found.row[sequence.chosen_in]) if found else ""
        return ""

    def _taken(self, of: EntityType, sequence: Sequence, row: Row, number: str) -> bool:
        scope = {COMPANY: row[COMPANY]} if sequence.per_company else {}
        key = {**scope, sequence.name: number}
        return self._tables.count(of, Condition(" AND ".join(f'"{name}" = ?' for name in key), tuple(key.values()))) > 0
