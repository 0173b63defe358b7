"""Charts of float against int8, for the reports on both kinds of model."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from quantize.tflite.layers import LOW_SNR_DB, LayerError
from train.run.plots import ALARM, HELD_OUT, INK, TRAINING, plain

FLOAT, INT8 = TRAINING, HELD_OUT

_CEILING_DB = 60.0
"""Where bars end: a layer that only moves values adds no noise at all."""


def draw_shares(
    axes: Axes, names: Sequence[str], before: Sequence[float], after: Sequence[float], title: str, **ticks: Any
) -> None:
    """Draw shares 0..1 in float and in int8 as pairs of bars; ``ticks`` style the names."""
    positions = np.arange(len(names))
    for shift, label, colour, shares in ((-0.2, "float", FLOAT, before), (0.2, "int8", INT8, after)):
        heights = [100 * share for share in shares]
        axes.bar(positions + shift, heights, 0.38, color=colour, label=label)
        for position, height in zip(positions + shift, heights, strict=True):
            axes.text(position, height + 1, f"{height:.0f}", ha="center", color=INK, size=8)
    axes.set_xticks(positions, names, **ticks)
    axes.set_ylim(0, 105)
    axes.set_title(f"{title}, percent", color=INK, loc="left")
    plain(axes)


def draw_layers(axes: Axes, layers: Sequence[LayerError]) -> None:
    """Draw the signal-to-noise ratio of each layer as bars, a noisy one in another colour."""
    heights = [min(each.snr_db, _CEILING_DB) for each in layers]
    axes.bar(range(len(layers)), heights, color=[ALARM if height < LOW_SNR_DB else INT8 for height in heights])
    axes.axhline(LOW_SNR_DB, color=ALARM, linewidth=1, linestyle="--")
    axes.text(len(layers), LOW_SNR_DB + 0.3, f"{LOW_SNR_DB:.0f} dB", color=ALARM, size=8)
    axes.set_xlim(-1, len(layers) + 1)
    labels = [f"{e.operator} {e.name.replace('_2D', '').replace('_', ' ').lower()}" for e in layers]
    axes.set_xticks(range(len(layers)), labels, rotation=60, ha="right", rotation_mode="anchor", size=8)
    axes.set_title("Signal-to-noise ratio of each layer, dB", color=INK, loc="left")
    plain(axes)


def to_png(figure: Figure) -> bytes:
    """The content of a PNG file; the same figure gives the same bytes."""
    png = io.BytesIO()
    figure.savefig(png, dpi=110, metadata={"Software": None})
    return png.getvalue()
