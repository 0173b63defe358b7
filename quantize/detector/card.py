"""The model card of a released face detector, after Mitchell et al., "Model Cards for Model Reporting", 2019."""

from __future__ import annotations

from edge.vision.detector.manifest import DetectorManifest
from quantize.classifier.report import percent, table
from quantize.detector.agreement import BoxComparison
from quantize.detector.report import detector_figures
from train.classifier.crop_rule import CropMeasurement
from train.detector.candidates import SMALLEST_PX
from train.detector.evaluate import MAX_FALSE_POSITIVES_PER_IMAGE
from train.detector.metrics import MATCH_IOU

_SETS = {
    "scenes": "heads cut out of held-back portraits on held-back photographs without faces, with masks, glasses and "
    "hands before some, turned and narrowed towards profile",
    "mosaics": "whole held-back portraits, 6 and 20 to a frame",
    "clips": "frames of films of rooms",
    "covered": "scenes in which every face wears a mask, dark glasses or a hat, or has something before it",
    "turned": "scenes in which every head is narrowed towards profile, down to 55 % of its width",
    "dark": "scenes at a sixth of their light, with noise",
    "empty": "held-back photographs without faces",
    "backdrops": "these with patches on them that resemble heads",
}


def detector_card(manifest: DetectorManifest, comparison: BoxComparison, crop: CropMeasurement, size_bytes: int) -> str:
    """The page ``MODEL_CARD.md``."""
    _, height, width, _ = manifest.input.shape
    measured = comparison.quantised
    rows = "\n".join(table(("", "float", "int8", "change in points"), detector_figures(comparison))).rstrip()
    known = [*measured.sets, *measured.false_faces]
    sets = "\n".join(f"- `{name}`: {_SETS[name]}" for name in known if name in _SETS)
    strides = ", ".join(map(str, manifest.strides))
    sizes = {name: recall for name, recall in measured.sizes.items() if recall == recall}
    weakest = min(sizes, key=lambda name: sizes[name])
    return f"""# {manifest.id}

An int8 network of {size_bytes / 1000:.0f} kB. It finds faces in a grey frame, reduced to {width}x{height} pixels.

## Meant for

Counting the faces in a room on a Raspberry Pi and cutting them for the classifier, without a picture leaving the
device. It says where a face is and keeps nothing that would tell whose.

## Not meant for

Recognising, searching or following persons; anything in which a missed or a false face does harm.

## How good

At the score {manifest.threshold:g}, from which the device takes a box for a face: the lowest at which the int8 file
finds no more than {MAX_FALSE_POSITIVES_PER_IMAGE:g} false faces per picture without any. A face is found by a box with
an intersection over union of {MATCH_IOU:g}. Pixels are those of frames of 640x480, faces below {SMALLEST_PX} pixels
do not count.

{rows}

{sets}

It is weakest at faces of {weakest}, of which it finds {percent(sizes[weakest])}. `scenes`, `mosaics`, `covered`,
`turned` and `dark` are composed, not photographed: expect less of a real room, and of a true profile, which shows one
eye. The boxes of the portraits were proposed by YuNet and not checked by hand. The people are of one profession and
mostly of one country; age, skin colour and gender are not labelled, so fairness between groups was not measured.

## Cutting faces

The square for the classifier has {manifest.crop.side:g} times the height of the box. From the box's centre its own lies
{manifest.crop.offset_x:+g} box heights to the right and {manifest.crop.offset_y:+g} down. Measured on the {crop.found}
faces that it found in {crop.images} enlarged pictures of FER2013.

## Made from

Run `{manifest.training["run"]}` of `fer-train`: portraits of members of the US Congress (government works, collected by
voteview.com), photographs without faces (the negatives that Joakim Söderberg collected for cascade training, without a
stated licence), FER2013's faces (ICML 2013 challenge on Kaggle, without an explicit licence) pasted onto some heads,
and frames of Intel's sample videos (CC BY 4.0) for development only. Quantised after training by `fer-quantize` with
{manifest.training["calibration"]["scenes"]} scenes of the training data. Settings and tool versions: `model.json`.

Input: int8, grey - 128; a frame keeps its aspect, what is left on the right or below is mid-grey. Output: maps of
logits, then of boxes, at the strides {strides}; the host decodes them and keeps the better of two boxes that overlap by
more than {manifest.max_overlap:g}. Runtimes answer some steps apart: see `comparison.md`.

## Licence

{manifest.licence}
"""
