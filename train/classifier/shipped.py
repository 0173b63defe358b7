"""The float weights in the package, for runs that go on from them."""

from __future__ import annotations

from pathlib import Path

from edge.errors import ConfigError
from train.classifier.recipes import Recipe
from train.run.saved import open_classifier

SHIPPED = "shipped"
"""What ``--start`` takes instead of a file."""

WEIGHTS = Path(__file__).parents[1] / "weights"


def find_shipped(recipe: Recipe) -> Path:
    """The weights in the package that are of the recipe's network.

    Raises:
        ConfigError: none are.
    """
    shapes = [tuple(weight.shape) for weight in recipe.network().weights]
    files = sorted(WEIGHTS.glob("*.keras"))
    for file in files:
        if [tuple(weight.shape) for weight in open_classifier(file).weights] == shapes:
            return file
    names = ", ".join(file.stem for file in files)
    raise ConfigError(f"recipe {recipe.name}: the package has no weights of its network; it has those of {names}")
