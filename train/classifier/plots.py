"""Pictures that show answers rather than runs: reliability, mistakes, degradations and a comparison, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from train.classifier.degrade import Curve
from train.classifier.metrics import Reliability
from train.run.plots import FAINT, HELD_OUT, INK, TRAINING, plain, save

if TYPE_CHECKING:
    from train.classifier.compare import Row

_PERCENT = PercentFormatter(1.0, decimals=0, symbol=" %")


def save_reliability(reliability: Reliability, title: str, png: Path) -> None:
    """Draw how often an answer is right against how sure it is; below it, how many answers are that sure."""
    figure = Figure(figsize=(4.4, 4.9), layout="constrained")
    above, below = figure.subplots(2, height_ratios=[5, 1], sharex=True)
    bins = len(reliability.faces)
    edges, some = np.arange(bins) / bins, reliability.faces > 0
    above.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1, label="as sure as right")
    above.bar(edges, reliability.accuracy, 1 / bins, align="edge", color=HELD_OUT, alpha=0.3, edgecolor="white")
    above.plot(reliability.confidence[some], reliability.accuracy[some], "o", color=HELD_OUT, label="this model")
    above.set_title(f"{title}: calibration error (ECE) {reliability.calibration_error:.3f}", loc="left", color=INK)
    above.set_ylabel("Share of right answers", color=INK)
    above.legend(frameon=False, labelcolor=INK)
    above.set_ylim(0, 1)
    above.yaxis.set_major_formatter(_PERCENT)
    below.bar(edges, reliability.faces, 1 / bins, align="edge", color=FAINT, alpha=0.5, edgecolor="white")
    below.set_ylabel("Faces", color=INK)
    below.set_xlabel("Confidence of the answer", color=INK)
    below.set_xlim(0, 1)
    below.xaxis.set_major_formatter(_PERCENT)
    for axes in (above, below):
        plain(axes)
    save(figure, png)


def save_grid(pixels: npt.NDArray[np.uint8], captions: Sequence[str], png: Path, columns: int = 8) -> None:
    """Draw the pictures (n, height, width) in rows, each above its caption."""
    rows = max(1, -(-len(pixels) // columns))
    figure = Figure(figsize=(1.45 * columns, 1.95 * rows), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in places:
        axes.set_axis_off()
    for axes, picture, caption in zip(places, pixels, captions, strict=False):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
        axes.text(0.5, -0.05, caption, transform=axes.transAxes, ha="center", va="top", fontsize=7.5, color=INK)
    save(figure, png)


def save_degradations(curves: Sequence[Curve], example: npt.NDArray[np.uint8], png: Path) -> None:
    """Draw accuracy over the levels of each degradation, and below each what it does to ``example`` (48, 48)."""
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    columns = 3
    rows = -(-len(curves) // columns)
    grids = figure.subplots(2 * rows, columns, height_ratios=[3, 1] * rows)
    top = max(max(curve.accuracy) for curve in curves)
    for index, (curve, kind) in enumerate((curve, curve.degradation) for curve in curves):
        axes, strip = (grids[2 * (index // columns) + part, index % columns] for part in (0, 1))
        places = range(len(kind.levels))
        axes.axhline(curve.accuracy[0], color=FAINT, linestyle="--", linewidth=1)
        axes.plot(places, curve.accuracy, "o-", color=HELD_OUT)
        axes.set_title(kind.name, loc="left", color=INK)
        axes.set_xticks(places, [f"{level:g}" for level in kind.levels])
        axes.set_xlim(-0.5, len(kind.levels) - 0.5)
        axes.set_ylim(0, top * 1.1)
        axes.yaxis.set_major_formatter(_PERCENT)
        axes.grid(axis="y", color=FAINT, alpha=0.25)
        plain(axes)
        examples = [kind.apply(example[np.newaxis], level, seed=1)[0] for level in kind.levels]
        strip.imshow(
            np.hstack([np.pad(each, 2, constant_values=255) for each in examples]), cmap="gray", vmin=0, vmax=255
        )
        strip.set_title(kind.unit, color=INK, fontsize=8, y=-0.45)
        strip.set_axis_off()
    save(figure, png)


def save_comparison(rows: Sequence[Row], png: Path) -> None:
    """Draw, a line per network and best first: accuracy on each split, and the multiply-adds that it costs."""
    rows = rows[::-1]
    figure = Figure(figsize=(9, 1.5 + 0.5 * len(rows)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 1], sharey=True)
    heights = range(len(rows))
    left.plot([row.training for row in rows], heights, "o", color=TRAINING, label="Training")
    left.plot([row.public for row in rows], heights, "o", color=HELD_OUT, markersize=9, label="PublicTest")
    if any(row.private is not None for row in rows):
        private = [np.nan if row.private is None else row.private for row in rows]
        left.plot(private, heights, "|", color=INK, markersize=14, label="PrivateTest")
    left.set_yticks(heights, [f"{row.backbone}\n{row.start}" for row in rows])
    left.set_ylim(-0.6, len(rows) - 0.4)
    left.set_xlim(0, 1)
    left.xaxis.set_major_formatter(_PERCENT)
    left.set_title("Accuracy", loc="left", color=INK)
    left.legend(
        frameon=False, labelcolor=INK, loc="upper left", ncols=3, bbox_to_anchor=(0.25, 1.0), borderaxespad=-1.8
    )
    right.barh(heights, [row.multiply_adds / 1e6 for row in rows], height=0.5, color=FAINT, alpha=0.5)
    right.set_title("Million multiply-adds", loc="left", color=INK)
    for place, row in zip(heights, rows, strict=True):
        right.text(
            row.multiply_adds / 1e6, place, f" {row.multiply_adds / 1e6:,.0f}", va="center", color=INK, fontsize=8
        )
    right.margins(x=0.3)
    for axes in (left, right):
        axes.grid(axis="x", color=FAINT, alpha=0.25)
        plain(axes)
    save(figure, png)
