"""The shipped one: dense convolutions at high resolution, 0.86 million parameters, 82 million multiply-adds."""

from train.network import Stage, build
from train.recipes import Augmentation, Recipe

RECIPE = Recipe(
    name="student",
    network=lambda: build(24, (Stage(48, 1), Stage(96, 1), Stage(160, 1)), 0.25),
    epochs=80,
    learning_rate=0.06,
    average=0.999,
    label_share=0.5,
    augmentation=Augmentation(erase=0.2, noise=5),
)
