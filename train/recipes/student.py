"""The shipped one: dense convolutions at high resolution, 0.86 million parameters, 82 million multiply-adds.

Score (PublicTest, seed 0): float 65.4 % on FER2013 and 83.1 % on FER+ (8 classes); int8 65.3 and 82.6. The shipped file
had 38 epochs of a schedule for 80 and then, resumed, the rest of one for 66.
Time: 45 seconds an epoch, under an hour, on two cores with bfloat16; not measured on a GPU.
Command: fer-train fit --recipe student --precision mixed_bfloat16 --data fer2013.csv --votes fer2013new.csv
"""

from train.network import Stage, build
from train.recipes import Augmentation, Recipe

RECIPE = Recipe(
    name="student",
    network=lambda: build(24, (Stage(48, 1), Stage(96, 1), Stage(160, 1)), 0.25),
    epochs=66,
    learning_rate=0.06,
    average=0.999,
    label_share=0.5,
    augmentation=Augmentation(erase=0.2, noise=5),
)
