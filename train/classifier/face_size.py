"""Measures what a classifier makes of distant faces: how often it is right, how sure it is, and what a room would read.

A device publishes mean probabilities, so these must say what the annotators say at every size, also where many single
predictions are wrong. A network that has seen small faces in training does that by itself: it needs no calibration for
each size, and ``uncertain`` grows as faces shrink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.model.probabilities import softmax
from train.classifier.degrade import LOW_RESOLUTION
from train.classifier.evaluate import Logits, labels_of
from train.classifier.targets import soft_targets
from train.data.fer2013 import FaceSet
from train.run.saved import head_names

SIZES_PX = (48, 36, 24, 20, 16)
"""Sides of the square that is cut around a face, in pixels of the frame. 48 leaves FER2013's images as they are."""

UNCERTAIN_BELOW = 0.5
"""The default of ``model.uncertain_below`` on a device."""

NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class AtSize:
    """One head on faces of ``size_px``; shares are 0..1, ``means`` has one of each label.

    ``accuracy`` and ``called_neutral`` are of the faces with a label (with votes: a majority), as ``Evaluation`` has
    them. ``uncertain`` is the share of all faces whose best probability a device calls uncertain by default. ``means``
    are the mean probabilities.
    """

    size_px: int
    accuracy: float
    uncertain: float
    called_neutral: float
    means: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BySize:
    """The head ``head`` at each of ``SIZES_PX``, beside the truth: the share of neutral labels, and the mean target."""

    head: str
    labels: tuple[str, ...]
    neutral: float
    targets: tuple[float, ...]
    sizes: tuple[AtSize, ...]


def measure_sizes(
    predict: Callable[[npt.NDArray[np.uint8]], Logits], faces: FaceSet, temperatures: Sequence[float]
) -> BySize:
    """Measure the first head, or without votes the last, whose labels every data set has.

    Args:
        predict: images (n, 48, 48) -> logits (n, 2, 7).
        faces: one split.
        temperatures: what divides the logits of each head.
    """
    head = 0 if faces.votes is not None else -1
    labels = labels_of(faces)[head]
    neutral = faces.classes.index(NEUTRAL) if NEUTRAL in faces.classes else -1
    labelled = labels >= 0
    sizes = []
    for size_px in SIZES_PX:
        probabilities = softmax(predict(LOW_RESOLUTION.apply(faces.pixels, size_px, 0))[:, head], temperatures[head])
        predicted = probabilities.argmax(axis=1)
        sizes.append(
            AtSize(
                size_px,
                float((predicted == labels)[labelled].mean()),
                float((probabilities.max(axis=1) < UNCERTAIN_BELOW).mean()),
                float((predicted[labelled] == neutral).mean()),
                tuple(probabilities.mean(axis=0).tolist()),
            )
        )
    return BySize(
        head_names(faces.classes)[head],
        faces.classes,
        float((labels[labelled] == neutral).mean()),
        tuple(soft_targets(faces)[:, head].mean(axis=0, dtype=np.float64).tolist()),
        tuple(sizes),
    )


def rows(measured: BySize) -> list[tuple[str, ...]]:
    """A table for people: a head, the truth, and a row for each size."""
    head = (
        f"face, {measured.head}",
        "right",
        "uncertain",
        "called neutral",
        *(f"mean {name}" for name in measured.labels),
    )
    truth = ("truth", "", "", f"{measured.neutral:.1%}", *(f"{share:.1%}" for share in measured.targets))
    measures = [
        (
            f"{each.size_px} px",
            *(f"{share:.1%}" for share in (each.accuracy, each.uncertain, each.called_neutral, *each.means)),
        )
        for each in measured.sizes
    ]
    return [head, truth, *measures]


def table(measured: BySize) -> str:
    """The same as text for a terminal."""
    cells = rows(measured)
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join((row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))))
        for row in cells
    )
