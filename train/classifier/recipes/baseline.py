"""What the student begins as: dense convolutions at high resolution, 0.86 million parameters, 82 million multiply-adds.

Score (PublicTest, seed 0): float 68.0 % on FER2013 and 86.4 % on FER+ (8 classes), of features learnt by a single head
for both and heads fitted to them afterwards; that single head had 65.4 and 83.1. The run had 38 epochs of a schedule
for 80 and then, resumed, the rest of one for 66. With two heads from its start it was not trained yet.
Time: 45 seconds an epoch, under an hour, on two cores with bfloat16; not measured on a GPU.
Command: fer-train fit --recipe baseline --precision mixed_bfloat16 --data fer2013.csv --votes fer2013new.csv
"""

from train.classifier.network import Stage, build
from train.classifier.recipes import Augmentation, Recipe

RECIPE = Recipe(
    name="baseline",
    network=lambda: build(24, (Stage(48, 1), Stage(96, 1), Stage(160, 1)), 0.25),
    epochs=66,
    learning_rate=0.06,
    average=0.999,
    augmentation=Augmentation(scale=0.15, shift=0.08, erase=0.2, noise=5),
)
