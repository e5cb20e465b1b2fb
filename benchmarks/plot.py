"""Draws the figures of a document: records per second of the first sync beside the naive loop and the bound."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.document import tables
from benchmarks.flows import MEASURED

_COLOURS = {"naive loop": "#b0b0b0", "first sync": "#1f6fb4", "bound": "#e3b341"}
_WIDTH = 0.27
_COLUMNS = 2


def draw(document: Path, file: Path) -> None:
    """Draw the figures of a document: one panel for each flow that has some, a group of bars for each latency."""
    mpl.rcParams["svg.hashsalt"] = "prospect-to-cash"
    drawn = {flow: beside for flow in MEASURED for beside in tables(document, flow)[1:]}
    columns = min(len(drawn), _COLUMNS)
    rows = -(-len(drawn) // columns)
    figure = Figure(figsize=(5.2 * columns, 4.2 * rows), layout="constrained")
    for number, (flow, beside) in enumerate(drawn.items(), start=1):
        axes = figure.add_subplot(rows, columns, number)
        _panel(axes, flow, beside)
    figure.savefig(file, dpi=110, metadata={"Software": None})


def _panel(axes: Axes, flow: str, beside: Sequence[Mapping[str, str]]) -> None:
    speeds = {name: [float(row[name].replace(",", "")) for row in beside] for name in _COLOURS}
    for place, (name, values) in enumerate(speeds.items()):
        at = [group + (place - 1) * _WIDTH for group in range(len(beside))]
        bars = axes.bar(at, values, _WIDTH, label=name, color=_COLOURS[name])
        axes.bar_label(
            bars, labels=[f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in values], fontsize=8
        )
    axes.set_yscale("log")
    axes.set_xticks(range(len(beside)), [row["latency"] for row in beside])
    axes.set_xlabel("latency of every answer")
    axes.set_ylabel("records/s (logarithmic)")
    axes.set_title(MEASURED[flow].title)
    # Above the highest bar.
    axes.set_ylim(top=axes.get_ylim()[1] * 4)
    axes.legend(loc="upper right", fontsize=8, ncols=3)
    axes.margins(y=0.2)
    axes.spines[["top", "right"]].set_visible(False)
