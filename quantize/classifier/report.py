"""The comparison of a classifier in float and in int8, for people: tables, a page and a chart."""

from __future__ import annotations

from collections.abc import Sequence

from quantize.classifier.agreement import Comparison
from quantize.report import Row, change_row, describe_latency, percent, render
from quantize.tflite.latency import Latency
from quantize.tflite.layers import LayerError
from quantize.tflite.runtimes import Difference
from train.classifier.metrics import Metrics

TOP_CHANGED = "other emotion"
"""What another highest logit means."""


def figures(comparison: Comparison) -> list[Row]:
    """The figures of one split."""
    rows = []
    for title, before, after in _measured(comparison):
        rows.append(change_row(f"{title} accuracy", before.accuracy, after.accuracy))
        rows.append(change_row(f"{title} macro-F1", before.macro_f1, after.macro_f1))
    for head, each in comparison.calibrated.items():
        title = f"{head} calibration error at temperature {each.temperature:g}"
        rows.append(change_row(title, *each.errors))
    return rows


def recalls(comparison: Comparison) -> list[Row]:
    """The recall of each label of the data."""
    classes = zip(comparison.original.fer2013.classes, comparison.quantised.fer2013.classes, strict=True)
    return [change_row(before.name, before.recall, after.recall) for before, after in classes]


def comparison_page(
    comparisons: Sequence[Comparison],
    layers: Sequence[LayerError],
    differences: Sequence[Difference],
    latency: Latency,
) -> bytes:
    """The page ``comparison.md``."""
    return render(
        "classifier/comparison.md.j2",
        splits=[(each, figures(each), recalls(each)) for each in comparisons],
        layers=layers,
        differences=differences,
        top_changed=TOP_CHANGED,
        latency=describe_latency(latency),
    )


def chart(comparison: Comparison, layers: Sequence[LayerError]) -> bytes:
    """The chart ``comparison.png``: recalls, noise of each layer, and the confusions of both int8 heads.

    Without votes, the confusions are those of float and int8.
    """
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from quantize.charts import draw_layers, draw_shares, to_png
    from train.run.plots import INK, draw_confusion

    figure = Figure(figsize=(13, 11.5), layout="constrained")
    axes: dict[str, Axes] = figure.subplot_mosaic([["left", "right"], ["recall", "layers"]], height_ratios=[1.4, 1])
    original, quantised = comparison.original, comparison.quantised
    if quantised.ferplus is None:
        confusions = {"left": ("float", original.fer2013), "right": ("int8", quantised.fer2013)}
    else:
        confusions = {
            "left": ("FER+'s majority", quantised.ferplus),
            "right": ("FER2013's labels", quantised.fer2013),
        }
    for name, (title, metrics) in confusions.items():
        draw_confusion(
            axes[name], metrics.confusion, metrics.names, f"{title}: {percent(metrics.accuracy)} of {metrics.faces}"
        )
    before, after = ([each.recall for each in side.fer2013.classes] for side in (original, quantised))
    shown = [each.name for each in original.fer2013.classes]
    draw_shares(axes["recall"], shown, before, after, f"Recall on {original.data}")
    axes["recall"].legend(frameon=False, labelcolor=INK)
    draw_layers(axes["layers"], layers)
    figure.suptitle(f"{original.split}: int8 agrees with float on {percent(comparison.agreement)}", color=INK, size=14)
    return to_png(figure)


def _measured(comparison: Comparison) -> list[tuple[str, Metrics, Metrics]]:
    original, quantised = comparison.original, comparison.quantised
    pairs = [
        (original.data, original.fer2013, quantised.fer2013),
        ("FER+ 7 classes", original.ferplus, quantised.ferplus),
        ("FER+ 8 classes", original.ferplus_contempt, quantised.ferplus_contempt),
    ]
    return [(title, before, after) for title, before, after in pairs if before is not None and after is not None]
