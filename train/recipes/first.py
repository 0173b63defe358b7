"""The quick one: a 0.17 million parameter network, 14 million multiply-adds, that any laptop trains over lunch."""

from train.network import Stage, build
from train.recipes import Augmentation, Recipe

RECIPE = Recipe(
    name="first",
    network=lambda: build(
        16, (Stage(32, 1, separable=True), Stage(64, 2, separable=True), Stage(112, 2, separable=True)), 0.1
    ),
    epochs=40,
    label_share=0.7,
    augmentation=Augmentation(
        rotation_deg=10, scale=0.1, shift=0.05, contrast=0.2, brightness=0.08, blur=0.1, noise=3, erase=0.1
    ),
)
