"""How a head is held: tilted, turned towards profile, bowed."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Floats
from train.detector.recipe import Synthesis
from train.detector.synthesis.drawing import Pixels


def pose(options: Synthesis, random: np.random.Generator, steady: float = 1.0) -> npt.NDArray[np.float64]:
    """A tilted, mirrored and perhaps narrowed head, as the left (2, 2) of an affine matrix.

    ``steady`` multiplies the usual tilt; only where it is 1 are heads ``tilted``.
    """
    angle = np.deg2rad(random.normal(0, steady * options.rotation_deg))
    if steady == 1 and random.random() < options.tilted:
        angle = np.deg2rad(random.uniform(-60, 60))
    narrow = random.uniform(0.55, 1) if random.random() < options.squeezed else random.uniform(0.92, 1.05)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(np.array([[cosine, -sine], [sine, cosine]]) * (random.choice((-1, 1)) * narrow, 1))


def bow(pixels: Pixels, face: Floats, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """A head that looks down, or sometimes up: foreshortened, its eyes, nose and mouth moved towards the chin.

    Row v of the face (0 forehead, 1 chin) shows what was in row v ** power, so that the forehead takes more of it.
    """
    down = random.random() < 0.75
    power = random.uniform(1.05, 1.65) if down else random.uniform(0.75, 0.97)
    height = float(face[3] - face[1])
    rows = len(pixels)
    share = (np.arange(rows) + 0.5 - face[1]) / height
    inside = (share > 0) & (share < 1)
    share[inside] **= power
    shortened = max(2, round(rows * random.uniform(0.68, 1)))
    source = np.interp(np.linspace(0, rows - 1, shortened), np.arange(rows), share * height + face[1] - 0.5)
    across = np.tile(np.arange(pixels.shape[1], dtype=np.float32), (shortened, 1))
    along = np.tile(source.astype(np.float32)[:, np.newaxis], (1, pixels.shape[1]))
    box = face.copy()
    box[1::2] *= shortened / rows
    if down:  # a detector's box begins below a forehead that long
        box[1] += 0.1 * (power - 1) * (box[3] - box[1])
    return np.asarray(cv2.remap(pixels, across, along, cv2.INTER_LINEAR), np.uint8), box
