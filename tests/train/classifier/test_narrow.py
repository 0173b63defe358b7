"""A narrow network from a wide one: it keeps what matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ModelError  # noqa: E402
from train.classifier.narrow import narrow  # noqa: E402
from train.classifier.network import Stage, build  # noqa: E402

FACES = np.random.RandomState(0).randint(0, 256, (5, 48, 48, 1)).astype(np.float32)
WIDE = (6, (Stage(8, 1), Stage(10, 2)))
NARROW = (4, (Stage(5, 1), Stage(7, 2)))


def network(stem: int, stages: tuple[Stage, ...], seed: int = 0) -> Any:
    keras.utils.set_random_seed(seed)
    model = build(stem, stages, 0.0)
    random = np.random.RandomState(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


def silence(model: Any, layers: list[int], channels: list[int]) -> None:
    """Make the channels of those normalisations, counted in their order, always zero."""
    normalisations = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    for layer in layers:
        weights = normalisations[layer].get_weights()
        for weight in weights[:2]:
            weight[channels] = 0
        normalisations[layer].set_weights(weights)


def test_without_the_channels_that_are_always_zero_it_answers_the_same() -> None:
    wide, small = network(*WIDE), network(*NARROW, seed=1)
    silence(wide, [0], [1, 4])
    silence(wide, [1, 3], [0, 2, 7])
    silence(wide, [2], [3, 4, 5])
    silence(wide, [4, 6, 8], [9, 1, 5])
    silence(wide, [5], [0, 1, 2])
    silence(wide, [7], [7, 8, 9])

    narrow(wide, small)

    for ours, theirs in zip(small(FACES), wide(FACES), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_network_as_wide_becomes_the_same() -> None:
    wide, same = network(*WIDE), network(*WIDE, seed=1)

    narrow(wide, same)

    for ours, theirs in zip(same.get_weights(), wide.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "other", [(8, (Stage(5, 1), Stage(7, 2))), (4, (Stage(5, 1), Stage(7, 1))), (4, (Stage(5, 1),))]
)
def test_a_network_that_is_wider_or_has_other_layers_is_an_error(other: Any) -> None:
    with pytest.raises(ModelError, match="not the recipe's network or a wider one"):
        narrow(network(*WIDE), network(*other))


def test_separable_networks_have_no_channels_to_take() -> None:
    with pytest.raises(ModelError, match="no dense convolutions"):
        narrow(network(4, (Stage(8, 1, separable=True),)), network(*NARROW))
