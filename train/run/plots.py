"""Plots that reports share, as PNG files: training curves and confusion matrices, in one palette."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from edge.errors import DataError

INK, FAINT, ALARM = "#22303c", "#8a97a3", "#c1452b"
"""Colours of text and axes, of the background, and of what needs attention."""

TRAINING, HELD_OUT = "#e08a3c", "#2a6f97"
"""Colours of two series that are compared: training and held-out data, or float and int8."""

PERCENT = PercentFormatter(1.0, decimals=0, symbol=" %")


def save_curves(history: Path, png: Path) -> None:
    """Draw loss, accuracy and learning rate over the epochs of a run.

    Args:
        history: a csv with the columns epoch (from 1), loss, accuracy, val_loss, val_accuracy, val_ferplus (nan
            without votes) and learning_rate.
        png: the file to write.

    Raises:
        DataError: the history cannot be read, is empty, or lacks a column.
    """
    columns = read_history(history)
    epochs = columns["epoch"]
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes: dict[str, Axes] = figure.subplot_mosaic([["loss", "accuracy"], ["rate", "rate"]], height_ratios=[5, 1])
    _pair(axes["loss"], epochs, columns["loss"], columns["val_loss"], "Loss (cross-entropy)")
    _pair(axes["accuracy"], epochs, columns["accuracy"], columns["val_accuracy"], "Accuracy")
    if not np.isnan(columns["val_ferplus"]).all():
        axes["accuracy"].plot(epochs, columns["val_ferplus"], color=HELD_OUT, dashes=(4, 2), label="on FER+")
    axes["accuracy"].yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    _mark_best(axes["accuracy"], epochs, columns["val_accuracy"])
    axes["accuracy"].legend(frameon=False, labelcolor=INK)
    axes["rate"].fill_between(epochs, columns["learning_rate"], color=FAINT, alpha=0.35, linewidth=0)
    axes["rate"].set_ylim(bottom=0)
    axes["rate"].set_title("Learning rate", loc="left", color=INK, fontsize=10)
    axes["rate"].set_xlabel("Epoch", color=INK)
    for each in axes.values():
        plain(each)
        each.set_xlim(1, max(2, epochs[-1]))
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
    save(figure, png)


def save_comparison(histories: Mapping[str, Path], png: Path) -> None:
    """Draw the accuracy of several runs on PublicTest over their epochs, on FER2013 and on FER+.

    Args:
        histories: csv files as for ``save_curves``, by the name of the run; an epoch that was not measured has nan.
        png: the file to write.

    Raises:
        DataError: a history cannot be read, is empty, or lacks a column.
    """
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    panels = {"val_ferplus": "FER+, 7 classes", "val_accuracy": "FER2013"}
    for axes, (column, title) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for name, history in histories.items():
            columns = read_history(history)
            measured = ~np.isnan(columns[column])
            if measured.any():
                epochs, accuracy = columns["epoch"][measured], columns[column][measured]
                axes.plot(epochs, accuracy, "o-", markersize=3, label=f"{name}: {accuracy[-1]:.1%}")
        axes.set_title(f"{title}: PublicTest, averaged weights", loc="left", color=INK)
        axes.set_xlabel("Epoch", color=INK)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=FAINT, alpha=0.25)
        axes.legend(frameon=False, labelcolor=INK, loc="lower right")
        plain(axes)
    save(figure, png)


def save_confusion(confusion: npt.ArrayLike, classes: Sequence[str], title: str, png: Path) -> None:
    """Draw a confusion matrix into a file of its own, see ``draw_confusion``.

    Args:
        confusion: counts (n, n), row = true class, column = predicted class.
        classes: names of the n classes.
        title: the title of the plot.
        png: the file to write.
    """
    side = 1.6 + 0.75 * len(classes)
    figure = Figure(figsize=(side, side), layout="constrained")
    draw_confusion(figure.subplots(), confusion, classes, title)
    save(figure, png)


def draw_confusion(axes: Axes, confusion: npt.ArrayLike, classes: Sequence[str], title: str) -> None:
    """Draw a confusion matrix: each cell shows its share of the true class as colour and percentage, and its count."""
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share > 0.55 else INK if share >= 0.005 else FAINT
        weight = "bold" if row == column else "normal"
        axes.text(column, row - 0.08, f"{100 * share:.0f} %", ha="center", va="center", color=ink, weight=weight)
        axes.text(column, row + 0.24, f"{counts[row, column]}", ha="center", va="center", color=ink, fontsize=7)
    axes.set_xticks(range(len(classes)), classes, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(
        range(len(classes)), [f"{name}  ({count})" for name, count in zip(classes, counts.sum(axis=1), strict=True)]
    )
    axes.set_xlabel("Predicted emotion", color=INK)
    axes.set_ylabel("True emotion (faces)", color=INK)
    axes.set_title(title, color=INK, pad=12)
    axes.set_xticks(np.arange(len(classes) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(classes) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0, colors=INK)
    axes.spines[:].set_visible(False)


def read_history(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """The columns of a run's history.csv, a number for each epoch; nan for what was not measured.

    Raises:
        DataError: it cannot be read, is empty, or lacks a column.
    """
    names = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_ferplus", "learning_rate")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
    except KeyError as error:
        raise DataError(f"history {path}: has no column {error}; a run writes {', '.join(names)}") from error
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"history {path}: cannot be read ({error}); give the history.csv of a run") from error
    if not rows:
        raise DataError(f"history {path}: holds no finished epoch")
    return columns


def _pair(
    axes: Axes,
    epochs: npt.NDArray[np.float64],
    training: npt.NDArray[np.float64],
    held_out: npt.NDArray[np.float64],
    title: str,
) -> None:
    marker = "o" if len(epochs) == 1 else None
    axes.plot(epochs, training, color=TRAINING, marker=marker, label="Training, augmented")
    axes.plot(epochs, held_out, color=HELD_OUT, marker=marker, label="PublicTest, averaged weights")
    axes.set_title(title, loc="left", color=INK)
    axes.grid(axis="y", color=FAINT, alpha=0.25)


def _mark_best(axes: Axes, epochs: npt.NDArray[np.float64], accuracy: npt.NDArray[np.float64]) -> None:
    if np.isnan(accuracy).all():
        return
    best = int(np.nanargmax(accuracy))
    axes.plot(epochs[best], accuracy[best], "o", color=HELD_OUT, markersize=6, clip_on=False)
    axes.annotate(
        f"best {100 * accuracy[best]:.2f} %, epoch {epochs[best]:.0f}",
        (epochs[best], accuracy[best]),
        xytext=(0, -16),
        textcoords="offset points",
        ha="right" if best > len(epochs) / 2 else "left",
        color=HELD_OUT,
        weight="bold",
    )
    axes.margins(y=0.12)


def plain(axes: Axes) -> None:
    """Remove the box around ``axes``."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, length=0)


def save(figure: Figure, png: Path) -> None:
    """Write ``figure`` with an even margin, at 150 dots per inch."""
    figure.savefig(png, dpi=150, bbox_inches="tight", pad_inches=0.2)
