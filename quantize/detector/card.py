"""The model card of a released face detector, after Mitchell et al., "Model Cards for Model Reporting", 2019."""

from __future__ import annotations

from edge.vision.detector.manifest import DetectorManifest
from quantize.detector.agreement import Comparison
from quantize.detector.report import figures, measured
from quantize.report import render
from train.classifier.crop_rule import CropMeasurement
from train.detector.candidates import SMALLEST_PX
from train.detector.evaluate import MAX_FALSE_POSITIVES_PER_IMAGE
from train.detector.metrics import MATCH_IOU

_SETS = {
    "scenes": "heads cut out of held-back portraits on held-back photographs without faces; some wear masks or "
    "glasses, have hands before them, are turned, or are narrowed towards profile",
    "mosaics": "whole held-back portraits, 6 and 20 to a frame",
    "clips": "frames of films of rooms",
    "covered": "scenes in which every face wears a mask, dark glasses or a hat, or has something before it",
    "turned": "scenes in which every head is narrowed towards profile, down to 55 % of its width",
    "dark": "scenes at a sixth of their light, with noise",
    "empty": "held-back photographs without faces",
    "backdrops": "the same photographs with patches that resemble heads",
}


def model_card(manifest: DetectorManifest, comparison: Comparison, crop: CropMeasurement, size_bytes: int) -> bytes:
    """The page ``MODEL_CARD.md``."""
    quantised = comparison.quantised
    sizes = measured(quantised.sizes)
    weakest = min(sizes, key=lambda name: sizes[name])
    sets = [(name, _SETS[name]) for name in (*quantised.sets, *quantised.false_faces) if name in _SETS]
    return render(
        "detector/card.md.j2",
        manifest=manifest,
        size_kb=round(size_bytes / 1000),
        crop=crop,
        figures=figures(comparison),
        sets=sets,
        weakest=weakest,
        weakest_recall=sizes[weakest],
        max_false_faces=MAX_FALSE_POSITIVES_PER_IMAGE,
        match_iou=MATCH_IOU,
        smallest_px=SMALLEST_PX,
    )
