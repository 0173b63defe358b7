"""What decides a detector's run, besides the data: 0.34 million parameters, 210 million multiply-adds.

Score (development set, seed 0, after 103 epochs): at 0.05 false faces per picture without any it finds 96.2 % of the
faces of 40 px and 91.1 % of those of 20 px and more; int8 96.1 and 90.8. Haar alt2 finds 65.2 and 61.4, YuNet 74.4 and
62.8 of the same. The measured run was resumed with schedules for 30, 78, 85 and 103 epochs; scenes, input and loss were
still being chosen in its first 15. It was still learning: the recipe's own length is a guess at what a free day allows.
Time: 52 to 65 seconds of one core an epoch with bfloat16, drawing scenes and measuring included.
Command: fer-train detector fit --precision mixed_bfloat16 --faces faces --data fer2013.csv --votes fer2013new.csv
"""

from __future__ import annotations

from dataclasses import dataclass, field

STRIDES = (8, 16, 32)
"""Pixels between the cells of each map."""

INPUT_SIZE_PX = (288, 384)
"""Height and width of the released model's input, which frames of 640x480 fill. A run's weights fit any size:
at 512x384 they find 3 points more of the faces of 20 px and as many large ones, and take 1.8 times as long."""


@dataclass(frozen=True, slots=True)
class Synthesis:
    """How scenes are composed; a share is that of the scenes, heads or patches that it concerns.

    Faces are ``smallest_px`` to ``largest_px`` high; at 1 every size is as likely in logarithms, a larger ``skew``
    prefers small ones. ``crowds`` are grids of small heads, ``tiles`` photographs laid side by side as they are, the
    rest one to ``most_faces`` heads at random places; ``nobody`` is the share of scenes without a face. Heads tilt by
    ``rotation_deg`` (standard deviation). ``swapped`` heads wear a face of FER2013, ``covered`` ones a mask, dark
    glasses, a hat or something that is held before them; ``squeezed`` ones are narrowed towards profile.
    ``distractors`` is the mean number of patches that resemble a pasted head but show no face.
    """

    smallest_px: float = 8.0
    largest_px: float = 190.0
    skew: float = 1.4
    nobody: float = 0.15
    most_faces: int = 6
    crowds: float = 0.1
    tiles: float = 0.2
    rotation_deg: float = 18.0
    squeezed: float = 0.2
    swapped: float = 0.35
    covered: float = 0.3
    distractors: float = 1.2


@dataclass(frozen=True, slots=True)
class Recipe:
    """A run: scenes of ``canvas_px`` (height, width) teach a network for ``input_px``; its weights fit both.

    AdamW warms up linearly to ``learning_rate`` and falls as a cosine to zero. ``average`` is the momentum of the
    weight average that is evaluated and kept. After every epoch ``mined`` backdrops are searched for false faces; later
    a share ``replayed`` of the scenes has one of the worst.
    """

    name: str = "detector"
    epochs: int = 240
    steps: int = 500
    batch: int = 24
    canvas_px: tuple[int, int] = (192, 224)
    input_px: tuple[int, int] = INPUT_SIZE_PX
    learning_rate: float = 2e-3
    warmup_steps: int = 500
    weight_decay: float = 0.02
    average: float = 0.999
    box_weight: float = 2.0
    mined: int = 512
    replayed: float = 0.35
    synthesis: Synthesis = field(default_factory=Synthesis)
