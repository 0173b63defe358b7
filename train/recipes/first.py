"""The quick one: a 0.2 million parameter network that any laptop trains in half an hour."""

from train.network import Stage, build
from train.recipes import Recipe

RECIPE = Recipe(
    name="first",
    network=lambda: build(
        16, (Stage(32, 1, separable=True), Stage(64, 2, separable=True), Stage(112, 2, separable=True)), 0.2
    ),
    epochs=45,
)
