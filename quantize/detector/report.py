"""The comparison of a detector in float and in int8, for people: tables, a page and a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan

from quantize.detector.agreement import Comparison
from quantize.detector.refiner import QuantisedRefiner
from quantize.report import Row, change_row, describe_latency, percent, render
from quantize.tflite.latency import Latency
from quantize.tflite.layers import LayerError
from quantize.tflite.runtimes import Difference

TOP_CHANGED = "other cell"
"""What another highest value of the maps means."""


def figures(comparison: Comparison) -> list[Row]:
    """The figures of the development set."""
    original, quantised = comparison.original, comparison.quantised
    rows = [change_row(title, *pair) for title, pair in comparison.gated.items()]
    rows += _recalls(original.sizes, quantised.sizes, "recall of faces of {}")
    rows += _recalls(original.sets, quantised.sets, "recall in {}")
    rows.append(change_row("box height off by, median", original.scale_error, quantised.scale_error))
    for name, after in quantised.false_faces.items():
        before = original.false_faces[name]
        rows.append((f"false faces per image in {name}", f"{before:.3f}", f"{after:.3f}", ""))
    return rows


def comparison_page(
    comparison: Comparison,
    layers: Sequence[LayerError],
    differences: Sequence[Difference],
    latency: Latency,
    refiner: QuantisedRefiner | None = None,
) -> bytes:
    """The page ``comparison.md``; ``layers``, ``differences`` and ``latency`` are the detector's."""
    return render(
        "detector/comparison.md.j2",
        threshold=comparison.quantised.threshold,
        figures=figures(comparison),
        layers=layers,
        differences=differences,
        latency=describe_latency(latency),
        refiner=refiner,
        refiner_latency=describe_latency(refiner.latency) if refiner else "",
    )


def chart(comparison: Comparison, layers: Sequence[LayerError]) -> bytes:
    """The chart ``comparison.png``: recall by size and by set, noise of each layer."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from quantize.charts import draw_layers, draw_shares, to_png
    from train.run.plots import INK

    figure = Figure(figsize=(13, 8), layout="constrained")
    axes: dict[str, Axes] = figure.subplot_mosaic([["sizes", "sets"], ["layers", "layers"]])
    original, quantised = comparison.original, comparison.quantised
    for name, title, before, after in (
        ("sizes", "Recall by height of the face", original.sizes, quantised.sizes),
        ("sets", "Recall by set", original.sets, quantised.sets),
    ):
        known = measured(after)
        draw_shares(axes[name], list(known), [before[each] for each in known], list(known.values()), title, size=8)
    axes["sets"].legend(frameon=False, labelcolor=INK, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    draw_layers(axes["layers"], layers)
    title = f"Average precision: float {percent(original.average_precision)}"
    figure.suptitle(f"{title}, int8 {percent(quantised.average_precision)}", color=INK, size=14)
    return to_png(figure)


def measured(recalls: Mapping[str, float]) -> dict[str, float]:
    """The ``recalls`` that could be measured: without faces, a recall is nan."""
    return {name: recall for name, recall in recalls.items() if not isnan(recall)}


def _recalls(before: Mapping[str, float], after: Mapping[str, float], title: str) -> list[Row]:
    return [change_row(title.format(name), before[name], recall) for name, recall in measured(after).items()]
