"""The networks: what they cost, and that int8 runtimes support every layer."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.labels import HEADS  # noqa: E402
from train.classifier import recipes  # noqa: E402
from train.classifier.network import Stage, build, dense, plain, wide  # noqa: E402
from train.run.layers import multiply_adds  # noqa: E402

SUPPORTED = {
    "InputLayer",
    "Rescaling",
    "Conv2D",
    "SeparableConv2D",
    "MaxPooling2D",
    "AveragePooling2D",
    "BatchNormalization",
    "ReLU",
    "Add",
    "Concatenate",
    "GlobalAveragePooling2D",
    "Dropout",
    "Dense",
}


def test_multiply_adds_are_those_counted_by_hand() -> None:
    model = build(4, (Stage(8, 1), Stage(16, 1, separable=True)), 0)

    stem = 48 * 48 * 9 * 1 * 4
    dense = 24 * 24 * 9 * (4 * 8 + 2 * 8 * 8)
    separable = 12 * 12 * (9 * 8 * 16 + 2 * (9 * 16 + 16 * 16))
    head = 2 * 16 * 7
    assert multiply_adds(model) == stem + dense + separable + head


def test_multiply_adds_of_the_teachers_shapes_are_those_counted_by_hand() -> None:
    networks = [plain(((4,), (8, 8)), 0), wide(4, (Stage(4, 1), Stage(8, 1)), 0), dense(4, 2, (1, 2), 0)]

    of_plain = 48 * 48 * 9 * 4 + 24 * 24 * 9 * (4 * 8 + 8 * 8) + 2 * 8 * 7
    of_wide = 48 * 48 * 9 * (4 + 2 * 4 * 4) + 24 * 24 * (9 * (4 * 8 + 8 * 8) + 4 * 8) + 2 * 8 * 7
    layer = [channels * 8 + 9 * 8 * 2 for channels in (4, 3, 5)]  # (4 + 2) / 2 channels go into the second block
    of_dense = 48 * 48 * 9 * 4 + 24 * 24 * (layer[0] + 6 * 3) + 12 * 12 * (layer[1] + layer[2]) + 2 * 7 * 7
    assert [multiply_adds(network) for network in networks] == [of_plain, of_wide, of_dense]


def test_the_recipe_first_needs_10_to_15_million_multiply_adds() -> None:
    network = recipes.load("first").network()

    assert 10e6 <= multiply_adds(network) <= 15e6


@pytest.mark.parametrize("name", recipes.names())
def test_every_layer_of_a_recipe_maps_to_int8_operators(name: str) -> None:
    network = recipes.load(name).network()

    assert {type(layer).__name__ for layer in network.layers} <= SUPPORTED


def test_shipped_networks_stay_small() -> None:
    standard, light = (recipes.load(name).network() for name in ("standard", "light"))

    assert standard.count_params() < 1_000_000
    assert light.count_params() < 250_000
    assert multiply_adds(light) < 20e6


def test_raw_grey_levels_go_in() -> None:
    model = build(4, (Stage(8, 1),), 0)

    logits = model.predict(np.full((2, 48, 48, 1), 255, np.uint8), verbose=0)

    assert np.shape(logits) == (len(HEADS), 2, 7)
    assert np.isfinite(logits).all()
