"""A dry run for people: what it has found, and as a document for a review."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from p2c.estimate import Estimate
from p2c.output import words
from p2c.texts import counted_values, field_of
from shared.counting import counted
from shared.operations.dry_run import Summary
from shared.operations.examine import Examined
from shared.operations.side_by_side import SideBySide
from shared.visible import in_markdown

_REMARKS = {
    "state_left_out": "states that are left out because they have no code in the value map `states`",
    "state_as_text": "states that are sent as written because their country has no list in `states`",
}


@dataclass(frozen=True, slots=True)
class Found:
    """The records of a dry run, and what the target holds of them."""

    examined: Sequence[Examined]
    beside: Sequence[SideBySide]

    @property
    def told(self) -> list[tuple[Examined, SideBySide]]:
        """Those of which something would be written, or that would be rejected."""
        both = zip(self.examined, self.beside, strict=True)
        return [(each, beside) for each, beside in both if each.writes or each.failure]

    @property
    def fields(self) -> dict[str, int]:
        """In how many records each field would change, the commonest first: a write of what the target holds already
        does not count. A field of lines counts once a record."""
        changed = (
            dict.fromkeys(value.field for value in each.values if value.writes and not value.same)
            for each in self.beside
        )
        return dict(Counter(name for names in changed for name in names).most_common())

    @property
    def changed_there(self) -> int:
        """In how many rows of the target others have changed something since it was written."""
        return sum(each.changed_there > 0 or each.is_gone_there for each in self.beside)


def as_markdown(flow: str, summary: Summary, found: Found, estimate: Estimate) -> str:
    """A dry run as a document for a review."""
    lines = [
        f"# Plan: {flow}",
        "",
        f"{counted(summary.records, 'record')}: {in_markdown(summary.sentence)}.",
        "",
        estimate.sentence,
        "",
    ]
    lines += [line for remark in remarks_of(summary) for line in (in_markdown(f"{remark}."), "")]
    for each, beside in found.told:
        lines += [
            f"## {each.kind}: {in_markdown(each.key or each.id)}",
            "",
            in_markdown(f"{each.id}{after(each)}"),
            "",
        ]
        if each.failure:
            why = f"{each.failure.cause}: {each.failure.message}. What helps: {each.failure.remedy}"
            lines += [in_markdown(why), ""]
        if beside.values:
            lines += ["| field | in the target now | last written | would be written |", "|---|---|---|---|"]
            lines += [
                f"| {in_markdown(field_of(value))} | {_cell(value.there)} | {_cell(value.written)} | "
                f"{_cell(value.new) if value.writes else ''} |"
                for value in beside.values
            ]
            lines.append("")
    return "\n".join(lines) + "\n"


def remarks_of(summary: Summary) -> list[str]:
    """What the target does not get, or gets as written, with the count of each value."""
    return [
        f"{sum(values.values())} {_REMARKS.get(cause, cause)}: {counted_values(values)}"
        for cause, values in summary.remarks.items()
    ]


def after(each: Examined) -> str:
    """Which records the same run would write first, or which row it would end."""
    first = [f"{parent.flow} {parent.id}" for parent in each.parents]
    first += [f"the end of {each.leaves}"] if each.leaves else []
    return f", after {', '.join(first)}" if first else ""


def _cell(value: object) -> str:
    return in_markdown(words(value))
