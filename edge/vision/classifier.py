"""Face crops -> emotion scores, by a release that is checked when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.errors import ConfigError, ModelError
from edge.model import int8
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.probabilities import softmax
from edge.model.release import Network, Release, read_release
from edge.records import EmotionScores, Pixels

PACKAGED_MODEL = Path(__file__).parents[1] / "models"
"""The release in the package that runs unless another is named."""

PACKAGED_LIGHT_MODEL = PACKAGED_MODEL / "light"
"""A smaller one for a slow board: a quarter of the multiplications."""


def load_release(folder: Path, public_key: Path | None = None) -> Release[ClassifierManifest]:
    """Read the release of a classifier, see ``read_release``."""
    return read_release(folder, ClassifierManifest, public_key)


class EmotionClassifier:
    """A release ready to classify faces. Used by one thread only.

    Attributes:
        manifest: the release's manifest.
        head: the head in use.
        labels: what its scores are of, in order.
        device: where it runs, ``cpu`` or the delegate's name.
        input_size_px: side of the square crops it takes.
    """

    def __init__(
        self, release: Release[ClassifierManifest], *, head: str = "", threads: int = 1, delegate: str | None = None
    ) -> None:
        """Open the model, see ``Network``; an empty ``head`` means the model's first.

        Raises:
            ConfigError: the model has no such ``head``.
            ModelError: the model's tensors or outputs are not what the manifest says.
            DelegateError: the accelerator named by ``delegate`` is absent.
        """
        self.manifest = release.manifest
        names = [each.name for each in self.manifest.heads]
        if head and head not in names:
            raise ConfigError(f"model.head is {head!r}; the heads of model {self.manifest.id} are {', '.join(names)}")
        self._head_index = names.index(head) if head else 0
        self.head = self.manifest.heads[self._head_index]
        self.labels = self.manifest.labels_of(self.head)
        self._network = Network(release, threads=threads, delegate=delegate)
        self.device = self._network.device
        shape = self.manifest.input.shape
        if len(shape) != 4 or shape[0] != 1 or shape[1] != shape[2] or shape[3] not in (1, 3):
            raise ModelError(
                f"model {self.manifest.id}: input shape {shape} is not a square image, (1, size, size, 1 or 3)"
            )
        _, self.input_size_px, _, self._channels = shape

    def classify(self, crops: Sequence[Pixels]) -> tuple[EmotionScores, ...]:
        """The scores of each crop, uint8 (input_size_px, input_size_px), in order.

        Raises:
            ValueError: a crop has another shape.
        """
        return tuple(self._scores(crop) for crop in crops)

    def _scores(self, crop: Pixels) -> EmotionScores:
        size_px, output = self.input_size_px, self.head.output
        if crop.shape != (size_px, size_px):
            raise ValueError(f"face crop has the shape {crop.shape}, expected {(size_px, size_px)}")
        image = np.repeat(crop[np.newaxis, :, :, np.newaxis], self._channels, axis=3)
        steps = self._network.run(image)[self._head_index]
        (logits,) = int8.dequantize(steps, output.scale, output.zero_point)
        return EmotionScores(tuple(softmax(logits, self.head.temperature).tolist()), self.labels)
