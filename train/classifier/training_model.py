"""The model that trains a classifier: the network with augmentation, mixup and loss, and the batches it is fed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from train.classifier.augment import Augment
from train.classifier.recipes import Recipe

Floats = npt.NDArray[np.float32]

View: TypeAlias = tuple[npt.NDArray[np.uint8], Floats]
"""Grey images (n, side, side) and their targets (n, heads, labels), see ``train.classifier.targets.soft_targets``."""


def batches(
    views: Sequence[View], size: int, seed: int, epoch: int
) -> Iterator[tuple[tuple[npt.NDArray[np.uint8], Floats]]]:
    """Endless full batches of (grey uint8 images, targets), starting with ``epoch``; seed and epoch decide the order.

    The views show the same faces; each epoch uses the next one.

    Endless, because with one iterator per epoch TensorFlow's data pipeline sometimes delayed the first batch of the
    next epoch by many seconds (measured).
    """
    for number in itertools.count(epoch):
        pixels, targets = views[number % len(views)]
        order = np.random.default_rng((seed, number)).permutation(len(pixels))
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            yield ((pixels[rows][..., np.newaxis], targets[rows]),)


class TrainingModel(keras.Model):  # type: ignore[misc]
    """The network with augmentation, mixup and the loss of both heads around it."""

    def __init__(self, network: keras.Model, recipe: Recipe, seed: int) -> None:
        super().__init__(dtype="float32")
        self.network = network
        self.augment = Augment(recipe.augmentation, seed)
        self.augmenting = not (recipe.teachers and recipe.views)  # views are augmented already
        self.seeds = keras.random.SeedGenerator(seed + 1)
        self.mixup = recipe.mixup
        self.shares = [1 - recipe.label_share, recipe.label_share] if len(network.outputs) > 1 else [1.0]
        self.mixing = self.add_weight(name="mixing", initializer="ones", trainable=False, dtype="float32")
        self.mean_loss = keras.metrics.Mean("loss")
        self.accuracy = keras.metrics.CategoricalAccuracy("accuracy")

    def call(self, batch: Any, training: bool = False) -> Any:
        """(images, targets) -> (logits, targets), both of the augmented and mixed images."""
        pixels, targets = batch
        pixels = self.augment(pixels, training=training and self.augmenting)
        if training and self.mixup:
            share = keras.random.beta((), self.mixup, self.mixup, seed=self.seeds)
            share = self.mixing * ops.minimum(share, 1 - share)
            pixels += share * (ops.flip(pixels, axis=0) - pixels)
            targets += share * (ops.flip(targets, axis=0) - targets)
        logits = self.network(pixels, training=training)
        return ops.stack(logits if isinstance(logits, list) else [logits], axis=1), targets

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The cross-entropy of both heads, each weighted by its share."""
        logits, targets = y_pred
        losses = keras.losses.categorical_crossentropy(targets, logits, from_logits=True)
        loss = ops.sum(ops.mean(losses, axis=0) * ops.convert_to_tensor(self.shares, losses.dtype))
        self.mean_loss.update_state(loss)
        self.accuracy.update_state(targets, logits)
        return loss

    def compute_metrics(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Loss and accuracy (against the most probable target), averaged over the epoch so far."""
        return {"loss": self.mean_loss.result(), "accuracy": self.accuracy.result()}

    @property
    def metrics(self) -> list[Any]:
        """What Keras resets at the start of every epoch."""
        return [self.mean_loss, self.accuracy]
