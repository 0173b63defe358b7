from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import ModelError
from quantize.tflite.edgetpu import compile_for_edgetpu, forecast
from train.tflite.graph import Graph, Operator, Tensor, read_graph

VALUES = Tensor("values", "INT8", (1, 6, 6, 8), False, (0.1,), (0,), None)
PER_CHANNEL = replace(VALUES, scales=(0.1,) * 8, zero_points=(0,) * 8)


def constant(values: object, dtype: str = "INT32") -> Tensor:
    import numpy as np

    array = np.array(values)
    return Tensor("constant", dtype, array.shape, False, (0.1,), (0,), array)


def graph(*operators: Operator, subgraphs: int = 1) -> Graph:
    return Graph(1000, subgraphs, (VALUES,), (VALUES,), (), operators)


def operator(name: str, *inputs: Tensor, output: Tensor = VALUES, **options: int) -> Operator:
    return Operator(0, name, 1, inputs or (VALUES,), (output,), options)


def test_a_network_of_fer_train_runs_on_the_edge_tpu_as_a_whole(int8_file: bytes) -> None:
    prediction = forecast(read_graph(int8_file))

    assert prediction.whole
    assert prediction.mapped == len(read_graph(int8_file).operators)


def test_everything_behind_the_first_unsupported_operator_stays_on_the_cpu() -> None:
    prediction = forecast(graph(operator("RELU"), operator("HARD_SWISH"), operator("RELU")))

    assert prediction.mapped == 1
    assert not prediction.whole
    assert [bool(placement.reasons) for placement in prediction.placements] == [False, True, False]


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (operator("HARD_SWISH"), "operation is not supported"),
        (operator("CUSTOM edgetpu-custom-op"), "operation is not supported"),
        (operator("ADD", replace(VALUES, dtype="FLOAT32")), "tensor 'values' is FLOAT32, not 8 bit"),
        (operator("ADD", replace(VALUES, open_shape=True)), "tensor 'values' has an open shape"),
        (operator("ADD", replace(VALUES, shape=(2, 6, 6, 8))), "larger than 1 outside its three innermost dimensions"),
        (operator("CONV_2D", VALUES, VALUES), "weights or bias are computed, not constant"),
        (
            operator("CONV_2D", VALUES, constant([1], "INT8"), dilationWFactor=2, dilationHFactor=1),
            "dilation differs between x and y",
        ),
        (operator("MAX_POOL_2D", fusedActivationFunction=1), "has a fused activation"),
        (operator("CONCATENATION", VALUES, constant([5], "INT8")), "joins a constant that is no padding with zeros"),
        (
            operator("FULLY_CONNECTED", VALUES, PER_CHANNEL, output=replace(VALUES, shape=(1, 7))),
            "weights are quantised per channel",
        ),
        (operator("FULLY_CONNECTED", VALUES, constant([1], "INT8")), "output is not one-dimensional"),
        (operator("MEAN", VALUES, constant([0, 1])), "reduces the batch dimension"),
        (
            operator("MEAN", replace(VALUES, shape=(1, 6, 6, 7)), constant([-1])),
            "averages over 7 channels, which is no multiple of 4",
        ),
        (operator("PAD", VALUES, constant([[1, 0], [0, 0]])), "pads the batch dimension"),
        (operator("PRELU", VALUES, replace(VALUES, shape=(6, 6, 8))), "alpha is not one-dimensional"),
        (operator("SOFTMAX"), "input is not one-dimensional with at most 16000 elements"),
        (
            operator("STRIDED_SLICE", VALUES, constant([0]), constant([1]), constant([2])),
            "a stride is not 1",
        ),
    ],
)
def test_an_operator_outside_the_documented_limits_is_refused_with_the_reason(refused: Operator, reason: str) -> None:
    (placement,) = forecast(graph(refused)).placements

    assert any(reason in each for each in placement.reasons)


@pytest.mark.parametrize(
    "accepted",
    [
        operator("CONV_2D", VALUES, constant([1], "INT8"), constant([1]), dilationWFactor=2, dilationHFactor=2),
        operator("MAX_POOL_2D", fusedActivationFunction=0),
        operator("CONCATENATION", VALUES, constant([0], "INT8")),
        operator("MEAN", VALUES, constant([1, 2])),
        operator("PAD", VALUES, constant([[0, 0], [1, 1]])),
        operator("SOFTMAX", replace(VALUES, shape=(1, 7))),
    ],
)
def test_an_operator_within_the_limits_maps(accepted: Operator) -> None:
    assert forecast(graph(accepted)).whole


def test_control_flow_keeps_everything_on_the_cpu() -> None:
    assert forecast(graph(operator("ADD"), subgraphs=2)).mapped == 0


def test_without_the_compiler_the_message_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ModelError, match=r"edgetpu_compiler: is not installed; see https://coral.ai"):
        compile_for_edgetpu(tmp_path / "model.tflite", tmp_path)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'Number of Edge TPU subgraphs: 1'", None),
        ("echo 'Number of operations that will run on CPU: 0'", None),
        ("echo 'Number of operations that will run on CPU: 3'", "leaves operators of .* on the CPU: 3, expected none"),
        ("echo 'Invalid model: m.tflite' >&2; exit 1", "refuses .*: Invalid model: m.tflite"),
    ],
)
def test_the_compilers_verdict_is_passed_on(
    script: str, message: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "edgetpu_compiler"
    compiler.write_text(f"#!/bin/sh\n{script}\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    if message is None:
        assert compile_for_edgetpu(Path("m.tflite"), tmp_path) == tmp_path / "m_edgetpu.tflite"
    else:
        with pytest.raises(ModelError, match=message):
            compile_for_edgetpu(Path("m.tflite"), tmp_path)
