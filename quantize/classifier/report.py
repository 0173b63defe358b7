"""The comparison of float and int8 for people: a page of tables and one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.labels import EMOTIONS
from quantize.classifier.compare import Comparison
from quantize.tflite.latency import Latency
from quantize.tflite.layers import LayerError
from quantize.tflite.runtimes import Difference
from train.classifier.evaluate import Evaluation
from train.classifier.metrics import Metrics

INK, FAINT, FLOAT, INT8, _ALARM = "#22303c", "#8a97a3", "#e08a3c", "#2a6f97", "#c1452b"

LOW_SNR_DB = 15.0
"""Below it, error is over 18 % of the signal's amplitude: a layer worth a look."""

_CEILING_DB = 60.0
"""Where bars end: a layer that only moves numbers adds no noise at all."""


def percent(share: float) -> str:
    """A share 0..1 as people read it."""
    return f"{100 * share:.2f} %"


def figures(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    """Rows of (what, float, int8, change) that tell the outcome of one split."""
    rows = []
    for title, before, after in _measured(comparison.original, comparison.quantised):
        rows.append(change_row(f"{title} accuracy", before.accuracy, after.accuracy))
        rows.append(change_row(f"{title} macro-F1", before.macro_f1, after.macro_f1))
    for head, each in comparison.tempered.items():
        title = f"{head} calibration error at temperature {each.temperature:g}"
        rows.append(change_row(title, *each.errors))
    return rows


def crossed(comparison: Comparison) -> str:
    """A sentence on what a head knows of the labels that it did not learn."""
    fer2013, ferplus = comparison.crossed.fer2013, comparison.crossed.ferplus_contempt
    of_votes = f"\nand `fer2013` on {percent(ferplus.accuracy)} of FER+'s (8 classes)" if ferplus else ""
    return f"Held against the other's labels, `ferplus` is right on {percent(fer2013.accuracy)} of FER2013's{of_votes}."


def speed(latency: Latency) -> str:
    """One sentence on speed."""
    return (
        f"One picture takes {latency.original_ms:.2f} ms in float and {latency.quantised_ms:.2f} ms in int8 on the "
        f"machine that made the release (medians in turns, XNNPACK, one thread): int8 is {latency.ratio:.1f} times as "
        "fast. A Raspberry Pi has other figures."
    )


def mended(spoilt: Comparison) -> str:
    """One sentence on what equalising the channels was for."""
    return (
        f"As trained, int8 lost {100 * spoilt.lost:.2f} points and agreed with float on {percent(spoilt.agreement)} of "
        f"{spoilt.original.split}; the channels were therefore made even (cross-layer equalisation) before converting."
    )


def markdown(
    comparisons: Sequence[Comparison],
    layers: Sequence[LayerError],
    differences: Sequence[Difference],
    latency: Latency,
    spoilt: Comparison | None,
) -> str:
    """The page ``comparison.md``; ``spoilt`` is what int8 reached before the channels were made even, if they were."""
    lines = ["# Float against int8", "", "![float against int8](comparison.png)", "", speed(latency), ""]
    if spoilt is not None:
        lines += [mended(spoilt), ""]
    for each in comparisons:
        lines += [f"## {each.original.split}, {each.original.fer2013.faces} faces", ""]
        lines += table(("", "float", "int8", "change in points"), figures(each))
        lines += [
            f"The same emotion on top for {percent(each.agreement)} of the faces. Logits differ by "
            f"{each.mean_logit_error:.3f} on average and {each.largest_logit_error:.3f} at most.",
            "",
        ]
        lines += table(("recall", "float", "int8", "change in points"), _recalls(each))
    lines += [
        "FER2013 is the answer of the head fer2013, FER+ that of ferplus. The device divides logits by the temperature "
        f"of their head, chosen on {comparisons[0].original.split}: there, the calibration error is the best case.",
        "",
    ]
    return "\n".join([*lines, *layer_lines(layers), *runtime_lines(differences, "logits", "other emotion")])


def layer_lines(layers: Sequence[LayerError]) -> list[str]:
    """The part of a page on the noise of each layer."""
    rows = [(str(e.operator), e.name, e.layer, "x".join(map(str, e.shape[1:])), f"{e.snr_db:.1f}") for e in layers]
    return [
        "## Layers",
        "",
        "Signal-to-noise ratio of each output: power of the float signal over that of the error gathered up to there.",
        "",
        *table(("", "operator", "layer", "shape", "dB"), rows),
    ]


def runtime_lines(differences: Sequence[Difference], numbers: str, changed: str | None = None) -> list[str]:
    """The part of a page on TFLite's runtimes.

    ``numbers`` are what the model gives, ``changed`` is what it means when another one is on top, None for nothing.
    """
    head = ["runtime", "pictures", "all equal", "mean", "largest", *([changed] if changed else [])]
    rows = [
        (d.runtime, str(d.pictures), percent(d.equal), f"{d.mean:.3f}", str(d.largest), percent(d.changed))[: len(head)]
        for d in differences
    ]
    return [
        "## Runtimes",
        "",
        f"Steps of the int8 {numbers} away from TensorFlow's reference kernels.",
        "",
        *table(head, rows),
    ]


def save_picture(comparison: Comparison, layers: Sequence[LayerError], png: Path) -> None:
    """Draw the confusions of int8's heads, or of float and int8 without votes, recalls and the noise per layer."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 10.5), layout="constrained")
    axes: dict[str, Any] = figure.subplot_mosaic([["left", "right"], ["recall", "layers"]], height_ratios=[1.15, 1])
    original, quantised = comparison.original, comparison.quantised
    left = ("float", original.fer2013) if quantised.ferplus is None else ("FER+'s majority", quantised.ferplus)
    right = ("int8" if quantised.ferplus is None else "FER2013's labels", quantised.fer2013)
    for name, (title, metrics) in (("left", left), ("right", right)):
        _draw_confusion(axes[name], metrics, f"{title}: {percent(metrics.accuracy)} of {metrics.faces}")
    _draw_recalls(axes["recall"], comparison)
    draw_layers(axes["layers"], layers)
    figure.suptitle(
        f"{comparison.original.split}: int8 agrees with float on {percent(comparison.agreement)}", color=INK, size=14
    )
    figure.savefig(png, dpi=110, metadata={"Software": None})


def _measured(original: Evaluation, quantised: Evaluation) -> list[tuple[str, Metrics, Metrics]]:
    pairs = [
        ("FER2013", original.fer2013, quantised.fer2013),
        ("FER+ 7 classes", original.ferplus, quantised.ferplus),
        ("FER+ 8 classes", original.ferplus_contempt, quantised.ferplus_contempt),
    ]
    return [(title, before, after) for title, before, after in pairs if before is not None and after is not None]


def _recalls(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    classes = zip(comparison.original.fer2013.classes, comparison.quantised.fer2013.classes, strict=True)
    return [change_row(before.name, before.recall, after.recall) for before, after in classes]


def change_row(what: str, before: float, after: float) -> tuple[str, str, str, str]:
    """A figure 0..1 in float and in int8, and the change in points."""
    return what, percent(before), percent(after), f"{100 * (after - before):+.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table, and an empty one."""
    cells = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(row)} |" for row in cells] + [""]


def _draw_confusion(axes: Any, metrics: Metrics, title: str) -> None:
    counts = np.array(metrics.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column, row, f"{100 * share:.0f}", ha="center", va="center", color="white" if share > 0.55 else INK, size=9
        )
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
    axes.set_xlabel("answer, percent of the true emotion", color=INK)
    axes.set_ylabel("true emotion", color=INK)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_visible(False)
    axes.set_title(title, color=INK, loc="left")


def _draw_recalls(axes: Any, comparison: Comparison) -> None:
    places = np.arange(len(EMOTIONS))
    for shift, name, colour, each in (
        (-0.2, "float", FLOAT, comparison.original),
        (0.2, "int8", INT8, comparison.quantised),
    ):
        recalls = [100 * emotion.recall for emotion in each.fer2013.classes]
        axes.bar(places + shift, recalls, 0.38, color=colour, label=name)
        for place, recall in zip(places + shift, recalls, strict=True):
            axes.text(place, recall + 1, f"{recall:.0f}", ha="center", color=INK, size=8)
    axes.set_xticks(places, EMOTIONS, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_ylim(0, 105)
    axes.set_title("Recognised, percent of each emotion of FER2013", color=INK, loc="left")
    axes.legend(frameon=False, labelcolor=INK)
    plain(axes)


def draw_layers(axes: Any, layers: Sequence[LayerError]) -> None:
    """Draw the noise of each layer as bars; a noisy one stands out."""
    places = np.arange(len(layers))
    heights = [min(each.snr_db, _CEILING_DB) for each in layers]
    axes.bar(places, heights, color=[_ALARM if height < LOW_SNR_DB else INT8 for height in heights])
    axes.axhline(LOW_SNR_DB, color=_ALARM, linewidth=1, linestyle="--")
    axes.text(len(layers), LOW_SNR_DB + 0.3, f"{LOW_SNR_DB:.0f} dB", color=_ALARM, size=8)
    axes.set_xlim(-1, len(layers) + 1)
    labels = [f"{e.operator} {e.name.replace('_2D', '').replace('_', ' ').lower()}" for e in layers]
    axes.set_xticks(places, labels, rotation=60, ha="right", rotation_mode="anchor", size=8)
    axes.set_title("Signal-to-noise ratio per layer, dB", color=INK, loc="left")
    plain(axes)


def plain(axes: Any) -> None:
    """Axes without a box."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, length=0)
