"""Fills in the manifest of a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge.labels import EMOTIONS
from edge.model.classifier_manifest import ClassifierManifest, Head
from quantize.classifier.agreement import Comparison
from quantize.manifest import shared_fields, tensor_spec
from quantize.tflite.runtimes import Difference
from train.classifier.evaluate import Evaluation
from train.tflite.graph import Graph

LICENCE = (
    "Weights: MIT, like the code. Trained on FER2013 (ICML 2013 challenge on Kaggle), which carries no explicit "
    "licence: clear it before commercial use. FER+ votes: MIT (Microsoft)."
)

OWN_LICENCE = (
    "Weights: trained on data of your own; you decide. If they began as the shipped ones: those are MIT, and were "
    "trained on FER2013, which carries no explicit licence."
)


def fill_manifest(
    model: bytes,
    graph: Graph,
    name: str,
    differences: Sequence[Difference],
    *,
    labels: tuple[str, ...] = EMOTIONS,
    temperatures: Mapping[str, float],
    metrics: Mapping[str, Any],
    training: Mapping[str, Any],
    licence: str = LICENCE,
) -> ClassifierManifest:
    """The manifest of a verified ``model``, see ``shared_fields``.

    ``temperatures`` has each head by its name, in the order of the file's outputs.
    """
    heads = zip(temperatures.items(), graph.outputs, strict=True)
    return ClassifierManifest(
        **shared_fields(model, graph, name, differences, metrics=metrics, training=training, licence=licence),
        labels=labels,
        heads=tuple(Head(head, tensor_spec(output), temperature) for (head, temperature), output in heads),
    )


def summary(comparison: Comparison) -> dict[str, Any]:
    """The figures of one split for ``metrics``."""
    return {
        "float": _figures(comparison.original),
        "int8": _figures(comparison.quantised),
        "int8_heads_crossed": _figures(comparison.crossed),
        "agreement": round(comparison.agreement, 5),
        "largest_logit_error": round(comparison.largest_logit_error, 4),
        "calibration_error_at_temperature": {
            head: {"float": round(each.errors[0], 5), "int8": round(each.errors[1], 5)}
            for head, each in comparison.calibrated.items()
        },
    }


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    measured = {
        evaluation.labels_key: evaluation.fer2013,
        "ferplus": evaluation.ferplus,
        "ferplus_contempt": evaluation.ferplus_contempt,
    }
    return {
        name: {
            "faces": metrics.faces,
            "accuracy": round(metrics.accuracy, 5),
            "macro_f1": round(metrics.macro_f1, 5),
            "calibration_error": round(metrics.calibration_error, 5),
            "recall": {each.name: round(each.recall, 4) for each in metrics.classes},
        }
        for name, metrics in measured.items()
        if metrics is not None
    }
