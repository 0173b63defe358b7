"""The model that trains a classifier: the network with augmentation, teachers, mixup and loss; and its batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edge.labels import HEADS
from train.classifier.augment import Augment
from train.classifier.recipes import Recipe


def batches(
    pixels: npt.NDArray[np.uint8], targets: npt.NDArray[np.float32], size: int, seed: int, epoch: int
) -> Iterator[tuple[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]]]:
    """Endless full batches of (grey images, targets), starting with ``epoch``; seed and epoch decide the order.

    Endless, because with one iterator per epoch TensorFlow's data pipeline sometimes delayed the first batch of the
    next epoch by many seconds (measured).

    Args:
        pixels: grey images (n, side, side).
        targets: (n, heads, labels), see ``train.classifier.targets.soft_targets``.
        size: of a batch.
        seed: of the run.
        epoch: the first epoch.
    """
    for number in itertools.count(epoch):
        order = np.random.default_rng((seed, number)).permutation(len(pixels))
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            yield ((pixels[rows][..., np.newaxis], targets[rows]),)


class TrainingModel(keras.Model):  # type: ignore[misc]
    """The network with augmentation, mixup and the loss of both heads around it, and the teachers that it learns from.

    Teachers predict the very picture that the network gets in that step, moved, lit and mixed alike ("Knowledge
    distillation: a good teacher is patient and consistent", Beyer et al., CVPR 2022), but before it loses detail: the
    network learns to see in a far face what they see in the near one.
    """

    def __init__(self, network: keras.Model, recipe: Recipe, seed: int, teachers: Sequence[keras.Model] = ()) -> None:
        super().__init__(dtype="float32")
        self.network = network
        self.teachers = [_frozen(teacher) for teacher in teachers]
        self.teacher_share = recipe.teacher_share
        self.augment = Augment(recipe.augmentation, seed)
        self.seeds = keras.random.SeedGenerator(seed + 1)
        self.mixup = recipe.mixup
        self.shares = [1 - recipe.label_share, recipe.label_share] if len(network.outputs) > 1 else [1.0]
        self.mixing = self.add_weight(name="mixing", initializer="ones", trainable=False, dtype="float32")
        self.mean_loss = keras.metrics.Mean("loss")
        self.accuracy = keras.metrics.CategoricalAccuracy("accuracy")

    def call(self, batch: Any, training: bool = False) -> Any:
        """(images, targets) -> (logits, targets), in training of the augmented and mixed images."""
        pixels, targets = batch
        near, pixels = self.augment(pixels, training=training)
        if training and self.mixup:
            share = keras.random.beta((), self.mixup, self.mixup, seed=self.seeds)
            share = self.mixing * ops.minimum(share, 1 - share)
            near, pixels, targets = (each + share * (ops.flip(each, axis=0) - each) for each in (near, pixels, targets))
        if training and self.teachers:
            answers = [ops.softmax(_logits(teacher(near, training=False))) for teacher in self.teachers]
            taught = sum(answers) / len(answers)
            targets += ops.reshape(ops.convert_to_tensor(self.teacher_share), (1, -1, 1)) * (taught - targets)
        return _logits(self.network(pixels, training=training)), targets

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


def _logits(outputs: Any) -> Any:
    return ops.stack(outputs if isinstance(outputs, list) else [outputs], axis=1)


def _frozen(teacher: keras.Model) -> keras.Model:
    """``teacher`` without training, computing in the precision of the run but for its heads."""
    teacher.trainable = False
    for layer in teacher.layers:
        if layer.name not in HEADS:
            layer.dtype_policy = keras.mixed_precision.dtype_policy()
    return teacher
