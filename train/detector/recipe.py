"""What decides a detector's run, besides the data: 0.38 million parameters, 140 million multiply-adds.

Score (development set, after 94,000 batches): at 0.05 false faces per image without any, the int8 file with an input
of 384x320 finds 94.8 % of the faces of 40 px and more, 90.2 % of those of 20 px and more, and 99.1 % of those that
fill the frame; the release before, ``detector-0`` of an earlier network, 79.4, 75.2 and 25.8 %. The weights are in
``weights/detector-1.npz``, to go on from with ``--start``. They have seen 1.5 million images and were still improving:
after 0.75 million it was 92.4, 87.0 and 98.6 %.
The measured run had the same network, loss and schedule in PyTorch with bfloat16, which takes 2.5 ms an image on one
core where Keras on TensorFlow takes 6.3 ms. Scenes were shown several times, shifted, scaled, mirrored and in another
light. Dense scenes, quarters and the cells around small faces came in the last 66,000 batches; in the last 29,000 an
eighth of the heads were tilted by 22 to 55 degrees, and distractors fewer. The drawn ones, those in front, and more
heads that are tilted, in profile, or in bad light came later.
Command: fer-train detector fit --faces faces --objects objects --empty more --data fer2013.csv
"""

from __future__ import annotations

from dataclasses import dataclass, field

STRIDES = (8, 16, 32, 64)
"""Pixels between the cells of each map."""

INPUT_SIZE_PX = (320, 384)
"""Height and width of the released model's input: frames of 640x480 become 384x288 and leave 32 rows of grey. A run's
weights fit any multiple of 64. With 320x256, to which frames are halved, it takes two thirds of the time and finds 10
points fewer of the faces between 20 and 40 px."""

CANVAS_PX = (256, 320)
"""Height and width of the scenes that it learns from: smaller ones cost less, and faces are as many."""


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
class Recipe:
    """A run: scenes of ``canvas_px`` (height, width) teach a network for ``input_px``; its weights fit both.

    AdamW warms up linearly to ``learning_rate`` and falls as a cosine to zero. ``average`` is the momentum of the
    weight average that is evaluated and kept. After every epoch ``mined`` backdrops are searched for false faces; later
    a share ``replayed`` of the scenes has one of the worst.
    """

    name: str = "detector"
    epochs: int = 120
    steps: int = 500
    batch: int = 32
    canvas_px: tuple[int, int] = CANVAS_PX
    input_px: tuple[int, int] = INPUT_SIZE_PX
    learning_rate: float = 2e-3
    warmup_steps: int = 500
    weight_decay: float = 0.02
    average: float = 0.9995
    box_weight: float = 2.0
    size_weight: float = 0.4
    mined: int = 512
    replayed: float = 0.35
    synthesis: Synthesis = field(default_factory=Synthesis)
