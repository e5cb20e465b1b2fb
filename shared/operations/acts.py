"""What exactly an operator does about a failure: the place that a remedy means, and the command, by its cause."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.flows.registry import FLOWS
from shared.state.failures import Failure

# Parts of the map document.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "country_unknown": ("countries",),
    "state_unknown": ("states",),
    "currency_unknown": ("currencies",),
    "unit_unknown": ("units",),
    "unit_group_unknown": ("defaults",),
    "no_price_list": ("price_lists",),
    "too_many_decimals": ("amount_decimals",),
    "text_too_long": ("text_lengths",),
    "target_exists": ("policies",),
    "number_reused": ("policies",),
}
# Settings; FLOW stands for what those of the flow begin with.
_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "target_exists": ("FLOW_ON_EXISTING",),
    "number_reused": ("FLOW_ON_EXISTING",),
    "state_unknown": ("UNKNOWN_STATE",),
    "order_of_sales": ("ORDERS_ON_EXISTING",),
    "quotation_status": ("QUOTATIONS_STATUSES",),
    "product_not_published": ("PRODUCTS_PUBLISH",),
}
# Commands that correct a record itself.
_COMMANDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "target_exists": (("links", "FLOW", "link", "RECORD"),),
    "target_gone": (("links", "FLOW", "unlink", "RECORD"), ("sync", "FLOW", "RECORD")),
    "conflict": (("resolve", "FLOW", "RECORD"),),
    "key_changed": (("links", "FLOW", "unlink", "RECORD"),),
    "state_unreadable": (("repair", "FLOW", "RECORD"),),
    "invoice_differs": (("reconcile", "FLOW", "RECORD", "--repair"),),
}
CAUSES = frozenset({*_PARTS, *_SETTINGS, *_COMMANDS})
"""The causes with something of their own to do."""


@dataclass(frozen=True, slots=True)
class Acts:
    """`parts` of the map document and `settings` are places where the cause can be corrected for all records;
    `commands` correct this record, or add the entry that a value map lacks for it; `again` sends it once more after a
    correction."""

    parts: tuple[str, ...]
    settings: tuple[str, ...]
    commands: tuple[str, ...]
    again: str

    @property
    def words(self) -> tuple[str, ...]:
        """One sentence for each."""
        parts = (f"part `{part}` of the map document (setting MAP_DOCUMENT)" for part in self.parts)
        settings = (f"setting {name}" for name in self.settings)
        return (*parts, *settings, *self.commands, self.again)


def acts_of(failure: Failure, *, whole_cause: bool = False) -> Acts:
    """What to do about a failure, or with `whole_cause` about all of its cause; then `commands` are those of this one,
    as an example."""
    cause, flow = failure.cause, failure.flow
    # Two records may have one number.
    told = {"FLOW": flow, "RECORD": failure.id}
    again = ("retry", flow, "--cause", cause) if whole_cause else ("retry", flow, told["RECORD"])
    return Acts(
        _PARTS.get(cause, ()),
        tuple(name.replace("FLOW", _prefix(flow)) for name in _SETTINGS.get(cause, ())),
        (
            *_entry(failure),
            *(_command(*(told.get(word, word) for word in words)) for words in _COMMANDS.get(cause, ())),
        ),
        _command(*again),
    )


def _entry(failure: Failure) -> Iterator[str]:
    """The command that adds the entry which a value map lacks, with the record's own value; the rest is for the
    operator to write. A map that another flow owns is named with that flow: an entry counts for all."""
    if not failure.lacks:
        return
    knowing = FLOWS.knowing(failure.lacks[0].partition(".")[0])
    flow = failure.flow if failure.flow in knowing else next(iter(knowing), failure.flow)
    yield _command("map", "set", flow, *failure.lacks, "--reason", "WHY")


def _prefix(flow: str) -> str:
    """What the settings of a flow begin with."""
    return next((spec.prefix for spec in FLOWS if spec.name == flow), flow.upper())


def _command(*words: str) -> str:
    return shlex.join(["p2c", *words])
