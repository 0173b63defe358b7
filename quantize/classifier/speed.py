"""What the networks of a comparison cost after quantising: the size of the int8 file, and the time of one inference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quantize.manifest import golden_images
from quantize.tflite.convert import convert_float, convert_int8
from quantize.tflite.latency import measure_latency
from train.classifier.comparison_page import Int8Cost, find_comparisons, write_page
from train.run.folder import MODEL_FILE
from train.run.saved import open_classifier

_CALIBRATION = 32
"""Images that set the ranges. They change neither the size nor the time, so that no data set is needed."""


def time_networks(folder: Path, announce: Callable[[str], None] = lambda step: None) -> Path:
    """Quantise every network in ``folder`` that is not measured yet, and write its page again; returns that.

    Raises:
        DataError: ``folder`` is none of ``fer-train compare``.
        ModelError: a network cannot be opened or expressed in int8.
    """
    for part, comparison in find_comparisons(folder).items():
        for row in comparison.rows:
            run = folder / part / row.backbone
            if Int8Cost.read(run) is not None:
                continue
            announce(f"{row.name} on {part.replace('-', ' ')}")
            network = open_classifier(run / MODEL_FILE)
            images = golden_images(range(_CALIBRATION), (1, *network.input_shape[1:]))[..., 0]
            quantised = convert_int8(network, images)
            latency = measure_latency(convert_float(network), quantised)
            Int8Cost(len(quantised), latency.quantised_ms, latency.original_ms).write(run)
    return write_page(folder)
