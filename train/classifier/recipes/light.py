"""The small one, for a Zero 2 W: 0.19 million parameters, 19 million multiply-adds, 212 kB in int8.

It has the teachers of ``standard`` and starts from its most important channels, see ``train.classifier.narrow``.

Score (PublicTest, one run): 68.0 % on FER2013 and 86.8 % on FER+ (8 classes), 83.2 and 78.1 % of it on faces of 24 and
16 pixels, in bfloat16, see ``standard``. That run, whose weights are shipped, went on from those of the release before
instead of starting from ``standard``.
Time: see ``standard``.
Command: fer-train fit --recipe light --precision mixed_bfloat16 --data fer2013.csv --votes fer2013new.csv
"""

from dataclasses import replace

from train.classifier.network import Stage, build
from train.classifier.recipes.standard import RECIPE as STANDARD

RECIPE = replace(
    STANDARD,
    name="light",
    network=lambda: build(8, (Stage(24, 1), Stage(48, 1), Stage(72, 1)), 0.1),
    start="standard",
    learning_rate=0.08,
    weight_decay=3e-3,
)
