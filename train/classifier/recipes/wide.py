"""One to learn from: residual blocks and max pooling, 6.0 million parameters, 734 million multiply-adds.

Score (PublicTest, one run): 69.5 % on FER2013 and 88.8 % on FER+ (8 classes), in bfloat16, see ``plain``. The mean of
the probabilities of ``plain``, ``wide`` and ``dense`` has 70.0 and 89.0 %.
Time: see ``plain``.
Command: fer-train fit --recipe wide --precision mixed_bfloat16 --data fer2013.csv --votes fer2013new.csv
"""

from dataclasses import replace

from train.classifier.network import Stage, wide
from train.classifier.recipes.plain import RECIPE as PLAIN

RECIPE = replace(
    PLAIN,
    name="wide",
    network=lambda: wide(64, (Stage(64, 1), Stage(128, 1), Stage(256, 2), Stage(320, 2)), 0.4),
    learning_rate=0.1,
)
