"""The development set: frames of held-back photographs, of clips and of nobody, always the same.

Faces are 4 to 130 % as high as the frame. Boxes of photographs were proposed by YuNet on the padded picture, and those
of FER2013's are assumed from its frame, so what is said of YuNet here is kind where it finds its own boxes again
(``mosaics``, ``near``, ``full``) and hard where heads are pasted, which other networks were trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from train.data.photographs import Photograph
from train.detector.recipe import Synthesis
from train.detector.synthesis.degrade import USUAL, degrade
from train.detector.synthesis.distractors import beside_faces, distractor, torso
from train.detector.synthesis.drawing import Sprite, stretch
from train.detector.synthesis.poses import pose
from train.detector.synthesis.scenes import Frame as Frame
from train.detector.synthesis.scenes import SceneGenerator, place, visible
from train.detector.synthesis.sprites import NO_FACES, Collection, fer_face

FRAME_PX = (480, 640)
"""Height and width of what is composed."""

SETS_WITH_FACES = ("scenes", "mosaics", "clips", "heads", "masks", "near", "full")
"""Sets that decide over a detector: recall and average precision."""

SETS_WITHOUT_FACES = ("empty", "objects", "people")
"""Sets without a face: false ones."""

COMPOSED = 160
"""Scenes that are composed; other sets are in proportion."""

FAR = (20.0, 300.0)
"""Heights of the faces in pixels in all sets but ``near`` and ``full``."""

NEAR, FULL = (0.5, 0.8), (0.8, 1.3)
"""Heights of the faces in those two, in heights of the frame."""

_SEED = 20131
_SCENES = Synthesis(
    smallest_px=FAR[0],
    largest_px=FAR[1],
    skew=1.0,
    nobody=0,
    close=0,
    crowds=0,
    tiles=0,
    quartered=0,
    dense=0,
    margins=0,
    squeezed=0.22,
    tilted=0.04,
    distractors=1,
    drawn=0,
    faceless=0,
    in_front=0,
    degraded=0.5,
    exposures=USUAL,
)
"""Spelled out where it is not training's default, so that figures of different years can be compared."""

PHOTOGRAPHED = replace(_SCENES, squeezed=0.0, bowed=0.0, worn=0.0, covered=0.0, degraded=0.0)
"""Heads as they were photographed."""


def compose(held_back: Collection, clips: Sequence[Photograph], share: float = 1.0) -> Mapping[str, list[Frame]]:
    """The sets by name.

    ``scenes`` are synthesised like training's; in ``covered``, ``turned`` and ``bowed`` every face is covered,
    narrowed towards profile or foreshortened; ``dark`` and ``blown`` are scenes at an eighth of the light, and
    overexposed. ``mosaics`` are whole portraits in 2 x 3 and 4 x 5. ``heads`` and ``masks`` are photographs of one head
    as they are, on photographs without faces. In ``near`` and ``full`` one such head, or one of FER2013's faces, takes
    half to 1.3 of the frame's height. ``clips`` are as given.

    ``empty`` are the photographs without faces, ``objects`` such with sprites that resemble pasted heads, ``people``
    bodies, hands, backs and torsos whose faces are out of the picture.

    Args:
        held_back: what training has not seen.
        clips: frames of films, with their faces.
        share: of ``COMPOSED``.
    """
    count = round(COMPOSED * share)
    half = count // 2
    plain, clear, covered, turned, bowed = (
        SceneGenerator(held_back, FRAME_PX, options)
        for options in (
            _SCENES,
            replace(_SCENES, degraded=0.0),
            replace(_SCENES, covered=1.0),
            replace(_SCENES, squeezed=1.0),
            replace(_SCENES, bowed=1.0),
        )
    )
    lit = [clear.scene((_SEED, 4, number)) for number in range(half)]
    heads = [each for each in held_back.wearable if not each.is_masked]
    masks = [each for each in held_back.wearable if each.is_masked]
    close = _large(held_back, count)
    sets = {
        "scenes": [plain.scene((_SEED, 0, number)) for number in range(count)],
        "mosaics": [_mosaic(held_back.heads, number, *((2, 3), (4, 5))[number % 2]) for number in range(count // 4)],
        "clips": [Frame(each.pixels, each.faces) for each in clips],
        "heads": [_photograph(clear, each, (_SEED, 8, number)) for number, each in enumerate(heads[:count])],
        "masks": [_photograph(clear, each, (_SEED, 9, number)) for number, each in enumerate(masks[:count])],
        "near": [_close(each, NEAR, (_SEED, 10, number)) for number, each in enumerate(close[::2])],
        "full": [_close(each, FULL, (_SEED, 11, number)) for number, each in enumerate(close)],
        "covered": [covered.scene((_SEED, 1, number)) for number in range(half)],
        "turned": [turned.scene((_SEED, 5, number)) for number in range(half)],
        "bowed": [bowed.scene((_SEED, 6, number)) for number in range(half)],
        "dark": [_exposed(frame, number, 1 / 8, 0) for number, frame in enumerate(lit)],
        "blown": [_exposed(frame, number, 1.8, 40) for number, frame in enumerate(lit)],
        "empty": [Frame(each.pixels, NO_FACES) for each in held_back.empty],
        "objects": [_objects(plain, (_SEED, 2, number)) for number in range(count)],
        "people": [_people(plain, (_SEED, 7, number), number) for number in range(count)],
    }
    return {name: frames for name, frames in sets.items() if frames or name == "clips"}


def _large(held_back: Collection, count: int) -> list[Photograph]:
    """Two parts of photographs of one head, one of FER2013's faces."""
    random = np.random.default_rng(_SEED)
    faces = []
    for number in range(count // 3 if len(held_back.faces) else 0):
        pixels, box = fer_face(held_back, random)
        faces.append(Photograph(f"fer2013-{number}", pixels, box[np.newaxis]))
    heads = held_back.wearable or held_back.heads
    order = random.permutation(len(heads))[:count]
    return [*(heads[index] for index in order), *faces]


def _photograph(painter: SceneGenerator, photograph: Photograph, key: tuple[int, ...]) -> Frame:
    """``photograph`` as it is, at some height, on a photograph without faces."""
    random = np.random.default_rng(key)
    canvas = painter.ground(random)
    height = FAR[0] * (FAR[1] / FAR[0]) ** random.random()
    return Frame(canvas, visible(place(canvas, _whole(photograph, height), NO_FACES, np.eye(2), random), FRAME_PX))


def _whole(photograph: Photograph, height_px: float) -> Sprite:
    scale = height_px / float(np.ptp(photograph.faces[0, 1::2]))
    pixels = stretch(photograph.pixels, *(np.array(photograph.pixels.shape[::-1]) * scale))
    return Sprite(pixels, np.full_like(pixels, 255), photograph.faces * np.float32(scale))


def _close(photograph: Photograph, heights: tuple[float, float], key: tuple[int, ...]) -> Frame:
    """One head, ``heights`` of the frame high, on black, grey or white; it may overflow the frame."""
    random = np.random.default_rng(key)
    canvas = np.full(FRAME_PX, random.choice((0, 128, 255)), np.uint8)
    rows, columns = FRAME_PX
    piece = _whole(photograph, rows * heights[0] * (heights[1] / heights[0]) ** random.random())
    centre = (piece.faces[0, :2] + piece.faces[0, 2:]) / 2
    target = np.array([columns * (0.5 + random.uniform(-0.25, 0.25)), rows * (0.5 + random.uniform(-0.1, 0.1))])
    return Frame(canvas, visible(piece.lay(canvas, np.column_stack([np.eye(2), target - centre])), FRAME_PX))


def _objects(painter: SceneGenerator, key: tuple[int, ...]) -> Frame:
    random = np.random.default_rng(key)
    canvas = painter.ground(random)
    for _ in range(3):
        size = FAR[0] * (FAR[1] / FAR[0]) ** random.random()
        place(canvas, distractor(painter.collection, size, random), NO_FACES, pose(painter.options, random), random)
    return Frame(degrade(canvas, random) if random.random() < 0.5 else canvas, NO_FACES)


def _people(painter: SceneGenerator, key: tuple[int, ...], number: int) -> Frame:
    """A part of a person that fills the frame, or three torsos."""
    random = np.random.default_rng(key)
    canvas = painter.ground(random)
    if number % 2:
        return Frame(beside_faces(painter.collection, canvas, random), NO_FACES)
    for _ in range(3):
        piece = torso(painter.collection, random.uniform(60, 260), random)
        place(canvas, piece, NO_FACES, pose(painter.options, random, 0.4), random)
    return Frame(canvas, NO_FACES)


def _mosaic(heads: Sequence[Photograph], number: int, rows: int, columns: int) -> Frame:
    """``rows`` times ``columns`` photographs, each as large as fits."""
    random = np.random.default_rng((_SEED, 3, number))
    cell = np.array([FRAME_PX[1] // columns, FRAME_PX[0] // rows])
    canvas = np.full(FRAME_PX, 128, np.uint8)
    faces = []
    for at, index in enumerate(random.choice(len(heads), rows * columns, replace=len(heads) < rows * columns)):
        photograph = heads[int(index)]
        scale = float((cell / photograph.pixels.shape[::-1]).min())
        picture = stretch(photograph.pixels, *(np.array(photograph.pixels.shape[::-1]) * scale))
        left, top = cell * (at % columns, at // columns)
        height, width = picture.shape
        canvas[top : top + height, left : left + width] = picture[: FRAME_PX[0] - top, : FRAME_PX[1] - left]
        faces.append(photograph.faces[0] * scale + np.tile((left, top), 2))
    return Frame(canvas, np.array(faces, np.float32))


def _exposed(frame: Frame, number: int, gain: float, lift: float) -> Frame:
    """Another exposure, with the noise of a sensor that makes the best of it."""
    noise = np.random.default_rng((_SEED, 12, number)).normal(0, 2, frame.pixels.shape)
    return Frame(np.clip(frame.pixels * gain + lift + noise, 0, 255).astype(np.uint8), frame.faces)
