"""The plots of a comparison of networks, each as the bytes of a PNG: accuracy, cost, curves, confusion matrices."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from train.classifier.compare import BackboneResult, Comparison
from train.run.plots import FAINT, INK, PERCENT, draw_confusion, plain

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000")
"""Of Okabe and Ito (2008), which people with any colour vision can tell apart."""

FINE = PercentFormatter(1.0, symbol=" %")
"""With as many decimals as the axis needs."""

History = Mapping[str, npt.NDArray[np.float64]]
"""The columns of a history.csv."""


def draw_accuracy(comparisons: Mapping[str, Comparison], hues: Mapping[str, str]) -> bytes:
    """Accuracy on PublicTest, a group of bars for each set of emotions, in the order of ``hues``."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(hues)
    for place, (network, hue) in enumerate(hues.items()):
        for group, comparison in enumerate(comparisons.values()):
            for row in comparison.rows:
                if row.name == network:
                    x = group + (place - (len(hues) - 1) / 2) * width
                    axes.bar(x, row.public.accuracy, 0.9 * width, color=hue)
                    axes.text(x, row.public.accuracy, f"{100 * row.public.accuracy:.0f}", ha="center", va="bottom")
    for group, comparison in enumerate(comparisons.values()):
        chance = 1 / len(comparison.settings.emotions)
        axes.plot([group - 0.45, group + 0.45], [chance, chance], color=INK, linewidth=1, linestyle=":")
    axes.set_xticks(range(len(comparisons)), [name.replace("-", " ") for name in comparisons])
    axes.set_xlim(-0.6, len(comparisons) - 0.4)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PERCENT)
    axes.set_title("Accuracy on PublicTest; dotted: guessing", loc="left", color=INK)
    axes.grid(axis="y", color=FAINT, alpha=0.25)
    plain(axes)
    _name(figure, hues)
    return _png(figure)


def draw_cost(points: Sequence[tuple[BackboneResult, float]], label: str, hues: Mapping[str, str]) -> bytes:
    """Accuracy over a cost, such as milliseconds, on a logarithmic axis that ``label`` names."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots()
    for row, cost in points:
        axes.plot(cost, row.public.accuracy, "o", color=hues[row.name], markersize=11)
    axes.set_xscale("log")
    axes.margins(x=0.15, y=0.2)
    axes.yaxis.set_major_formatter(FINE)
    axes.set_title("Accuracy on PublicTest", loc="left", color=INK)
    axes.set_xlabel(label, color=INK)
    axes.grid(color=FAINT, alpha=0.25)
    plain(axes)
    _name(figure, hues)
    return _png(figure)


def draw_curves(histories: Mapping[str, History], hues: Mapping[str, str]) -> bytes:
    """Accuracy and loss of every network over its epochs: on PublicTest as a line, on Training dashed.

    What was not measured, or is no number, leaves a gap; a single epoch is a point.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, column, title in zip(panels, ("accuracy", "loss"), ("Accuracy", "Loss (cross-entropy)"), strict=True):
        for name, history in histories.items():
            marker = "o" if len(history["epoch"]) < 3 else ""
            axes.plot(history["epoch"], history[f"val_{column}"], color=hues[name], marker=marker)
            axes.plot(history["epoch"], history[column], color=hues[name], marker=marker, alpha=0.45, linestyle="--")
        axes.set_title(title, loc="left", color=INK)
        axes.set_xlabel("Epoch", color=INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=FAINT, alpha=0.25)
        plain(axes)
    panels[0].yaxis.set_major_formatter(FINE)
    _name(figure, {name: hues[name] for name in histories})
    return _png(figure)


def draw_confusions(comparison: Comparison) -> bytes:
    """The confusion matrices of all networks on PublicTest, side by side."""
    emotions = comparison.settings.emotions
    side, columns = 2.2 + 0.62 * len(emotions), min(3, len(comparison.rows))
    rows = -(-len(comparison.rows) // columns)
    figure = Figure(figsize=(columns * side, rows * side), layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells[len(comparison.rows) :]:
        axes.set_axis_off()
    for axes, result in zip(cells, comparison.rows, strict=False):
        draw_confusion(
            axes, result.public.confusion, result.public.names, f"{result.name}: {result.public.accuracy:.1%}"
        )
    return _png(figure)


def _name(figure: Figure, hues: Mapping[str, str]) -> None:
    """A legend of the networks above the plot."""
    handles = [figure.axes[0].plot([], [], "s", color=hue, markersize=9)[0] for hue in hues.values()]
    figure.legend(handles, list(hues), loc="outside upper center", ncols=len(hues), frameon=False, labelcolor=INK)


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, dpi=110)
    return content.getvalue()
