"""The float weights in the package: readable, small enough, and found by the recipes that go on from them."""

from __future__ import annotations

from pathlib import Path

import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError  # noqa: E402
from train.classifier import recipes  # noqa: E402
from train.classifier.shipped import WEIGHTS, find_shipped  # noqa: E402
from train.run.saved import open_classifier  # noqa: E402

LARGEST_BYTES = 4_000_000


@pytest.mark.parametrize(
    ("recipe", "file"),
    [("standard", "standard"), ("own", "standard"), ("light", "light")],
)
def test_a_recipe_goes_on_from_the_weights_of_its_network(recipe: str, file: str) -> None:
    assert find_shipped(recipes.load(recipe)) == WEIGHTS / f"{file}.keras"


def test_a_recipe_whose_network_is_not_shipped_is_told_which_are() -> None:
    with pytest.raises(
        ConfigError, match=r"recipe first: the package has no weights of its network; .* light, standard"
    ):
        find_shipped(recipes.load("first"))


@pytest.mark.parametrize("file", sorted(WEIGHTS.glob("*.keras")), ids=lambda file: file.stem)
def test_the_weights_are_a_classifier_of_ours_in_float32(file: Path) -> None:
    model = open_classifier(file)

    assert {str(weight.dtype) for weight in model.weights} == {"float32"}
    assert file.stat().st_size < LARGEST_BYTES
