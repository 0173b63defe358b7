"""The model card of a released face detector, after Mitchell et al., "Model Cards for Model Reporting", 2019."""

from __future__ import annotations

from dataclasses import replace

from edge.vision.detector.manifest import DetectorManifest
from edge.vision.detector.refiner import CANDIDATES_REFINED
from quantize.detector.agreement import Comparison
from quantize.detector.cost import Cost
from quantize.detector.report import measured
from quantize.report import render
from train.classifier.crop_rule import CropMeasurement
from train.detector.candidates import SMALLEST_PX
from train.detector.evaluate import MAX_FALSE_POSITIVES_PER_IMAGE, markdown
from train.detector.metrics import MATCH_IOU

_SETS = {
    "scenes": "heads cut out of held-back portraits on held-back photographs without faces, with masks, glasses, hats, "
    "fingers and objects before some, turned, narrowed towards profile and bowed",
    "mosaics": "whole held-back portraits, 6 and 20 to a frame",
    "clips": "frames of films of rooms",
    "heads": "held-back photographs of one head, as they are, on photographs without faces",
    "masks": "the same of heads with real masks",
    "near": "one such head, or a face of FER2013, 50 to 80 % as high as the frame",
    "full": "the same, 80 to 130 % as high: most overflow the frame",
    "covered": "scenes in which every face wears a mask, glasses, a hat or a visor, or has something before it",
    "turned": "scenes in which every head is narrowed towards profile, down to 55 % of its width",
    "bowed": "scenes in which every head looks down or up, foreshortened",
    "dark": "scenes at an eighth of their light, with noise",
    "blown": "overexposed scenes",
    "empty": "held-back photographs without faces",
    "objects": "the same with objects, animals, letters and patches on them that resemble pasted heads",
    "people": "torsos, hands and backs: parts of people whose faces are out of the image",
}


def model_card(
    manifest: DetectorManifest, comparison: Comparison, crop: CropMeasurement, cost: Cost, refiner: Cost | None = None
) -> bytes:
    """The page ``MODEL_CARD.md``, with what each network takes."""
    quantised = comparison.quantised
    alone = [comparison.alone] if comparison.alone else []
    rows = (quantised, comparison.original, *alone, *comparison.peers)
    sizes = measured(quantised.sizes)
    weakest = min(sizes, key=lambda name: sizes[name])
    sets = [(name, _SETS[name]) for name in (*quantised.sets, *quantised.false_faces) if name in _SETS]
    return render(
        "detector/card.md.j2",
        manifest=manifest,
        cost=cost,
        refiner=refiner,
        candidates=comparison.candidates,
        most_candidates=CANDIDATES_REFINED,
        crop=crop,
        table=markdown([replace(each, time_ms=None) for each in rows]),
        sets=sets,
        weakest=weakest,
        weakest_recall=sizes[weakest],
        max_false_faces=MAX_FALSE_POSITIVES_PER_IMAGE,
        match_iou=MATCH_IOU,
        smallest_px=SMALLEST_PX,
    )
