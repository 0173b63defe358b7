"""The shipped one: 0.86 million parameters, 82 million multiply-adds, taught by three larger networks of other shapes.

Score: not measured yet
Time: not measured yet
Command: fer-train fit --recipe standard --precision mixed_bfloat16 --data fer2013.csv --votes fer2013new.csv
"""

from train.classifier.network import Stage, build
from train.classifier.recipes import Augmentation, Recipe

RECIPE = Recipe(
    name="standard",
    network=lambda: build(24, (Stage(48, 1), Stage(96, 1), Stage(160, 1)), 0.25),
    epochs=200,
    teachers=("plain", "wide", "dense"),
    teacher_share=(0.75, 0.75),
    batch=512,
    learning_rate=0.2,
    warmup_epochs=6,
    average=0.9993,
    label_share=0.35,
    mixup=0.3,
    augmentation=Augmentation(blur=0.3, far_px=(10, 40), noise=5, erase=0.2),
)
