"""The development set: frames made of held-back photographs, frames of clips, and images without faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from train.data.photographs import Photograph
from train.detector.recipe import Synthesis
from train.detector.synthesis.drawing import stretch
from train.detector.synthesis.scenes import Frame as Frame
from train.detector.synthesis.scenes import SceneGenerator
from train.detector.synthesis.sprites import NO_FACES, Collection

FRAME_PX = (480, 640)
"""Height and width of composed frames."""

SETS_WITH_FACES = ("scenes", "mosaics", "clips")
"""Sets on which recall and average precision are measured."""

SETS_WITHOUT_FACES = ("empty", "backdrops")
"""Sets on which false positives are counted."""

COMPOSED = 200
"""Number of composed scenes."""

_SEED = 20131
_SCENES = Synthesis(smallest_px=20, largest_px=300, skew=1.0, nobody=0, distractors=1)


def compose(held_back: Collection, clips: Sequence[Photograph], share: float = 1.0) -> Mapping[str, list[Frame]]:
    """The sets by name, the same every time.

    ``scenes`` are synthesised as for training. In ``covered`` every face is occluded, in ``turned`` narrowed towards
    profile; ``dark`` are scenes at a sixth of the light. ``mosaics`` are whole photographs in grids of 2x3 and 4x5.
    ``clips`` are as given, ``empty`` photographs without faces, ``backdrops`` the same with distractors.

    Args:
        held_back: what training has not seen.
        clips: frames of films, with their faces.
        share: of the ``COMPOSED`` scenes, for a quick look.
    """
    count = round(COMPOSED * share)
    plain, covered, turned = (
        SceneGenerator(held_back, FRAME_PX, options)
        for options in (_SCENES, replace(_SCENES, covered=1.0), replace(_SCENES, squeezed=1.0))
    )
    scenes = [plain.scene((_SEED, 0, number)) for number in range(count)]
    return {
        "scenes": scenes,
        "mosaics": [_mosaic(held_back.heads, number, *((2, 3), (4, 5))[number % 2]) for number in range(count // 4)],
        "clips": [Frame(each.pixels, each.faces) for each in clips],
        "covered": [covered.scene((_SEED, 1, number)) for number in range(count // 2)],
        "turned": [turned.scene((_SEED, 5, number)) for number in range(count // 2)],
        "dark": [_darkened(frame, number) for number, frame in enumerate(scenes[: count // 2])],
        "empty": [Frame(each.pixels, NO_FACES) for each in held_back.empty],
        "backdrops": [Frame(plain.backdrop((_SEED, 2, number)), NO_FACES) for number in range(count)],
    }


def _mosaic(heads: Sequence[Photograph], number: int, rows: int, columns: int) -> Frame:
    """``rows`` times ``columns`` photographs, each as large as fits."""
    random = np.random.default_rng((_SEED, 3, number))
    cell = np.array([FRAME_PX[1] // columns, FRAME_PX[0] // rows])
    canvas = np.full(FRAME_PX, 128, np.uint8)
    faces = []
    for place, index in enumerate(random.choice(len(heads), rows * columns, replace=len(heads) < rows * columns)):
        photograph = heads[int(index)]
        scale = float((cell / photograph.pixels.shape[::-1]).min())
        picture = stretch(photograph.pixels, *(np.array(photograph.pixels.shape[::-1]) * scale))
        left, top = cell * (place % columns, place // columns)
        height, width = picture.shape
        canvas[top : top + height, left : left + width] = picture[: FRAME_PX[0] - top, : FRAME_PX[1] - left]
        faces.append(photograph.faces[0] * scale + np.tile((left, top), 2))
    return Frame(canvas, np.array(faces, np.float32))


def _darkened(frame: Frame, number: int) -> Frame:
    """A sixth of the light, and the noise of a sensor that makes the best of it."""
    noise = np.random.default_rng((_SEED, 4, number)).normal(0, 2.5, frame.pixels.shape)
    return Frame(np.clip(frame.pixels / 6 + noise, 0, 255).astype(np.uint8), frame.faces)
