"""The model that trains a detector: the network with its loss, and the scenes it is fed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from keras import ops

from edge.records import Pixels
from edge.vision.detector.decode import Floats
from train.detector.recipe import Recipe
from train.detector.synthesis.scenes import Frame, Key, SceneGenerator, mirrored, without_flat
from train.detector.targets import DOUBT, FACE, Grid

EXACT = 0.5
"""Intersection over union with its face from which a cell should be fully confident of its box."""

SURE, CLOSE = 0.4, 0.6
"""A teacher's box is learned where its score and its overlap with the label exceed these."""

SMALL_ERROR = 0.1
"""Up to this difference in the logs of distances the loss of taught boxes is quadratic, beyond linear."""

FOCUS = 2.0
"""Exponent that weights a cell by its error (Li et al. 2020, quality focal loss,
https://arxiv.org/abs/2006.04388)."""


def batches(
    generator: SceneGenerator, recipe: Recipe, seed: int, epoch: int, hard: Callable[[int], Sequence[Key]], workers: int
) -> Iterator[tuple[tuple[Pixels, Floats]]]:
    """Endless batches of (uint8 images, targets), starting with ``epoch``; seed and epoch decide their content.

    The second half of an epoch is the first half mirrored and in another light, because drawing a scene takes three
    quarters of the time of training on it (1.9 against 2.6 ms for 192x160 pixels on one core).

    Args:
        generator: draws the scenes, in ``workers`` threads.
        recipe: sizes and shares.
        seed: of the run.
        epoch: the first epoch.
        hard: the hard backdrops to use in an epoch. Batches are drawn ahead, so it is called before the previous epoch
            has ended.
        workers: threads.
    """
    grid = Grid(recipe.canvas_px)

    def draw(key: Key) -> Frame:
        random = np.random.default_rng((*key, 2))
        again = known and random.random() < recipe.replayed
        return generator.scene(key, known[int(random.integers(len(known)))] if again else None)

    def batch(frames: Sequence[Frame]) -> tuple[tuple[Pixels, Floats]]:
        pixels = np.stack([frame.pixels for frame in frames])[..., np.newaxis]
        targets = [grid.assign(frame.faces, frame.unclear) for frame in map(without_flat, frames)]
        return ((pixels, np.stack(targets)),)

    with ThreadPoolExecutor(workers) as pool:
        for number in itertools.count(epoch):
            known = hard(number)
            drawn: list[Frame] = []
            while len(drawn) < (recipe.steps + 1) // 2 * recipe.batch:
                drawn += pool.map(draw, [(seed, number, len(drawn) + place) for place in range(recipe.batch)])
                yield batch(drawn[-recipe.batch :])
            random = np.random.default_rng((seed, number))
            order = random.permutation(len(drawn))[: recipe.steps // 2 * recipe.batch]
            for rows in order.reshape(-1, recipe.batch):
                yield batch([mirrored(drawn[row], random) for row in rows])


class TrainingModel(keras.Model):  # type: ignore[misc]
    """The network with the loss around it, and the teacher that it learns from besides the labels, if there is one.

    The teacher predicts the very picture that the network gets in that step ("Knowledge distillation: a good teacher is
    patient and consistent", Beyer et al., CVPR 2022). It knows which background resembles a face, and which face
    can hardly be seen; labels do not.
    """

    def __init__(self, network: keras.Model, recipe: Recipe, teacher: keras.Model | None = None) -> None:
        super().__init__(dtype="float32")
        self.network, self.recipe, self.teacher = network, recipe, teacher
        if teacher is not None:
            teacher.trainable = False
        self.cells = Grid(recipe.canvas_px).centres()
        self.means = {name: keras.metrics.Mean(name) for name in ("loss", "score_loss", "box_loss")}

    def call(self, batch: Any, training: bool = False) -> Any:
        """(images, targets) -> (logits (batch, cells), logs of distances (batch, cells, 4), targets).

        In training with a teacher its logits and logs follow.
        """
        pixels, targets = batch
        answers = (*_by_cell(self.network(pixels, training=training)), targets)
        if training and self.teacher is not None:
            return (*answers, *map(ops.stop_gradient, _by_cell(self.teacher(pixels, training=False))))
        return answers

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of scores, which should equal the quality of their boxes, and of the boxes of cells with a face.

        Sums over the batch, divided by the number of cells with a face.
        """
        logits, logs, targets, *taught = y_pred
        kind = targets[..., 0]
        is_face = ops.cast(kind == FACE, "float32")
        sides = self._sides(logs)
        overlap, generalised = _overlaps(sides, targets[..., 1:])
        size_error = _size_error(sides, targets[..., 1:])
        quality = ops.stop_gradient(is_face * ops.clip(overlap / EXACT, 0.0, 1.0))
        known = ops.cast(kind != DOUBT, "float32")
        count = ops.maximum(ops.sum(is_face), 1.0)
        taught_loss: Any = 0.0
        if taught:
            quality, known = self._taught_scores(quality, kind, taught[0])
            taught_loss = ops.sum(is_face * self._taught_boxes(logs, targets, *taught)) / count
        weight = ops.abs(quality - ops.sigmoid(logits)) ** FOCUS
        score_losses = weight * ops.binary_crossentropy(quality, logits, from_logits=True)
        score_loss = ops.sum(score_losses * known) / count
        box_loss = ops.sum(is_face * (1 - generalised)) / count
        size_loss = ops.sum(is_face * size_error) / count
        loss = score_loss + self.recipe.box_weight * box_loss + self.recipe.size_weight * size_loss
        loss += self.recipe.taught_boxes * taught_loss
        for mean, value in zip(self.means.values(), (loss, score_loss, box_loss), strict=True):
            mean.update_state(value)
        return loss

    def _taught_scores(self, quality: Any, kind: Any, logits: Any) -> tuple[Any, Any]:
        """The score that every cell should have, and how much it counts, by the labels and a teacher's ``logits``."""
        recipe, scores = self.recipe, ops.sigmoid(logits)
        share = ops.where(kind == FACE, recipe.taught_faces, ops.where(kind == DOUBT, 1.0, recipe.taught_background))
        return quality + share * (scores - quality), ops.where(kind == DOUBT, recipe.taught_doubt, 1.0)

    def _taught_boxes(self, logs: Any, targets: Any, logits: Any, taught: Any) -> Any:
        """How far the boxes are from a teacher's, (batch, cells), where it is sure and right."""
        overlap, _ = _overlaps(self._sides(taught), targets[..., 1:])
        sure = ops.cast((ops.sigmoid(logits) > SURE) & (overlap > CLOSE), "float32")
        error = ops.abs(logs - taught)
        smooth = ops.where(error < SMALL_ERROR, error**2 / (2 * SMALL_ERROR), error - SMALL_ERROR / 2)
        return sure * ops.sum(smooth, axis=-1)

    def _sides(self, logs: Any) -> Any:
        stride = self.cells[:, 2:]
        distances = ops.exp(ops.clip(logs, -4.0, math.log(40.0))) * stride
        return ops.concatenate(
            [self.cells[:, :2] - distances[..., :2], self.cells[:, :2] + distances[..., 2:]], axis=-1
        )

    def compute_metrics(self, *_: Any, **__: Any) -> dict[str, Any]:
        """The losses, averaged over the epoch so far."""
        return {name: mean.result() for name, mean in self.means.items()}

    @property
    def metrics(self) -> list[Any]:
        """What Keras resets at the start of every epoch."""
        return list(self.means.values())


def _by_cell(outputs: list[Any]) -> tuple[Any, Any]:
    """The maps of a network as logits (batch, cells) and logs of distances (batch, cells, 4)."""
    maps, count = len(outputs) // 2, ops.shape(outputs[0])[0]
    logits = ops.concatenate([ops.reshape(each, (count, -1)) for each in outputs[:maps]], axis=1)
    return logits, ops.concatenate([ops.reshape(each, (count, -1, 4)) for each in outputs[maps:]], axis=1)


def _size_error(ours: Any, theirs: Any) -> Any:
    """How far width and height of boxes (..., 4) are off, as the sum of the logs of their ratios, without signs."""
    ratios = [ops.log(ops.maximum(sides[..., 2:] - sides[..., :2], 1e-3)) for sides in (ours, theirs)]
    return ops.sum(ops.abs(ratios[0] - ratios[1]), axis=-1)


def _overlaps(ours: Any, theirs: Any) -> tuple[Any, Any]:
    """Intersection over union of boxes (..., 4) pairwise, and the generalised form that also measures how far apart two
    boxes are (Rezatofighi et al. 2019, https://arxiv.org/abs/1902.09630).
    """

    def area(low: Any, high: Any) -> Any:
        return ops.prod(ops.maximum(high - low, 0.0), axis=-1)

    common = area(ops.maximum(ours[..., :2], theirs[..., :2]), ops.minimum(ours[..., 2:], theirs[..., 2:]))
    hull = area(ops.minimum(ours[..., :2], theirs[..., :2]), ops.maximum(ours[..., 2:], theirs[..., 2:]))
    union = area(ours[..., :2], ours[..., 2:]) + area(theirs[..., :2], theirs[..., 2:]) - common
    overlap = common / ops.maximum(union, 1e-6)
    return overlap, overlap - (hull - union) / ops.maximum(hull, 1e-6)
