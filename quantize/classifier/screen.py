"""Results of ``fer-quantize`` as tables and sentences in the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.table import Table

from quantize.classifier.compare import Comparison
from quantize.classifier.report import LOW_SNR_DB, figures, percent
from quantize.tflite import edgetpu
from quantize.tflite.graph import Graph
from quantize.tflite.layers import LayerError
from quantize.tflite.runtimes import Difference


def say(content: str | Table) -> None:
    """Print a sentence or a table."""
    Console(highlight=False, markup=False, soft_wrap=True).print(content)


@contextmanager
def busy(step: str) -> Iterator[Status]:
    """A line of progress on stderr. Meanwhile TensorFlow, which logs dozens of lines there whatever is set, cannot."""
    stderr = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere, os.fdopen(stderr, "w", closefd=False) as terminal:
            os.dup2(nowhere.fileno(), 2)
            with Console(file=terminal).status(step) as status:
                yield status
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _show(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, name in enumerate(head):
        table.add_column(name, justify="right" if i else "left", no_wrap=not i)
    for row in rows:
        table.add_row(*row)
    say(table)


def show_comparison(comparison: Comparison) -> None:
    """Figures of one split, float beside int8."""
    rows = [*figures(comparison), ("same answer", "", percent(comparison.agreement), "")]
    rows.append(("largest logit error", "", f"{comparison.largest_logit_error:.3f}", ""))
    faces = comparison.original.fer2013.faces
    _show(f"{comparison.original.split}, {faces} faces", ("", "float", "int8", "points"), rows)


def show_boxes(threshold: float, rows: Iterable[Sequence[str]]) -> None:
    """Figures of a detector on its development set: what, float, int8, change."""
    _show(f"development set, scores from {threshold:.3f}", ("", "float", "int8", "points"), rows)


def show_layers(layers: Sequence[LayerError]) -> None:
    """The layer that adds most noise."""
    worst = min(layers, key=lambda layer: layer.snr_db)
    word = "look at it" if worst.snr_db < LOW_SNR_DB else "fine"
    say(
        f"Noisiest of {len(layers)} layers: {worst.operator} {worst.name} {worst.layer}, {worst.snr_db:.1f} dB ({word})"
    )


def show_differences(differences: Sequence[Difference], changed: str = "other emotion") -> None:
    """How far runtimes lie apart; ``changed`` says what it means when another number is on top."""
    _show(
        f"{differences[0].pictures} pictures, int8 steps away from TensorFlow's reference kernels",
        ("runtime", "all equal", "mean", "largest", changed),
        [(d.runtime, percent(d.equal), f"{d.mean:.3f}", str(d.largest), percent(d.changed)) for d in differences],
    )


def show_forecast(graph: Graph) -> None:
    """What an Edge TPU would run, and why not the rest."""
    forecast = edgetpu.forecast(graph)
    refused = [each for each in forecast.placements if each.reasons]
    if refused:
        _show(
            "Operators that stay on the CPU",
            ("operator", "why"),
            [(f"{each.operator.index} {each.operator.name}", "; ".join(each.reasons)) for each in refused],
        )
    where = "one single part" if forecast.whole else "the rest follows on the CPU"
    say(f"Edge TPU, predicted: {forecast.mapped} of {len(forecast.placements)} operators map; {where}")
