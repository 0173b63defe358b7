"""Plots of a detector's run."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from edge.errors import DataError
from train.run.plots import FAINT, HELD_OUT, INK, TRAINING, plain, save


def save_curves(history: Path, png: Path) -> None:
    """Draw losses, recall and learning rate over the epochs of ``history``.

    Raises:
        DataError: the history cannot be read, is empty, or lacks a column.
    """
    try:
        with history.open(newline="", encoding="ascii") as file:
            rows = list(csv.DictReader(file))
        columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
        epochs = columns["epoch"]
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes: dict[str, Axes] = figure.subplot_mosaic([["loss", "recall"], ["rate", "rate"]], height_ratios=[5, 1])
        axes["loss"].plot(epochs, columns["score_loss"], color=TRAINING, label="score")
        axes["loss"].plot(epochs, columns["box_loss"], color=HELD_OUT, label="box")
        axes["recall"].plot(epochs, columns["recall_40"], color=HELD_OUT, label="faces of 40 px and more")
        axes["recall"].plot(epochs, columns["recall_20"], color=TRAINING, label="of 20 px and more")
        axes["recall"].plot(epochs, columns["average_precision"], color=FAINT, label="average precision")
        axes["rate"].fill_between(epochs, columns["learning_rate"], color=FAINT, alpha=0.35, linewidth=0)
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise DataError(f"history {history}: cannot be read ({error!r}); give the history.csv of a run") from error
    axes["loss"].set_title("Loss (training)", loc="left", color=INK)
    axes["loss"].set_yscale("log")
    axes["recall"].set_title("Recall at 0.02 false positives per image without faces (held-out)", loc="left", color=INK)
    axes["recall"].yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes["rate"].set_title("Learning rate", loc="left", color=INK, fontsize=10)
    axes["rate"].set_xlabel("Epoch", color=INK)
    for name in ("loss", "recall"):
        axes[name].legend(frameon=False, labelcolor=INK)
        axes[name].grid(axis="y", color=FAINT, alpha=0.25)
    for each in axes.values():
        plain(each)
        each.set_xlim(1, max(2, epochs[-1]))
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
    save(figure, png)
