"""Takes some of the training set's class shares out of a head, so that weak emotions are not called neutral.

Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, https://arxiv.org/abs/2007.07314: a classifier that
has seen many neutral and few disgusted faces answers neutral in doubt; ``strength`` times the logarithm of the shares,
subtracted from the logits, undoes part of that. It is a matter of the bias of one dense layer, so a device pays nothing
for it.

More recall for the rare emotions costs accuracy, and it moves the shares of the emotions that a room's average says.
So the strength with the best mean recall is chosen among those that keep both within bounds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import ConfigError, DataError
from edge.labels import HEADS
from edge.model.probabilities import softmax
from train.classifier.evaluate import predict
from train.classifier.metrics import compute_metrics
from train.classifier.targets import soft_targets
from train.data.fer2013 import FaceSet
from train.data.ferplus import CONTEMPT, NEUTRAL, majority
from train.run.checkpoints import save_model
from train.run.saved import open_classifier

HEAD = "ferplus"
"""The head that is adjusted: the one that a device asks unless told otherwise."""

STRENGTHS = tuple(round(0.05 * step, 2) for step in range(11))

LEAST_SHARE = 1e-3
"""Of an emotion that the training faces hardly show: its logarithm must not carry it away."""

MOST_LOST = 0.005
"""Of accuracy, 0..1, against the best strength."""

MOST_MOVED = 0.015
"""Of the mean probability of any emotion, 0..1. Moved from what the head says unadjusted, not from the annotators'
shares on PublicTest: those differ from Training's by up to two points, which is chance and no error of the head."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What one ``strength`` does to the head on PublicTest, against the majority of FER+ with contempt as neutral.

    ``moved`` is the largest change, over the emotions, of the mean probability; ``called_neutral`` is the share of
    predictions, ``neutral`` the true one; all 0..1.
    """

    strength: float
    accuracy: float
    macro_f1: float
    mean_recall: float
    moved: float
    called_neutral: float
    neutral: float


def shares(training: FaceSet) -> npt.NDArray[np.float64]:
    """The mean target of the head over ``training``: (7,) in ``EMOTIONS`` order, each at least ``LEAST_SHARE``."""
    seen = soft_targets(training)[:, HEADS.index(HEAD)].mean(axis=0, dtype=np.float64)
    return np.asarray(np.maximum(seen, LEAST_SHARE), np.float64)


def strengths(
    logits: npt.NDArray[np.float32], held_out: FaceSet, prior: npt.NDArray[np.float64]
) -> tuple[Strength, ...]:
    """Measure every one of ``STRENGTHS``.

    Args:
        logits: (n, 7) of the head for ``held_out``, not adjusted.
        held_out: faces with votes.
        prior: see ``shares``.

    Raises:
        DataError: there are no votes.
    """
    if held_out.votes is None:
        raise DataError("data has no FER+ votes, which the strength is chosen on; name them with --votes")
    agreed = majority(held_out.votes)
    voted, truth = agreed >= 0, np.where(agreed == CONTEMPT, NEUTRAL, agreed)
    targets = soft_targets(held_out)[:, HEADS.index(HEAD)]
    measured: list[Strength] = []
    before = None
    for strength in STRENGTHS:
        adjusted = logits - strength * np.log(prior)
        probabilities = softmax(adjusted / _temperature(adjusted, targets))
        mean = probabilities.mean(axis=0)
        before = mean if before is None else before
        metrics = compute_metrics(probabilities[voted], truth[voted], [str(i) for i in range(len(prior))])
        measured.append(
            Strength(
                strength,
                metrics.accuracy,
                metrics.macro_f1,
                float(np.mean([each.recall for each in metrics.classes if each.support])),
                float(np.abs(mean - before).max()),
                float((probabilities[voted].argmax(axis=1) == NEUTRAL).mean()),
                float((truth[voted] == NEUTRAL).mean()),
            )
        )
    return tuple(measured)


def choose(measured: Sequence[Strength]) -> Strength:
    """The best mean recall within ``MOST_LOST`` and ``MOST_MOVED``; the first one, 0, is always within the second."""
    best = max(each.accuracy for each in measured)
    allowed = [each for each in measured if each.accuracy >= best - MOST_LOST and each.moved <= MOST_MOVED]
    return max(allowed or measured[:1], key=lambda each: each.mean_recall)


def adjust(
    run: Path, training: FaceSet, held_out: FaceSet, strength: float | None = None
) -> tuple[tuple[Strength, ...], float]:
    """Adjust ``run``/model.keras and note the strength in its run.json; done again, the old adjustment is undone first.

    Args:
        run: a run folder of ``fit``.
        training: the faces that it learnt from.
        held_out: PublicTest.
        strength: what to subtract, or None to choose.

    Returns:
        All ``STRENGTHS`` as measured, and the one that the head has now.

    Raises:
        ConfigError: ``run`` is no run folder.
        ModelError: its model is no classifier of ours.
        DataError: there are no votes.
    """
    try:
        document = json.loads((run / "run.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"run {run}: has no readable run.json ({error}), expected a run folder of fit") from error
    prior, model = shares(training), open_classifier(run / "model.keras")
    undone = float(document.get("adjusted", {}).get(HEAD, 0.0)) * np.log(prior)
    logits = predict(run / "model.keras", held_out.pixels)[:, HEADS.index(HEAD)] + undone
    measured = strengths(logits.astype(np.float32), held_out, prior)
    chosen = choose(measured).strength if strength is None else strength
    bias = model.get_layer(HEAD).bias
    bias.assign(np.asarray(bias) + undone - chosen * np.log(prior))
    save_model(run / "model.keras", model)
    document["adjusted"] = {HEAD: chosen}
    (run / "run.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return measured, chosen


def markdown(measured: Sequence[Strength], chosen: float) -> str:
    """A table of all strengths; the chosen one is bold."""
    lines = [
        "| strength | accuracy | macro-F1 | mean recall | shares moved by | called neutral |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for each in measured:
        mark = "**" if each.strength == chosen else ""
        lines.append(
            f"| {mark}{each.strength:.2f}{mark} | {each.accuracy:.2%} | {each.macro_f1:.3f} | {each.mean_recall:.2%} "
            f"| {100 * each.moved:.1f} points | {each.called_neutral:.1%} of {each.neutral:.1%} |"
        )
    return "\n".join(lines) + "\n"


def _temperature(logits: npt.NDArray[np.floating], targets: npt.NDArray[np.float32]) -> float:
    """The one with the least cross-entropy, as a release has it."""
    temperatures = np.geomspace(0.25, 4, 140)
    losses = [
        (np.logaddexp.reduce(logits / each, axis=1) - (logits / each * targets).sum(axis=1)).mean()
        for each in temperatures
    ]
    return float(temperatures[np.argmin(losses)])
