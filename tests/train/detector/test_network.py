"""The detector's network: its contract and what it is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.vision.detector.decode import decode  # noqa: E402
from train.detector.network import RARE, build  # noqa: E402
from train.detector.recipe import INPUT_SIZE_PX, STRIDES  # noqa: E402
from train.run.layers import multiply_adds  # noqa: E402


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(0)
    return build()


def test_it_gives_a_map_of_logits_and_one_of_boxes_per_stride(model: Any) -> None:
    rows, columns = INPUT_SIZE_PX
    shapes = [(None, rows // stride, columns // stride, depth) for depth in (1, 4) for stride in STRIDES]

    assert model.input_shape == (None, rows, columns, 1)
    assert model.output_shape == shapes
    assert 200_000 < model.count_params() < 300_000
    assert 43e6 < multiply_adds(model) < 45e6


def test_it_holds_only_what_an_edge_tpu_maps(model: Any) -> None:
    kinds = {type(layer).__name__ for layer in model.layers}

    assert kinds == {"InputLayer", "Rescaling", "Conv2D", "BatchNormalization", "ReLU", "Add", "UpSampling2D"}
    assert {layer.interpolation for layer in model.layers if type(layer).__name__ == "UpSampling2D"} == {"nearest"}


def test_untrained_it_sees_no_face(model: Any) -> None:
    answers = [np.asarray(answer)[0] for answer in model.predict_on_batch(np.full((1, *INPUT_SIZE_PX, 1), 128))]

    assert len(decode(answers[:4], answers[4:], STRIDES, 20 * RARE)) == 0
    assert len(decode(answers[:4], answers[4:], STRIDES, RARE / 20)) > 0


def test_its_weights_fit_any_size(model: Any) -> None:
    small = build((64, 128))

    small.set_weights(model.get_weights())

    assert small.output_shape[0] == (None, 8, 16, 1)
