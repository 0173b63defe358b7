"""Draws a comparison of networks as one HTML file with its plots inside, to be shown to others.

It shows no face of the data set. What is missing, such as the int8 figures before ``fer-quantize time``, is left out.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from markupsafe import Markup

from edge.errors import DataError
from train.classifier import comparison_plots as plots
from train.classifier.compare import COMPARISON_FILE, BackboneResult, Comparison
from train.run.folder import HISTORY_FILE
from train.run.page import render
from train.run.plots import read_history

INT8_FILE = "int8.json"


@dataclass(frozen=True, slots=True)
class Int8Cost:
    """What a network costs after quantising: the size of its file, and medians of one inference with one thread."""

    size_bytes: int
    int8_ms: float
    float_ms: float

    def write(self, run: Path) -> None:
        """Keep it in a run folder."""
        (run / INT8_FILE).write_bytes(msgspec.json.encode(self) + b"\n")

    @staticmethod
    def read(run: Path) -> Int8Cost | None:
        """That of a run folder; None before it was measured.

        Raises:
            DataError: the file cannot be read.
        """
        file = run / INT8_FILE
        if not file.exists():
            return None
        try:
            return msgspec.json.decode(file.read_bytes(), type=Int8Cost)
        except (OSError, msgspec.MsgspecError) as error:
            raise DataError(f"{file}: cannot be read ({error}); make it again with fer-quantize time") from error


def find_comparisons(folder: Path) -> dict[str, Comparison]:
    """The comparisons in ``folder`` by the name of their subfolder, most emotions first.

    Raises:
        DataError: there is none, or one cannot be read.
    """
    found = {file.parent.name: Comparison.read(file.parent) for file in sorted(folder.glob(f"*/{COMPARISON_FILE}"))}
    if not found:
        raise DataError(f"comparison {folder}: holds no comparison; name a folder of fer-train compare")
    return dict(sorted(found.items(), key=lambda item: -len(item[1].settings.emotions)))


def write_page(folder: Path) -> Path:
    """Write ``index.html`` into ``folder`` from the comparisons in it; returns its path.

    Raises:
        DataError: there is no comparison, or one cannot be read.
    """
    comparisons = find_comparisons(folder)
    names = sorted({row.name for comparison in comparisons.values() for row in comparison.rows}, key=str.lower)
    hues = dict(zip(names, plots.COLOURS * len(names), strict=False))
    costs = {
        (part, row.name): Int8Cost.read(folder / part / row.backbone)
        for part, comparison in comparisons.items()
        for row in comparison.rows
    }
    part, comparison = next(iter(comparisons.items()))
    page = render(
        "classifier/comparison.html.j2",
        title=f"{len(names)} networks that read facial expressions",
        subtitle=_subtitle(comparisons),
        accuracy=_embed(plots.draw_accuracy(comparisons, hues), "accuracy of each network on each set of emotions"),
        cost=_embed(_draw_cost(comparison.rows, part, costs, hues), "accuracy over the cost of an inference"),
        part=part,
        sets={
            part: {
                "emotions": comparison.settings.emotions,
                "faces": comparison.rows[0].public.faces,
                "rows": [_row(row, costs[part, row.name]) for row in comparison.rows],
                "f1": {row.name: [row.public.macro_f1, *(e.f1 for e in row.public.classes)] for row in comparison.rows},
                "curves": _embed(_draw_curves(folder / part, comparison, hues), "accuracy and loss over the epochs"),
                "confusions": _embed(plots.draw_confusions(comparison), "confusion matrix of each network"),
            }
            for part, comparison in comparisons.items()
        },
        is_quantised=any(costs.values()),
        starts={row.name: row.start for comparison in comparisons.values() for row in comparison.rows},
    )
    (folder / "index.html").write_text(page, "utf-8")
    return folder / "index.html"


def _subtitle(comparisons: Mapping[str, Comparison]) -> str:
    """How far the networks were trained, so that nobody takes a try for a result."""
    epochs = sorted({comparison.settings.epochs for comparison in comparisons.values()})
    images = next(iter(comparisons.values())).images
    counted = ", ".join(f"{count:,} images of {split}" for split, count in images.items())
    many = "epoch" if epochs == [1] else "epochs"
    return f"{' and '.join(map(str, epochs))} {many} each; {counted}, labels of FER2013."


def _row(row: BackboneResult, cost: Int8Cost | None) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.public.accuracy:.1%}",
        "" if row.private is None else f"{row.private:.1%}",
        f"{row.training:.1%}",
        f"{row.public.macro_f1:.3f}",
        "" if row.public.log_loss is None else f"{row.public.log_loss:.2f}",
        f"{row.epoch_s:.1f} s",
        f"{row.multiply_adds / 1e6:,.0f} M",
        f"{4 * row.parameters / 1e6:.1f} MB",
        f"{cost.size_bytes / 1e6:.1f} MB" if cost else "",
        f"{cost.int8_ms:.3g} ms" if cost else "",
    )


def _draw_cost(
    rows: Sequence[BackboneResult],
    part: str,
    costs: Mapping[tuple[str, str], Int8Cost | None],
    hues: Mapping[str, str],
) -> bytes:
    """By int8 milliseconds where all networks have them, else by multiply-adds."""
    measured = [(row, cost.int8_ms) for row in rows if (cost := costs[part, row.name])]
    if len(measured) == len(rows):
        return plots.draw_cost(measured, "Milliseconds for a face in int8, one thread of this machine", hues)
    return plots.draw_cost([(row, row.multiply_adds / 1e6) for row in rows], "Million multiply-adds for a face", hues)


def _draw_curves(folder: Path, comparison: Comparison, hues: Mapping[str, str]) -> bytes:
    return plots.draw_curves(
        {row.name: read_history(folder / row.backbone / HISTORY_FILE) for row in comparison.rows}, hues
    )


def _embed(png: bytes, alt: str) -> Markup:
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(alt, base64.b64encode(png).decode())
