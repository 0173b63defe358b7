"""One to learn from: 3x3 convolutions and max pooling, 5.3 million parameters, 553 million multiply-adds.

Score: not measured yet
Time: not measured yet
Command: fer-train fit --recipe plain --precision mixed_bfloat16 --data fer2013.csv --votes fer2013new.csv
"""

from train.classifier.network import plain
from train.classifier.recipes import Augmentation, Recipe

RECIPE = Recipe(
    name="plain",
    network=lambda: plain(((64, 64), (128, 128), (256, 256, 256), (512, 512)), 0.4),
    epochs=80,
    batch=256,
    learning_rate=0.08,
    average=0.9993,
    label_share=0.35,
    mixup=0.2,
    augmentation=Augmentation(far_px=(10, 40), noise=5, erase=0.25),
)
