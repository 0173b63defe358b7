"""What decides a refiner's run, besides the data and the detector whose candidates it learns from.

``refiner`` has 0.12 million parameters and 5.4 million multiply-adds. ``refiner-wide``, its teacher, has 0.15 million
and 9.5 million.

The weights of both were measured by runs in PyTorch with these networks, losses, crops and weights of sizes, in batches
of 256. ``weights/refiner-wide-0.npz``: without a teacher, 6.4 million crops, drawn from 5.2 million candidates. What it
gained on the way is in ``train.detector.recipe``'s measure (development set, float, with ``detector-2`` at 320x256, at
0.05 false faces per image without any):

============== ========== ========== ==========
crops          from 40 px from 20 px real masks
============== ========== ========== ==========
none           95.8 %     90.0 %     75 %
0.5 million    97.1 %     94.6 %     90 %
1.2 million    98.3 %     96.4 %     93 %
============== ========== ========== ==========

``weights/refiner-1.npz`` was cut out of it, the channels that count most and the last block at 12x12, and had it as its
teacher for 9.6 million crops, in 87 minutes of one core. With ``detector-4`` it finds as much as its teacher: 98.3,
96.3 and 93 % instead of 98.0, 96.2 and 93 %. Without a teacher, that shape reached 96.1, 92.8 and 86 % after 0.5
million. For the last 3.1 million crops weights and activations were rounded to int8 in every step, for those of the
other from 1.3 million on, which is not part of the code here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from train.detector.recipe import Synthesis

CROP_PX = 48
"""Side of a crop, that of the classifier's."""

CANDIDATE_THRESHOLD = 0.2
"""Score of the detector from which a box is a candidate on the device. It is fixed, not chosen on the development set:
false faces are the refined score's to decide, and a lower value costs time, one crop for each further box."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A refiner's channels after the first convolution (``stem``), and after each halving (``channels``), with residual
    ``blocks`` at each.
    """

    stem: int
    channels: tuple[int, ...]
    blocks: tuple[int, ...]


SLIM = Shape(16, (24, 48), (1, 2))
WIDE = Shape(16, (32, 48), (2, 2))


@dataclass(frozen=True, slots=True)
class Recipe:
    """A run: in each epoch, the candidates of ``scenes`` new scenes are cut out, and ``steps`` batches are drawn from
    the crops of the newest ``kept`` epochs, because drawing takes longer than training on a crop.

    Scenes have the sizes ``scenes_px`` (height, width) in turn. A box with a score of at least ``proposed`` is a
    candidate; of those on no face, at most ``most_wrong`` of a scene count. A share ``added`` of the faces comes once
    more in a box that is off by a little, whether the detector has proposed it or not.

    A crop is a square of ``side`` heights of the candidate's box, resized to ``size_px``. AdamW warms up linearly to
    ``learning_rate`` and falls as a cosine to zero. ``average`` is the momentum of the weight average that is evaluated
    and kept.

    A run may have a teacher of the shape ``teacher`` that answers every crop of a step too. ``taught_scores`` and
    ``taught_boxes`` weigh the difference from its scores and boxes.
    """

    name: str = "refiner"
    network: Shape = SLIM
    teacher: Shape = WIDE
    side: float = 1.5
    size_px: int = CROP_PX
    epochs: int = 40
    steps: int = 250
    batch: int = 256
    scenes: int = 1000
    kept: int = 6
    scenes_px: tuple[tuple[int, int], ...] = ((480, 640), (480, 640), (480, 640), (300, 400))
    proposed: float = 0.1
    most_wrong: int = 14
    added: float = 0.4
    learning_rate: float = 3e-3
    warmup_steps: int = 200
    weight_decay: float = 0.02
    average: float = 0.998
    box_weight: float = 1.0
    taught_scores: float = 2.0
    taught_boxes: float = 0.5
    synthesis: Synthesis = field(
        default_factory=lambda: Synthesis(
            smallest_px=18.0,
            largest_px=270.0,
            skew=1.3,
            nobody=0.22,
            close=0.3,
            crowds=0.12,
            tiles=0.3,
            quartered=0.0,  # it sees the frame as it is: neither reduced nor with a margin
            margins=0.0,
        )
    )


RECIPES = {recipe.name: recipe for recipe in (Recipe(), Recipe("refiner-wide", WIDE))}
