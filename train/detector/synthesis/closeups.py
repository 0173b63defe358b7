"""A face that fills the picture, or overflows it: somebody leans into a kiosk, a camera is zoomed in."""

from __future__ import annotations

import cv2
import numpy as np

from edge.vision.detector.decode import Floats
from train.detector.recipe import Synthesis
from train.detector.synthesis.drawing import Pixels, Sprite, stretch
from train.detector.synthesis.occlusions import occlude
from train.detector.synthesis.poses import bow, pose
from train.detector.synthesis.sprites import Collection, fer_face, light, outline, pick, wear

_DRAWN_PX = 110
"""Height at which a smaller face is worked on; it is enlarged while it is laid down."""


def close_up(collection: Collection, canvas: Pixels, options: Synthesis, random: np.random.Generator) -> Floats:
    """Draw one face onto ``canvas`` that is ``options.close_heights`` of its height high; returns its box, (1, 4).

    What lies beside the photograph is the canvas, its own border drawn out, or one grey. Mirrored it would show another
    face, which no label names.
    """
    rows, columns = canvas.shape
    least, most = options.close_heights
    share = least * (most / least) ** random.random()
    pixels, face = _subject(collection, options, random)
    scale = share * rows / float(face[3] - face[1])
    pixels = light(pixels, random)
    steady = random.random() < 0.6
    matrix = pose(options, random, 0.4 if steady else 1.0) * scale
    if random.random() < 0.4:
        target = np.array([columns * (0.5 + random.uniform(-0.12, 0.12)), rows * (0.5 + random.uniform(-0.06, 0.06))])
    else:
        free = 0.25 + 0.75 * max(0.0, 1 - share)
        target = np.array(
            [columns * (0.5 + random.uniform(-0.42, 0.42)), rows * (0.5 + free * random.uniform(-0.5, 0.5))]
        )
    whole = np.column_stack([matrix, target - matrix @ ((face[:2] + face[2:]) / 2)])
    kind = random.random()
    if kind < 0.65:
        alpha = outline(pixels.shape, face, random) if kind < 0.3 else np.full_like(pixels, 255)
        return Sprite(pixels, alpha, face[np.newaxis]).lay(canvas, whole)
    shifted = whole.copy()
    shifted[:, 2] += matrix @ (0.5, 0.5) - 0.5  # pixel centres lie at halves
    border = cv2.BORDER_REPLICATE if random.random() < 0.4 else cv2.BORDER_CONSTANT
    grey = int(random.choice((0, 128, 255, int(random.integers(256)))))
    canvas[...] = cv2.warpAffine(pixels, shifted, (columns, rows), borderMode=border, borderValue=grey)
    return Sprite(pixels, pixels, face[np.newaxis]).places(whole)


def _subject(collection: Collection, options: Synthesis, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """A face and what its photograph shows around it, large enough to be painted on."""
    kind = random.random()
    portrait = False
    if len(collection.faces) and kind < 0.2:
        pixels, face = fer_face(collection, random)
    elif collection.wearable and kind < 0.62:
        photograph = pick(collection.wearable, random)
        pixels, face = photograph.pixels, photograph.faces[0]
    else:
        photograph = pick(collection.heads, random)
        pixels, face, portrait = photograph.pixels, photograph.faces[0], True
    larger = max(1.0, _DRAWN_PX / float(face[3] - face[1]))
    pixels, face = stretch(pixels, pixels.shape[1] * larger, pixels.shape[0] * larger), face * np.float32(larger)
    if portrait and random.random() < options.worn:
        pixels, face = wear(collection, pixels, face, random)
    if random.random() < options.covered:
        pixels = occlude(pixels, face, collection.things, random)
    if random.random() < 0.8 * options.bowed:
        pixels, face = bow(pixels, face, random)
    return pixels, face
