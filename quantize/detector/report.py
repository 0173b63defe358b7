"""The comparison of a detector in float and in int8 for people: a page of tables and one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quantize.classifier.report import (
    FLOAT,
    INK,
    INT8,
    change_row,
    draw_layers,
    layer_lines,
    percent,
    plain,
    runtime_lines,
    speed,
    table,
)
from quantize.detector.agreement import BoxComparison
from quantize.tflite.latency import Latency
from quantize.tflite.layers import LayerError
from quantize.tflite.runtimes import Difference

Row = tuple[str, str, str, str]


def detector_figures(comparison: BoxComparison) -> list[Row]:
    """Rows of (what, float, int8, change) that tell the outcome."""
    original, quantised = comparison.original, comparison.quantised
    rows = [change_row(title, *pair) for title, pair in comparison.rows.items()]
    rows += _recalls(original.sizes, quantised.sizes, "recall of faces of {}")
    rows += _recalls(original.sets, quantised.sets, "recall in {}")
    for name, after in quantised.false_faces.items():
        before = original.false_faces[name]
        rows.append((f"false faces per picture in {name}", f"{before:.3f}", f"{after:.3f}", ""))
    return rows


def _recalls(before: Mapping[str, float], after: Mapping[str, float], title: str) -> list[Row]:
    return [change_row(title.format(name), before[name], after[name]) for name in after if after[name] == after[name]]


def detector_markdown(
    comparison: BoxComparison, layers: Sequence[LayerError], differences: Sequence[Difference], latency: Latency
) -> str:
    """The page ``comparison.md``."""
    lines = ["# Float against int8", "", "![float against int8](comparison.png)", "", speed(latency), ""]
    lines += ["## Development set", ""]
    lines += [f"Boxes with a score of at least {comparison.quantised.threshold:.3f}, float and int8.", ""]
    lines += table(("", "float", "int8", "change in points"), detector_figures(comparison))
    return "\n".join(
        [*lines, *layer_lines(layers), *runtime_lines(differences, "maps, of some dozen numbers of each answer,")]
    )


def save_detector_picture(comparison: BoxComparison, layers: Sequence[LayerError], png: Path) -> None:
    """Draw the recall by size and by set, and the noise per layer."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 8), layout="constrained")
    axes: dict[str, Any] = figure.subplot_mosaic([["sizes", "sets"], ["layers", "layers"]])
    original, quantised = comparison.original, comparison.quantised
    _draw_recalls(axes["sizes"], original.sizes, quantised.sizes, "Recall by height of the face, percent")
    _draw_recalls(axes["sets"], original.sets, quantised.sets, "Recall by set, percent")
    axes["sets"].legend(frameon=False, labelcolor=INK, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    draw_layers(axes["layers"], layers)
    title = f"Average precision: float {percent(original.average_precision)}"
    figure.suptitle(f"{title}, int8 {percent(quantised.average_precision)}", color=INK, size=14)
    figure.savefig(png, dpi=110, metadata={"Software": None})


def _draw_recalls(axes: Any, before: Mapping[str, float], after: Mapping[str, float], title: str) -> None:
    names = [name for name in after if after[name] == after[name]]  # not nan: there are faces
    places = np.arange(len(names))
    for shift, label, colour, recalls in ((-0.2, "float", FLOAT, before), (0.2, "int8", INT8, after)):
        heights = [100 * recalls[name] for name in names]
        axes.bar(places + shift, heights, 0.38, color=colour, label=label)
        for place, height in zip(places + shift, heights, strict=True):
            axes.text(place, height + 1, f"{height:.0f}", ha="center", color=INK, size=8)
    axes.set_xticks(places, names)
    axes.set_ylim(0, 105)
    axes.set_title(title, color=INK, loc="left")
    plain(axes)
