"""pricelists -> CustomerGroups: Dataverse `pricelevel` to F&O customer groups, by the name of the price list.

The table below is the mapping; everything else in this module is a filter or a choice.
"""

from dataclasses import dataclass, field

from shared.flows.sales_records import FieldRules, SalesMapper
from shared.mapping.field_table import FieldTable, require_sound
from shared.mapping.numbers import Numbering
from shared.mapping.scope import Scope
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Known, Mapped, Verdict
from shared.mapping.words import Column, Unmappable, Word, constant, copy
from shared.records import SourceRow
from tests.flows.pricelists import PRICELISTS

ENTITY_SET = "pricelevels"
ID_COLUMN = "pricelevelid"
KEY_COLUMN = "name"
TARGET_SET = "CustomerGroups"
KEY_FIELD = "CustomerGroupId"
KEY_LENGTH = 10
# The name of the mapping in `fields` of the map document.
PART = "pricelists"
NUMBERING = Numbering(
    KEY_COLUMN,
    needed_as=KEY_FIELD,
    length=KEY_LENGTH,
    when_missing="give the price list a name",
    when_too_long="give the price list a shorter name",
)
_ALSO_READ = (
    Column(KEY_COLUMN),
    Column("statecode", int),
    Column("createdon", is_date=True),
    Column("modifiedon", is_date=True),
)


@dataclass(frozen=True, slots=True)
class PriceListChoices:
    """What a deployment decides for price lists (settings)."""

    adopt_existing: bool = False
    scope: Scope = field(default_factory=Scope)


def pricelist_words() -> tuple[Word, ...]:
    """The mapping."""
    return (copy("description", "Description"), constant("IsSalesTaxIncludedInPrice", "No"))


class PriceListMapper(SalesMapper):
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps, choices: PriceListChoices | None = None) -> None:
        self.choices = choices = choices or PriceListChoices()
        self.table = FieldTable(
            PART, TARGET_SET, pricelist_words(), maps, also_read=_ALSO_READ, reads=ENTITY_SET, flow=PRICELISTS
        )
        require_sound(self.table)
        super().__init__((self.table,), choices.scope)
        self.rules = FieldRules(table=self.table)
        self.fingerprint = self.table.fingerprint(choices)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter, map and validate one price list. Raises SchemaDrift."""
        left_out = self.left_out(row.values)
        if left_out is not None:
            return left_out
        try:
            key = NUMBERING.of(row.values)
            content = self.table.content(row.values)
        except Unmappable as unmappable:
            return unmappable.rejected()
        return Mapped(key, content.owned, content.on_create, remarks=content.remarks)
