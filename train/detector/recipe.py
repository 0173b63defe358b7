"""What decides a detector's run, besides the data: the recipes ``detector``, ``detector-alone`` and their teacher.

``detector`` has 0.25 million parameters and 44 million multiply-adds, and leaves the decision to a refiner, see
``train.detector.refiner``. ``detector-alone`` goes without one: 0.38 million parameters, 140 million multiply-adds at
384x320. ``detector-wide``, the teacher, has seven times as many.

Score (development set, float, at 0.05 false faces per image without any):

============================================== ========== ========== ==========
faces found                                    from 40 px from 20 px real masks
============================================== ========== ========== ==========
``detector-1``, older scenes, 384x320          95.6 %     91.1 %     74 %
gone on from there without a teacher           96.8 %     92.2 %     82 %
gone on from there with the teacher            97.1 %     92.4 %     80 %
the teacher, from random weights               98.1 %     95.1 %     87 %
``detector-3``, 320x256                        94.6 %     88.0 %     73 %
the same with a refiner of 9.5 M               98.3 %     96.5 %     92 %
``weights/detector-4.npz``, 320x256            92.6 %     84.7 %     65 %
the same with ``weights/refiner-1.npz``        98.3 %     96.3 %     93 %
============================================== ========== ========== ==========

``detector-2`` was the third after 105,000 more pictures. ``detector-3`` was cut out of it: without the second block at
stride 16, and without the quarter of the channels of ``top`` that counted least (73 million multiply-adds). It then
learnt from 185,000 pictures. ``detector-4``, of the shape of
``detector``, was cut out of ``detector-3`` in the same way and learnt from 430,000 pictures of 432,000 scenes. Both had
``detector-2`` as their teacher. In all three, weights and activations were rounded to int8 in every step of that last
part, which is not part of the code here.

Measured were runs in PyTorch with bfloat16: these networks, losses, kinds of scenes and batches. The first four trained
at once in 12 minutes on an H200 with 16 CPU cores, in batches of 192, on the same 0.93 million pictures of 1.57 million
scenes: the first without a teacher, the teacher for three quarters of the time, and the second, from the average of the
first after 42 % of it, with the average that the teacher had by then. ``detector-3`` took 52 minutes of one core of a
processor with bfloat16 instructions, ``detector-4`` 90, both in batches of 32. With Keras, where the teacher is
finished first, only a few steps were run. In those runs pictures were also zoomed and shifted, hard scenes shown more
often, some distractors cut from what an earlier network had taken for faces, letters printed in many fonts, and faces
added that labels lacked.
Commands: fer-train detector fit --recipe detector-wide --faces faces --objects objects --data fer2013.csv
and then, with the same data, fer-train detector fit --teacher runs/detector-wide-0/model.keras
--start train/detector/weights/detector-4.npz
"""

from __future__ import annotations

from dataclasses import dataclass, field

STRIDES = (8, 16, 32, 64)
"""Pixels between the cells of each map."""

INPUT_SIZE_PX = (256, 320)
"""Height and width of the released model's input, to which frames of 640x480 are halved: they leave 16 rows of grey.
Without a refiner, 384x320 finds 10 points more of the faces between 20 and 40 px for half as much time again. A run's
weights fit any multiple of 64."""


@dataclass(frozen=True, slots=True)
class Synthesis:
    """How scenes are composed; a share is that of the scenes, heads or sprites that it concerns.

    Faces are ``smallest_px`` to ``largest_px`` high; at 1 every size is as likely in logarithms, a larger ``skew``
    prefers small ones. ``close`` scenes have one face of ``close_heights`` (least and most, in heights of the scene),
    so that heads overflow the picture; ``crowds`` are of small heads, ``tiles`` photographs laid side by side as they
    are, the rest one to ``most_faces`` heads at random places; ``nobody`` is the share of scenes without a face.
    ``margins`` leave a part of the input grey, as frames of another shape do.

    A share ``quartered`` of the scenes is four at half their size, and ``dense`` ones, of those with a few heads, have
    many small ones instead: small faces cost no more than large ones, and need more examples.

    Heads tilt by ``rotation_deg`` (standard deviation), ``tilted`` ones by any angle up to 60 degrees. ``worn`` heads
    wear another face, from FER2013 or from a photograph of a real mask; ``covered`` ones a painted mask, glasses, a
    hat, a visor, or fingers or an object before them; ``squeezed`` ones are narrowed towards profile, ``bowed`` ones
    foreshortened.

    ``distractors`` is the mean number of sprites on a backdrop that resemble a face or a pasted head but are none,
    ``in_front`` that of others which are laid beside the faces afterwards, twice as many where nobody is. Of these
    ``drawn`` are things such as balls, dials and letters, ``faceless`` heads without a face, the rest cut from
    photographs. ``degraded`` scenes have met a camera; of them ``exposures`` are at night, in dim light, overexposed
    and in haze.
    """

    smallest_px: float = 8.5
    largest_px: float = 130.0
    skew: float = 1.4
    nobody: float = 0.2
    close: float = 0.16
    close_heights: tuple[float, float] = (0.4, 1.35)
    most_faces: int = 9
    crowds: float = 0.15
    tiles: float = 0.38
    quartered: float = 0.33
    dense: float = 0.5
    margins: float = 0.22
    rotation_deg: float = 16.0
    tilted: float = 0.28
    squeezed: float = 0.36
    bowed: float = 0.22
    worn: float = 0.45
    covered: float = 0.34
    distractors: float = 1.6
    in_front: float = 1.6
    drawn: float = 0.44
    faceless: float = 0.17
    degraded: float = 1.0
    exposures: tuple[float, float, float, float] = (0.1, 0.15, 0.08, 0.12)


@dataclass(frozen=True, slots=True)
class Shape:
    """A network's channels at stride 4 (``stem``), at each of ``STRIDES`` (``channels``), with residual ``blocks`` at
    each, and on the path back from coarse to fine and in the heads (``top``).
    """

    stem: int
    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    top: int


SLIM = Shape(16, (24, 40, 56, 64), (1, 1, 1, 1), 16)
NARROW = Shape(24, (32, 48, 64, 64), (1, 2, 1, 1), 32)
WIDE = Shape(64, (88, 128, 176, 176), (1, 2, 1, 1), 88)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A run: scenes of ``canvas_px`` (height, width) teach a network for ``input_px``; its weights fit both.

    AdamW warms up linearly to ``learning_rate`` and falls as a cosine to zero. ``average`` is the momentum of the
    weight average that is evaluated and kept. After every epoch ``mined`` backdrops are searched for false faces; later
    a share ``replayed`` of the scenes has one of the worst.

    A run may have a teacher of the shape ``teacher`` that answers every picture of a step too. ``taught_faces`` and
    ``taught_background`` are its shares of the score that a cell should have where the labels say face or nothing;
    doubtful cells follow it alone, and count ``taught_doubt`` as much. ``taught_boxes`` weighs the difference of the
    boxes where it is sure.
    """

    name: str = "detector"
    network: Shape = SLIM
    teacher: Shape = WIDE
    epochs: int = 48
    steps: int = 100
    batch: int = 192
    canvas_px: tuple[int, int] = INPUT_SIZE_PX
    input_px: tuple[int, int] = INPUT_SIZE_PX
    learning_rate: float = 1.5e-3
    warmup_steps: int = 200
    weight_decay: float = 0.02
    average: float = 0.998
    box_weight: float = 2.0
    size_weight: float = 0.4
    taught_faces: float = 0.6
    taught_background: float = 0.5
    taught_doubt: float = 0.5
    taught_boxes: float = 0.5
    mined: int = 512
    replayed: float = 0.35
    synthesis: Synthesis = field(default_factory=Synthesis)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(),
        Recipe("detector-alone", NARROW, input_px=(320, 384)),
        Recipe("detector-wide", WIDE, epochs=35, learning_rate=3e-3, warmup_steps=600),
    )
}
