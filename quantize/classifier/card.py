"""The model card of a released classifier: what it is for, how good it is, and what it must not be used for.

After Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

from __future__ import annotations

from edge.model.classifier_manifest import ClassifierManifest
from quantize.classifier.agreement import Comparison
from quantize.classifier.report import figures
from quantize.report import render
from train.classifier.face_size import BySize, rows


def model_card(manifest: ClassifierManifest, comparison: Comparison, sizes: BySize, size_bytes: int) -> bytes:
    """The page ``MODEL_CARD.md``."""
    quantised = comparison.quantised
    measured = {"FER+": quantised.ferplus, quantised.data: quantised.fer2013}
    best_known = quantised.ferplus or quantised.fer2013
    return render(
        "classifier/card.md.j2" if len(manifest.heads) > 1 else "classifier/own_card.md.j2",
        manifest=manifest,
        size_kb=round(size_bytes / 1000),
        quantised=quantised,
        crossed=comparison.crossed,
        figures=figures(comparison),
        emotions=[(labels, each) for labels, metrics in measured.items() if metrics for each in metrics.classes],
        sizes=rows(sizes),
        weakest=min(best_known.classes, key=lambda emotion: emotion.recall),
    )
