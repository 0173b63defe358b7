"""The model that trains a refiner: the network with its loss, and the batches it is fed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops

from edge.records import Pixels
from edge.vision.detector.decode import Floats
from edge.vision.detector.refiner import normalised
from train.detector.refiner.crops import FACE_IOU, NOTHING_IOU, Crops
from train.detector.refiner.recipe import Recipe

BOX_IOU = 0.35
"""Intersection over union from which a candidate teaches where its face is."""

CERTAIN = 0.985
"""Difference between the scores that a face and anything else should have: no label is beyond doubt."""

LEAST_WEIGHT = 0.25
"""Weight of a crop whose score is right already; one that is all wrong has 1 more."""

SMALL_ERROR = 0.03
"""Up to this error, in heights of the face, the loss of boxes is quadratic, beyond linear."""


def batches(
    kept: Sequence[Crops], draw: Callable[[int], Crops], recipe: Recipe, seed: int, epochs: range
) -> Iterator[tuple[tuple[Pixels, Floats]]]:
    """Batches of (uint8 crops, targets) for ``epochs``; seed and epoch decide their content.

    A target is the detector's logit, the overlap and the face's sides, see ``Crops``.

    Args:
        kept: the crops of the first of the epochs, after those of the epochs before it.
        draw: draws those of another epoch, in a thread beside.
        recipe: sizes and shares.
        seed: of the run.
        epochs: numbers of the epochs.
    """
    newest = deque(kept, recipe.kept)
    with ThreadPoolExecutor(1) as beside:
        for epoch in epochs:
            following = beside.submit(draw, epoch + 1) if epoch + 1 in epochs else None
            crops = Crops.join(newest)
            weights, random = crops.weights(), np.random.default_rng((seed, epoch))
            for _ in range(recipe.steps):
                yield (_batch(crops, random.choice(len(crops), recipe.batch, p=weights), random),)
            if following:
                newest.append(following.result())


def _batch(crops: Crops, rows: Any, random: np.random.Generator) -> tuple[Pixels, Floats]:
    pairs = [varied(crops.pixels[row], crops.sides[row], random) for row in rows]
    targets = np.column_stack([crops.logits[rows], crops.overlaps[rows], np.stack([sides for _, sides in pairs])])
    return normalised(np.stack([pixels for pixels, _ in pairs]))[..., np.newaxis], np.asarray(targets, np.float32)


def varied(pixels: Pixels, sides: Floats, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """The crop (side, side) and the face's sides as another candidate would have them, in another light."""
    if random.random() < 0.5:
        pixels, sides = pixels[:, ::-1], np.array([1 - sides[2], sides[1], 1 - sides[0], sides[3]], np.float32)
    if random.random() < 0.5:
        pixels, sides = _moved(pixels, sides, math.exp(random.normal(0, 0.06)), random.normal(0, 0.03, 2))
    grey = pixels.astype(np.float32) / 255
    if random.random() < 0.4:
        gamma, contrast = np.exp(random.normal(0, 0.25, 2))
        grey = (grey**gamma - 0.5) * contrast + 0.5 + random.normal(0, 0.06)
    if random.random() < 0.15:
        grey = grey + random.normal(0, 4 / 255, grey.shape)
    return np.clip(np.rint(grey * 255), 0, 255).astype(np.uint8), sides


def _moved(pixels: Pixels, sides: Floats, zoom: float, shift: Any) -> tuple[Pixels, Floats]:
    """Enlarged about the middle by ``zoom``, then moved right and down by ``shift`` (2,) sides."""
    side = len(pixels)
    offset = (1 - zoom) * (side - 1) / 2 + shift * side
    matrix = np.array([[zoom, 0, offset[0]], [0, zoom, offset[1]]])
    moved = cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8), np.asarray((sides - 0.5) * zoom + 0.5 + np.tile(shift, 2), np.float32)


class TrainingModel(keras.Model):  # type: ignore[misc]
    """The network with the loss around it, and the teacher that it learns from besides the labels, if there is one.

    Its logit is added to the detector's, so it learns what is left to say, as in boosting. The teacher's is too.
    """

    def __init__(self, network: keras.Model, recipe: Recipe, teacher: keras.Model | None = None) -> None:
        super().__init__(dtype="float32")
        self.network, self.recipe, self.teacher = network, recipe, teacher
        names = ["loss", "score_loss", "box_loss"]
        if teacher is not None:
            teacher.trainable = False
            names.append("taught_loss")
        self.means = {name: keras.metrics.Mean(name) for name in names}

    def call(self, batch: Any, training: bool = False) -> Any:
        """(crops, targets) -> (logits (batch,), sides (batch, 4), targets).

        In training with a teacher its logits and sides follow.
        """
        pixels, targets = batch
        answers = (*_added(self.network(pixels, training=training), targets), targets)
        if training and self.teacher is not None:
            return (*answers, *map(ops.stop_gradient, _added(self.teacher(pixels, training=False), targets)))
        return answers

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of scores, weighted by their error, and of the boxes on faces, in heights of the face.

        With a teacher, the difference from its scores, in all crops, and from its boxes is added.
        """
        logits, sides, targets, *taught = y_pred
        overlap, theirs = targets[:, 1], targets[:, 2:]
        is_face = ops.cast(overlap >= FACE_IOU, "float32")
        known = ops.cast((overlap >= FACE_IOU) | (overlap < NOTHING_IOU), "float32")
        score = is_face * CERTAIN + (1 - CERTAIN) / 2
        weight = known * (LEAST_WEIGHT + ops.abs(is_face - ops.sigmoid(logits)))
        score_loss = _mean(weight * ops.binary_crossentropy(score, logits, from_logits=True), known)
        on_face = ops.cast(overlap >= BOX_IOU, "float32")
        height = ops.maximum(theirs[:, 3:] - theirs[:, 1:2], 0.1)
        box_loss = _mean(on_face * _box_errors(sides, theirs, height), on_face)
        losses = {"score_loss": score_loss, "box_loss": box_loss}
        loss = score_loss + self.recipe.box_weight * box_loss
        if taught:
            taught_loss = self.recipe.taught_scores * ops.mean(_divergences(logits, taught[0]))
            taught_loss += self.recipe.taught_boxes * _mean(on_face * _box_errors(sides, taught[1], height), on_face)
            losses["taught_loss"] = taught_loss
            loss += taught_loss
        for name, value in {"loss": loss, **losses}.items():
            self.means[name].update_state(value)
        return loss

    def compute_metrics(self, *_: Any, **__: Any) -> dict[str, Any]:
        """The losses, averaged over the epoch so far."""
        return {name: mean.result() for name, mean in self.means.items()}

    @property
    def metrics(self) -> list[Any]:
        """What Keras resets at the start of every epoch."""
        return list(self.means.values())


def _added(answers: Any, targets: Any) -> tuple[Any, Any]:
    """A network's logits (batch,) with the detector's added, and its sides (batch, 4)."""
    logits, sides = answers
    return logits[:, 0] + targets[:, 0], sides


def _divergences(logits: Any, taught: Any) -> Any:
    """Kullback-Leibler divergence (batch,) of the scores from a teacher's, by the logits of both; 0 where equal."""
    cross_entropy, entropy = (
        ops.binary_crossentropy(ops.sigmoid(taught), each, from_logits=True) for each in (logits, taught)
    )
    return cross_entropy - entropy


def _box_errors(ours: Any, theirs: Any, height: Any) -> Any:
    """The loss (batch,) of sides (batch, 4), in heights (batch, 1) of the face."""
    error = ops.abs(ours - theirs) / height
    smooth = ops.where(error < SMALL_ERROR, error**2 / (2 * SMALL_ERROR), error - SMALL_ERROR / 2)
    return ops.sum(smooth, axis=-1)


def _mean(losses: Any, counted: Any) -> Any:
    return ops.sum(losses) / ops.maximum(ops.sum(counted), 1.0)
