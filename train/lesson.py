"""A lesson: the student with its augmentation, mixing and loss, and the batches it is given."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from train.augment import Augment
from train.recipes import Recipe

Floats = npt.NDArray[np.float32]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of (grey uint8 pictures, targets), in an order that seed and epoch decide."""

    def __init__(self, pixels: npt.NDArray[np.uint8], targets: Floats, size: int, seed: int, epoch: int) -> None:
        super().__init__()
        self.pixels, self.targets, self.size = pixels[..., np.newaxis], targets, size
        self.seed, self.epoch = seed, epoch
        self._shuffle()

    def __len__(self) -> int:
        """Whole batches of one epoch; the remainder waits for another shuffle."""
        return len(self.pixels) // self.size

    def __getitem__(self, index: int) -> tuple[tuple[npt.NDArray[np.uint8], Floats]]:
        rows = self.order[index * self.size : (index + 1) * self.size]
        return ((self.pixels[rows], self.targets[rows]),)

    def on_epoch_end(self) -> None:
        """Shuffle for the next epoch."""
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.pixels))


class Lesson(keras.Model):  # type: ignore[misc]
    """The student with what surrounds it while it learns: augmentation, mixing of pairs, the loss."""

    def __init__(self, student: keras.Model, recipe: Recipe, seed: int) -> None:
        super().__init__(dtype="float32")
        self.student = student
        self.augment = Augment(recipe.augmentation, seed)
        self.seeds = keras.random.SeedGenerator(seed + 1)
        self.mixup = recipe.mixup
        self.mixing = self.add_weight(name="mixing", initializer="ones", trainable=False, dtype="float32")
        self.mean_loss = keras.metrics.Mean("loss")
        self.accuracy = keras.metrics.CategoricalAccuracy("accuracy")

    def call(self, batch: Any, training: bool = False) -> Any:
        """(pictures, targets) -> (logits, the targets that belong to the disturbed and mixed pictures)."""
        pixels, targets = batch
        pixels = self.augment(pixels, training=training)
        if training and self.mixup:
            share = keras.random.beta((), self.mixup, self.mixup, seed=self.seeds)
            share = self.mixing * ops.minimum(share, 1 - share)
            pixels += share * (ops.flip(pixels, axis=0) - pixels)
            targets += share * (ops.flip(targets, axis=0) - targets)
        return self.student(pixels, training=training), targets

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Cross-entropy between the mixed targets and the student."""
        logits, targets = y_pred
        loss = ops.mean(keras.losses.categorical_crossentropy(targets, logits, from_logits=True))
        self.mean_loss.update_state(loss)
        self.accuracy.update_state(targets, logits)
        return loss

    def compute_metrics(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Loss and agreement with the target's favourite, averaged over the epoch so far."""
        return {"loss": self.mean_loss.result(), "accuracy": self.accuracy.result()}

    @property
    def metrics(self) -> list[Any]:
        """Reset by Keras at every epoch."""
        return [self.mean_loss, self.accuracy]
