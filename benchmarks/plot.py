"""Draws what was measured: records per second of the first sync beside the naive loop and the bound."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.flows import MEASURED
from benchmarks.measuring import Compared

_COLOURS = {"naive loop": "#b0b0b0", "first sync": "#1f6fb4", "bound": "#e3b341"}
_WIDTH = 0.27
_COLUMNS = 2


def draw(compared: Sequence[Compared], file: Path) -> None:
    """Write the picture: one panel for each flow, a group of bars for each latency."""
    mpl.rcParams["svg.hashsalt"] = "prospect-to-cash"
    flows = list(dict.fromkeys(each.flow for each in compared))
    columns = min(len(flows), _COLUMNS)
    rows = -(-len(flows) // columns)
    figure = Figure(figsize=(5.2 * columns, 4.2 * rows), layout="constrained")
    for number, flow in enumerate(flows, start=1):
        axes = figure.add_subplot(rows, columns, number)
        _panel(axes, flow, [each for each in compared if each.flow == flow])
    figure.savefig(file, dpi=110, metadata={"Software": None})


def _panel(axes: Axes, flow: str, compared: Sequence[Compared]) -> None:
    speeds = {
        "naive loop": [each.naive.speed for each in compared],
        "first sync": [each.runs[0].speed for each in compared],
        "bound": [each.runs[0].bound.speed for each in compared],
    }
    for place, (name, values) in enumerate(speeds.items()):
        at = [group + (place - 1) * _WIDTH for group in range(len(compared))]
        bars = axes.bar(at, values, _WIDTH, label=name, color=_COLOURS[name])
        axes.bar_label(
            bars, labels=[f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in values], fontsize=8
        )
    axes.set_yscale("log")
    axes.set_xticks(range(len(compared)), [f"{each.latency_ms:g} ms" for each in compared])
    axes.set_xlabel("latency of every answer")
    axes.set_ylabel("records/s (logarithmic)")
    axes.set_title(MEASURED[flow].title)
    axes.legend(loc="upper right", fontsize=8)
    axes.margins(y=0.2)
    axes.spines[["top", "right"]].set_visible(False)
