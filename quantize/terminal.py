"""Prints what ``fer-quantize`` has to say: sentences, tables, and a line of progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.table import Table

from quantize.report import Row, percent
from quantize.tflite import edgetpu
from quantize.tflite.layers import LOW_SNR_DB, LayerError, worst
from quantize.tflite.runtimes import Difference
from train.run.backend import muted_stderr
from train.tflite.graph import Graph


class _Console(Console):
    """rich's, which would end the process with status 1 when the reader leaves."""

    def on_broken_pipe(self) -> None:
        """Leave it to ``until_reader_leaves``."""
        raise  # rich calls this while it handles the error


def say(content: str | Table) -> None:
    """Print a sentence or a table."""
    _Console(highlight=False, markup=False, soft_wrap=True).print(content)


@contextmanager
def busy(step: str) -> Iterator[Status]:
    """A line of progress on stderr, without TensorFlow's log."""
    with muted_stderr() as terminal, Console(file=terminal).status(step) as status:
        yield status


def show_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: the first column is text, the others are figures."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, name in enumerate(head):
        table.add_column(name, justify="right" if i else "left", no_wrap=not i)
    for row in rows:
        table.add_row(*row)
    say(table)


def show_changes(title: str, rows: Iterable[Row]) -> None:
    """What was measured, float beside int8."""
    show_table(title, ("", "float", "int8", "points"), rows)


def show_layers(layers: Sequence[LayerError]) -> None:
    """The layer that adds most noise."""
    layer = worst(layers)
    verdict = "look at it" if layer.snr_db < LOW_SNR_DB else "fine"
    say(
        f"Noisiest of {len(layers)} layers: {layer.operator} {layer.name} {layer.layer}, {layer.snr_db:.1f} dB "
        f"({verdict})"
    )


def show_differences(differences: Sequence[Difference], top_changed: str) -> None:
    """How far runtimes differ; ``top_changed`` names the column for another highest value."""
    show_table(
        f"images: {differences[0].images}; int8 steps from TensorFlow's reference kernels",
        ("runtime", "all equal", "mean", "largest", top_changed),
        [(d.runtime, percent(d.equal), f"{d.mean:.3f}", str(d.largest), percent(d.top_changed)) for d in differences],
    )


def show_forecast(graph: Graph) -> None:
    """What an Edge TPU would run, and why not the rest."""
    forecast = edgetpu.forecast(graph)
    refused = [each for each in forecast.placements if each.reasons]
    if refused:
        show_table(
            "Operators that stay on the CPU",
            ("operator", "why"),
            [(f"{each.operator.index} {each.operator.name}", "; ".join(each.reasons)) for each in refused],
        )
    rest = "the whole model" if forecast.whole else "the rest runs on the CPU"
    say(f"Edge TPU, predicted: {forecast.mapped} of {len(forecast.placements)} operators map; {rest}")
