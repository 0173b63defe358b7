"""Golden vectors: what the released file outputs for drawn images, kept in its manifest to check every runtime with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

MAX_GOLDEN_VALUES = 64
"""Output values in one golden vector at most: a classifier has 7 for each head, a detector thousands."""


@dataclass(frozen=True, slots=True)
class GoldenVector:
    """What the released file outputs for ``golden_input(seed, shape)``, int8 steps, see ``golden_values``.

    Runtimes round a few steps apart (XNNPACK against the reference kernels), so the comparison has a tolerance.
    """

    seed: int
    output: tuple[int, ...]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """One entry of a manifest's ``golden``.

        Raises:
            ValueError: the seed is out of its range.
        """
        vector = cls(int(document["seed"]), tuple(int(value) for value in document["output"]))
        if not 0 <= vector.seed < 2**32:
            raise ValueError(f"golden seed {vector.seed} is outside 0..{2**32 - 1}")
        return vector


def golden_values(output: npt.NDArray[np.int8]) -> tuple[int, ...]:
    """What a golden vector keeps of ``output``, int8 (values,)."""
    return tuple(output[:: golden_stride(len(output))].tolist())


def golden_stride(values: int) -> int:
    """Every n-th output value is kept, evenly spread: the n that leaves at most ``MAX_GOLDEN_VALUES``."""
    return -(-values // MAX_GOLDEN_VALUES)


def golden_input(seed: int, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """A reproducible test image of ``shape`` (1, height, width, channels), uint8: a drawn mask with noise.

    A mask, because a network trained on faces outputs nearly the same for every image without one, and a golden vector
    must tell images apart. Integer arithmetic and numpy's frozen ``RandomState`` only, so that every platform draws
    the same pixels.
    """
    _, height, width, channels = shape
    random = np.random.RandomState(seed)
    backdrop, skin, dark, tongue = (random.randint(lowest, lowest + 64) for lowest in (0, 160, 0, 128))
    brow, lid = random.randint(8, 15), random.randint(1, 6)
    mouth, gape, smile = random.randint(6, 13), random.randint(2, 9), random.randint(-4, 5)
    image = np.full((height, width), backdrop)
    y, x = np.mgrid[:height, :width] * 48 // np.reshape((height, width), (2, 1, 1))
    for centre_x, centre_y, radius_x, radius_y, grey in (
        (24, 25, 18, 24, skin),
        (15, brow, 6, 1, dark),
        (33, brow, 6, 1, dark),
        (15, 19, 5, lid, dark),
        (33, 19, 5, lid, dark),
        (24, 37, mouth, gape, dark),
        (24, 37 - smile, mouth, gape - 1, random.choice((skin, tongue))),  # leaves a crescent
    ):
        across, down = (x - centre_x) * radius_y, (y - centre_y) * radius_x
        image[across**2 + down**2 < (radius_x * radius_y) ** 2] = grey
    noise = random.randint(0, 32, (height, width, channels))
    return (image[..., np.newaxis] + noise)[np.newaxis].astype(np.uint8)
