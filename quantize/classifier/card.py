"""The model card: what a released classifier is for, how good it is, and what it must not be used for.

After Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

from __future__ import annotations

from edge.labels import INPUT_SIZE_PX
from edge.model.classifier_manifest import Manifest
from quantize.classifier.compare import Comparison
from quantize.classifier.report import crossed, figures, percent


def model_card(manifest: Manifest, comparison: Comparison, size_bytes: int) -> str:
    """The page ``MODEL_CARD.md``."""
    quantised = comparison.quantised
    measured = {"FER+": quantised.ferplus, "FER2013": quantised.fer2013}
    temperatures = ", ".join(f"{head.name} {head.temperature:g}" for head in manifest.heads)
    published = quantised.ferplus or quantised.fer2013
    weakest = min(published.classes, key=lambda emotion: emotion.recall)
    table = "\n".join(f"| {' | '.join(row)} |" for row in figures(comparison))
    emotions = "\n".join(
        f"| {labels} | {each.name} | {each.support} | {percent(each.recall)} | {percent(each.precision)} |"
        for labels, metrics in measured.items()
        if metrics
        for each in metrics.classes
    )
    return f"""# {manifest.id}

An int8 network of {size_bytes / 1000:.0f} kB. It names the facial expression in a grey picture of one face,
{INPUT_SIZE_PX}x{INPUT_SIZE_PX} pixels: {", ".join(manifest.labels)}.

## Meant for

Counting expressions over many people and minutes on a Raspberry Pi, without a picture leaving the device.
An expression is not a feeling: the network answers what annotators saw in photographs.

It has a head for each of two questions. `ferplus`, which a device asks unless told otherwise: how would ten people's
votes be spread over the emotions? `fer2013`: which label has the face in FER2013, whose pictures were labelled by the
word that found them? The two sets of labels differ for a third of the faces, so no one answer is good at both.
{crossed(comparison)}

## Not meant for

Decisions about a person. In the European Union, inferring emotions at work and in schools is prohibited but for
medical and safety reasons (Regulation (EU) 2024/1689, article 5 (1) f); elsewhere, ask first too.

## How good

{quantised.split}, {quantised.fer2013.faces} faces, one forward pass each, each head with its own labels. Temperatures
were chosen on this split.

| | float | int8 | change in points |
| --- | --- | --- | --- |
{table}

| labels | emotion, int8 | faces | recall | precision |
| --- | --- | --- | --- | --- |
{emotions}

It is weakest at {weakest.name}, of which it recognises {percent(weakest.recall)}. The faces come from the web;
age, skin colour and gender are not labelled, so fairness between groups was not measured.

## Made from

Run `{manifest.training["run"]}` of `fer-train` on FER2013's Training split; quantised after training by `fer-quantize`
with {manifest.training["calibration"]["faces"]} faces of that split. Settings and tool versions are in `model.json`.

Input: int8, grey - 128. Outputs: {len(manifest.labels)} int8 logits of each head; the host divides them by the head's
temperature ({temperatures}), then takes the softmax. Runtimes may answer up to
{manifest.golden_tolerance} steps apart: see `comparison.md`.

## Licence

{manifest.licence}
"""
