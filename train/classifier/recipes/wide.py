"""One to learn from: residual blocks and max pooling, 6.0 million parameters, 734 million multiply-adds.

Score: not measured yet
Time: not measured yet
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
