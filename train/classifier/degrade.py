"""Degrades faces step by step as cameras do, and measures how accuracy falls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.labels import INPUT_SIZE_PX
from train.data.fer2013 import FaceSet

Faces = npt.NDArray[np.uint8]
"""(n, 48, 48), grey."""
_Face = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Degradation:
    """One kind of degradation; ``levels[0]`` changes nothing, ``unit`` is that of the levels."""

    name: str
    unit: str
    levels: tuple[float, ...]
    degrade: Callable[[_Face, float, np.random.Generator], npt.NDArray[np.generic]]

    def apply(self, pixels: Faces, level: float, seed: int) -> Faces:
        """The degraded images; the same seed moves a face in the same direction at every level."""
        if level == self.levels[0]:
            return pixels
        random = np.random.default_rng(seed)
        return np.stack([self.degrade(face, level, random) for face in pixels]).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy, 0..1, at each level of one degradation."""

    degradation: Degradation
    accuracy: tuple[float, ...]


def measure_curves(
    predict: Callable[[Faces], npt.NDArray[np.float32]], faces: FaceSet, seed: int = 0
) -> tuple[Curve, ...]:
    """Measure a model on degraded ``faces``, one curve per degradation.

    Args:
        predict: the model's head for the labels, (n, 48, 48) -> logits (n, labels); called once, because opening a
            model file takes time.
        faces: images and labels.
        seed: of directions and noise.
    """
    degraded = [each.apply(faces.pixels, level, seed) for each in DEGRADATIONS for level in each.levels]
    predictions = predict(np.concatenate(degraded)).argmax(axis=1).reshape(len(degraded), len(faces))
    accuracies = iter((predictions == faces.labels).mean(axis=1).tolist())
    return tuple(Curve(each, tuple(next(accuracies) for _ in each.levels)) for each in DEGRADATIONS)


def _blur(face: _Face, sigma_px: float, _: np.random.Generator) -> npt.NDArray[np.generic]:
    return cv2.GaussianBlur(face, (0, 0), sigma_px)


def _darken(face: _Face, light: float, _: np.random.Generator) -> npt.NDArray[np.generic]:
    return np.round(face * (light / 100))


def _coarsen(face: _Face, side_px: float, _: np.random.Generator) -> npt.NDArray[np.generic]:
    """A distant face: few pixels, enlarged as ``edge.vision.crop`` enlarges them."""
    small = cv2.resize(face, (int(side_px), int(side_px)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, face.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _shift(face: _Face, percent: float, random: np.random.Generator) -> npt.NDArray[np.generic]:
    angle = random.uniform(0, 2 * np.pi)
    distance = percent / 100 * INPUT_SIZE_PX
    return _warp(face, np.array([[1, 0, distance * np.cos(angle)], [0, 1, distance * np.sin(angle)]]))


def _rotate(face: _Face, degrees: float, random: np.random.Generator) -> npt.NDArray[np.generic]:
    centre = (INPUT_SIZE_PX - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), degrees * random.choice((-1, 1)), 1)
    return _warp(face, np.asarray(matrix, np.float64))


def _warp(face: _Face, matrix: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.generic]:
    return cv2.warpAffine(face, matrix, face.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


def _add_noise(face: _Face, deviation: float, random: np.random.Generator) -> npt.NDArray[np.generic]:
    return np.clip(np.round(face + random.normal(0, deviation, face.shape)), 0, 255)


LOW_RESOLUTION = Degradation(
    "Low resolution", "side of the face in the frame, pixels", (48, 32, 24, 16, 12, 8), _coarsen
)

DEGRADATIONS = (
    Degradation("Blur", "sigma of a Gaussian, pixels", (0, 0.5, 1, 1.5, 2, 3), _blur),
    Degradation("Darkness", "remaining light, %", (100, 60, 40, 25, 15, 8), _darken),
    LOW_RESOLUTION,
    Degradation("Shift", "distance from the centre, % of the side", (0, 5, 10, 15, 20, 30), _shift),
    Degradation("Rotation", "to either side, degrees", (0, 10, 20, 30, 45, 60), _rotate),
    Degradation("Noise", "standard deviation, grey levels", (0, 5, 10, 20, 30, 50), _add_noise),
)
