"""Opens any classifier to measure it on labelled faces, ours and those that others trained, of any input size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from edge.errors import ModelError
from edge.labels import EMOTIONS, INPUT_SIZE_PX
from edge.model.interpreter import Interpreter
from edge.records import Pixels
from train.classifier.evaluate import Logits, predict, resized
from train.data.fer2013 import FaceSet
from train.foreign.evidence import best_order, is_better
from train.foreign.label_file import read_labels as read_label_file
from train.foreign.opener import open_third_party
from train.foreign.ranges import INPUT_RANGES, InputRange, likelihood, make_range, run_with
from train.run.backend import muted_stderr, start_backend
from train.run.saved import is_ours, read_labels
from train.tflite.float_model import with_logits
from train.tflite.graph import read_graph

_COMPARED = 400
"""On how many faces ranges are compared."""

Run: TypeAlias = Callable[[Pixels], Logits]


@dataclass(frozen=True, slots=True)
class Opened:
    """A classifier of images with sides of ``side_px``.

    ``labels`` are empty where nothing names them, and in the order that somebody wrote into ``label_file``, if that
    names them. ``network`` is a float .tflite file, None of a model of ours, which takes grey levels as they are.
    """

    path: Path
    side_px: int
    labels: tuple[str, ...]
    network: bytes | None = None
    label_file: Path | None = None

    def fit(self, faces: FaceSet) -> FaceSet:
        """``faces`` in its size, its labels first.

        Raises:
            ModelError: nothing says what its outputs are.
        """
        # Our models of FER2013's labels have these in one order, and need no file that says so.
        labels = self.labels or (EMOTIONS if self.network is None and faces.classes == EMOTIONS else ())
        if not labels:
            raise ModelError(f"model {self.path}: nothing says what its outputs are; name a text file with --labels")
        return replace(faces.in_terms_of(labels), pixels=resized(faces.pixels, self.side_px))

    def runner(self, faces: FaceSet, wanted: str | None) -> tuple[Run, str]:
        """What runs it, and how the range of its input was found: the one ``wanted``, or that which is right most.

        Raises:
            ModelError: it gives another number of logits than there are labels, or takes no such range.
        """
        if self.network is None:
            return lambda pixels: predict(self.path, pixels), ""
        try:
            network, _ = with_logits(self.network, len(self.labels))
            with muted_stderr():  # TensorFlow's log of how it runs
                chosen, note = _best_range(network, faces, wanted)
        except ModelError as error:
            raise ModelError(f"model {self.path}: {error}") from error
        return lambda pixels: run_with(network, pixels, chosen)[:, None], note

    def describe_labels(self, faces: FaceSet, logits: Logits) -> str:
        """Where the labels come from if from a file, and whether ``faces`` say that it has them in another order.

        ``logits`` are what it gives for ``faces``; empty if its own manifest or run names the labels.
        """
        if self.label_file is None:
            return ""
        told = f"\n\nThe labels are those of {self.label_file}, in this order: {', '.join(self.labels)}."
        tops, count = logits[:, -1].argmax(axis=1), len(self.labels)
        shown = faces.labels < count
        order = best_order(tops[shown], faces.labels[shown], count)
        given, better = (each[tops] == faces.labels for each in (np.arange(count), order))
        if not is_better(better, given):
            return told
        return (
            f"{told} In the order {', '.join(self.labels[i] for i in order)} it would be right for "
            f"{better.mean():.1%}, not {given.mean():.1%}: is that the order of its outputs?"
        )


def open_model(path: Path, labels: Path | None, size_px: int | None) -> Opened:
    """Open a classifier of ours, or whatever ``open_third_party`` opens.

    Args:
        path: the file or folder.
        labels: text file with its labels; None takes what lies beside it: run.json, model.json or labels.txt.
        size_px: the side of the images, for a network that takes every size.

    Raises:
        ModelError: it cannot be opened, or its labels cannot be read.
    """
    beside = path.with_name("labels.txt")
    if labels is None and not (named := read_labels(path) or ()) and beside.is_file():
        labels = beside
    if labels is not None:
        named = read_label_file(labels)
    if (side_px := _side_of_ours(path)) is not None:
        return Opened(path, side_px, named, label_file=labels)
    start_backend()
    if is_ours(path):
        return Opened(path, INPUT_SIZE_PX, named, label_file=labels)
    with muted_stderr():  # TensorFlow's log of how it translates
        opened = open_third_party(path, size_px)
    return Opened(path, opened.size_px, named or opened.labels, opened.network, labels)


def _side_of_ours(path: Path) -> int | None:
    """The side of the images that an int8 ``.tflite`` file for a device takes; None if it is not one."""
    try:
        (taken,) = Interpreter(path.read_bytes()).inputs
    except (OSError, ModelError, ValueError):
        return None
    match taken.shape:
        case (1, int(height), int(width), 1 | 3) if height == width and taken.scale == 1:
            return height
    return None


def _best_range(network: bytes, faces: FaceSet, wanted: str | None) -> tuple[InputRange, str]:
    """The range ``wanted``, or the one with which ``network`` is right most often, and how good each is in words.

    Raises:
        ModelError: no face shows one of its labels; or it takes grey images, and ``wanted`` is for colours.
    """
    channels = read_graph(network).inputs[0].shape[3]
    known = np.flatnonzero(faces.labels < read_graph(network).outputs[0].shape[1])  # others it can only name wrongly
    if not len(known):
        shown = ", ".join(faces.classes[label] for label in np.unique(faces.labels))
        raise ModelError(f"has none of the labels {shown}; name its labels as the data does")
    some = faces.select(known[:: -(-len(known) // _COMPARED)])
    ranges = [
        each
        for name in ([wanted] if wanted else INPUT_RANGES)
        if (each := make_range(name, channels, faces.pixels)) is not None
    ]
    if not ranges:
        raise ModelError(f"takes grey images, and {wanted} is a range for colours; give another --input-range")
    right, likely = {}, {}
    for each in ranges:
        logits = run_with(network, some.pixels, each)
        right[each.name] = logits.argmax(axis=1) == some.labels
        likely[each.name] = likelihood(logits, some.labels)
    best = max(ranges, key=lambda each: (right[each.name].mean(), likely[each.name]))
    if wanted:
        return best, ""
    names = sorted(right, key=lambda name: -right[name].mean())
    told = ", ".join(f"{name} {right[name].mean():.1%}" for name in names)
    rivals = [name for name in names if name != best.name and not is_better(right[best.name], right[name])]
    if not rivals:
        return best, f"\n\nThe input range {best.name} is right most often ({told}); see --input-range."
    return best, (
        f"\n\nThe input range {best.name} was taken, and these faces do not tell it from {' or '.join(rivals)} "
        f"({told}); give the one of its training with --input-range."
    )
