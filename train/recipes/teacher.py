"""The one the shipped model learns from: as the student, but wider; 2.3 million parameters, 200 million multiply-adds.

Command: fer-train fit --recipe teacher --precision mixed_bfloat16 --data fer2013.csv --votes fer2013new.csv
"""

from train.network import Stage, build
from train.recipes import Augmentation, Recipe

RECIPE = Recipe(
    name="teacher",
    network=lambda: build(32, (Stage(64, 1), Stage(128, 2), Stage(256, 1)), 0.4),
    epochs=36,
    learning_rate=0.08,
    average=0.998,
    label_share=0.5,
    mixup=0.2,
    augmentation=Augmentation(erase=0.2, noise=5),
)
