"""Finds the range of the input, and the order of the labels, with which somebody else trained a classifier.

Its file says neither. Labelled images do: with the wrong range or order the network is right hardly more often than by
chance. What is found on one half of the images is measured on the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge.errors import ModelError
from quantize.classifier.images import Images
from quantize.report import percent
from train.foreign.evidence import best_order, is_better, is_unclear
from train.foreign.ranges import INPUT_RANGES, InputRange, likelihood, make_range, run_with
from train.tflite.graph import read_graph

_COMPARED = 400
"""How many images ranges are compared on: enough to tell two apart that differ by four points."""


@dataclass(frozen=True, slots=True)
class Found:
    """How a network is to be called: the range of its input and the names of its outputs.

    ``accuracies`` are those of the float network with each range that was tried, 0..1, best first; empty without
    labels.
    """

    range: InputRange
    labels: tuple[str, ...]
    accuracies: Mapping[str, float]


def find_input(network: bytes, names: tuple[str, ...], wanted: str | None, sample: Images, others: Images) -> Found:
    """Find the range of a float ``network`` and the order of its labels, or check those that were given.

    Args:
        network: a float .tflite file that ends with logits.
        names: its labels in their order, empty if they have to be found.
        wanted: one of ``INPUT_RANGES``, None if it has to be found.
        sample: images by which to find.
        others: other images, by which to compare.

    Raises:
        ModelError: what was given contradicts the images, or was not given and cannot be found.
    """
    channels, outputs = read_graph(network).inputs[0].shape[3], read_graph(network).outputs[0].shape[1]
    if names:
        sample, others = (each.among(names) for each in (sample, others))
    if not others.classes or not sample.classes:
        return Found(_given(wanted, channels, sample), _named(names, outputs, others), {})
    if len(others.classes) != outputs:
        raise ModelError(
            f"gives {outputs} numbers, and the images show {', '.join(others.classes)}; list the labels of the model, "
            "one for each number, with --labels"
        )
    others = others.select(slice(0, None, -(-len(others) // _COMPARED)))
    tops, orders, right, likelihoods = {}, {}, {}, {}
    ranges = [each for name in INPUT_RANGES if (each := make_range(name, channels, sample.pixels))]
    for each in ranges:
        guesses = run_with(network, sample.pixels, each).argmax(axis=1)
        orders[each.name] = best_order(guesses, sample.labels, outputs)
        logits = run_with(network, others.pixels, each)
        tops[each.name] = logits.argmax(axis=1)
        right[each.name] = orders[each.name][tops[each.name]] == others.labels
        likelihoods[each.name] = likelihood(logits[:, np.argsort(orders[each.name])], others.labels)
    best = max(ranges, key=lambda each: (right[each.name].mean(), likelihoods[each.name]))
    chosen = next((each for each in ranges if each.name == wanted), best)
    if is_better(right[best.name], right[chosen.name]):
        raise ModelError(
            f"is right for {percent(right[chosen.name].mean())} of {len(others)} images with the range {wanted}, and "
            f"for {percent(right[best.name].mean())} with {best.name}; give --input-range={best.name}, or leave it out"
        )
    if not wanted and (rival := next((r for r in ranges if is_unclear(right[best.name], right[r.name])), None)):
        raise ModelError(
            f"may take {best.name} or {rival.name}, {len(others)} labelled images do not tell; give more of them, or "
            "--input-range"
        )
    order = orders[chosen.name]
    if names:
        given = tops[chosen.name] == others.labels
        if is_better(right[chosen.name], given):
            raise ModelError(
                f"is right for {percent(given.mean())} of {len(others)} images with its labels in the order "
                f"{', '.join(names)}, and for {percent(right[chosen.name].mean())} in the order "
                f"{', '.join(others.classes[i] for i in order)}; list them so with --labels"
            )
        order = np.arange(outputs)
    labels = tuple(others.classes[i] for i in order)
    accuracies = {name: float((order[top] == others.labels).mean()) for name, top in tops.items()}
    return Found(chosen, labels, dict(sorted(accuracies.items(), key=lambda item: -item[1])))


def _given(wanted: str | None, channels: int, sample: Images) -> InputRange:
    if wanted is None:
        raise ModelError(
            "does not say in which range it takes images; give it with --input-range, or find it with labelled faces: "
            "--calibration with a folder of class folders named like its labels"
        )
    chosen = make_range(wanted, channels, sample.pixels)
    if chosen is None:
        raise ModelError(f"takes grey images, and {wanted} is a range for colours; give another --input-range")
    return chosen


def _named(names: tuple[str, ...], outputs: int, others: Images) -> tuple[str, ...]:
    if not names:
        raise ModelError(
            f"gives {outputs} numbers without names; list their labels in their order in a text file, one a line, and "
            "give it with --labels"
        )
    return names
