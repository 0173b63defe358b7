"""Plots of a classifier's predictions as PNG files: reliability, mistakes, degradations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from train.classifier.degrade import Curve
from train.classifier.fairness import Fairness
from train.classifier.metrics import Reliability
from train.run.plots import ALARM, FAINT, HELD_OUT, INK, PERCENT, plain, save


def save_reliability(reliability: Reliability, title: str, png: Path) -> None:
    """Draw accuracy over confidence, and below it the number of faces at each confidence."""
    figure = Figure(figsize=(4.4, 4.9), layout="constrained")
    above, below = figure.subplots(2, height_ratios=[5, 1], sharex=True)
    bins = len(reliability.faces)
    edges, filled = np.arange(bins) / bins, reliability.faces > 0
    above.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1, label="perfectly calibrated")
    above.bar(edges, reliability.accuracy, 1 / bins, align="edge", color=HELD_OUT, alpha=0.3, edgecolor="white")
    above.plot(reliability.confidence[filled], reliability.accuracy[filled], "o", color=HELD_OUT, label="this model")
    above.set_title(f"{title}: calibration error (ECE) {reliability.calibration_error:.3f}", loc="left", color=INK)
    above.set_ylabel("Accuracy", color=INK)
    above.legend(frameon=False, labelcolor=INK)
    above.set_ylim(0, 1)
    above.yaxis.set_major_formatter(PERCENT)
    below.bar(edges, reliability.faces, 1 / bins, align="edge", color=FAINT, alpha=0.5, edgecolor="white")
    below.set_ylabel("Faces", color=INK)
    below.set_xlabel("Confidence", color=INK)
    below.set_xlim(0, 1)
    below.xaxis.set_major_formatter(PERCENT)
    for axes in (above, below):
        plain(axes)
    save(figure, png)


def save_fairness(result: Fairness, png: Path) -> None:
    """Draw the accuracy of each group with its interval, and what everybody gets on faces of the same expressions."""
    groups = result.groups[::-1]
    figure = Figure(figsize=(7.5, 1.6 + 0.42 * len(groups)), layout="constrained")
    axes = figure.subplots()
    for row, group in enumerate(groups):
        accuracy = group.accuracy
        colour = {"worse": ALARM, "better": HELD_OUT, "no difference": INK}.get(group.verdict, FAINT)
        axes.plot([accuracy.low, accuracy.high], [row, row], color=colour, linewidth=2)
        axes.plot(accuracy.value, row, "o", color=colour)
        axes.plot(group.expected, row, "|", color=INK, markersize=14)
        axes.text(1.02, row, group.verdict, color=colour, va="center", transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(groups)), [f"{group.name[:24]}  ({group.accuracy.faces})" for group in groups])
    axes.set_ylim(-0.6, len(groups) - 0.4)
    axes.set_xlabel("Accuracy, 95 % interval;  |  what everybody gets on the same expressions", color=INK)
    axes.xaxis.set_major_formatter(PERCENT)
    axes.grid(axis="x", color=FAINT, alpha=0.25)
    axes.set_title(f"{result.model} by {result.column} (faces)", loc="left", color=INK)
    plain(axes)
    save(figure, png)


def save_grid(pixels: npt.NDArray[np.uint8], captions: Sequence[str], png: Path, columns: int = 8) -> None:
    """Draw the images (n, height, width) in rows, each above its caption."""
    rows = max(1, -(-len(pixels) // columns))
    figure = Figure(figsize=(1.45 * columns, 1.95 * rows), layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.set_axis_off()
    for axes, image, caption in zip(cells, pixels, captions, strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.text(0.5, -0.05, caption, transform=axes.transAxes, ha="center", va="top", fontsize=7.5, color=INK)
    save(figure, png)


def save_degradations(curves: Sequence[Curve], example: npt.NDArray[np.uint8], png: Path) -> None:
    """Draw accuracy over the levels of each degradation, and below each curve ``example`` (48, 48) at these levels."""
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    columns = 3
    rows = -(-len(curves) // columns)
    grids = figure.subplots(2 * rows, columns, height_ratios=[3, 1] * rows)
    top = max(max(curve.accuracy) for curve in curves)
    for index, (curve, kind) in enumerate((curve, curve.degradation) for curve in curves):
        axes, strip = (grids[2 * (index // columns) + part, index % columns] for part in (0, 1))
        positions = range(len(kind.levels))
        axes.axhline(curve.accuracy[0], color=FAINT, linestyle="--", linewidth=1)
        axes.plot(positions, curve.accuracy, "o-", color=HELD_OUT)
        axes.set_title(kind.name, loc="left", color=INK)
        axes.set_xticks(positions, [f"{level:g}" for level in kind.levels])
        axes.set_xlim(-0.5, len(kind.levels) - 0.5)
        axes.set_ylim(0, top * 1.1)
        axes.yaxis.set_major_formatter(PERCENT)
        axes.grid(axis="y", color=FAINT, alpha=0.25)
        plain(axes)
        examples = [kind.apply(example[np.newaxis], level, seed=1)[0] for level in kind.levels]
        strip.imshow(
            np.hstack([np.pad(each, 2, constant_values=255) for each in examples]), cmap="gray", vmin=0, vmax=255
        )
        strip.set_title(kind.unit, color=INK, fontsize=8, y=-0.45)
        strip.set_axis_off()
    save(figure, png)
