from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import ModelError
from edge.model import int8
from edge.model.golden import golden_input
from edge.model.release import Network
from edge.vision.classifier import PACKAGED_LIGHT_MODEL, PACKAGED_MODEL, load_release
from edge.vision.detector.builtin import PACKAGED_DETECTOR, load_detector
from quantize.browser import make_browser_release
from quantize.cli import main
from quantize.tflite.float_edges import with_float_edges
from tests.support.paths import TINY
from train.tflite.graph import read_graph
from train.tflite.run import open_in_tensorflow


@pytest.mark.parametrize(
    "folder", [PACKAGED_MODEL, PACKAGED_LIGHT_MODEL, PACKAGED_DETECTOR, TINY / "heads", TINY / "face"], ids=str
)
def test_with_float_edges_a_release_outputs_the_same_numbers_in_the_order_of_its_manifest(
    folder: Path, tmp_path: Path
) -> None:
    network: Network[Any] = Network(load_detector(folder) if folder.name == "face" else load_release(folder))

    make_browser_release(folder, tmp_path)

    check_same(network, tmp_path / "model.tflite")


def test_the_second_stage_of_a_detector_comes_along(tmp_path: Path) -> None:
    release = load_detector(TINY / "refined")
    assert release.refiner is not None

    make_browser_release(TINY / "refined", tmp_path)

    check_same(Network(release), tmp_path / "model.tflite")
    check_same(Network(release.refiner), tmp_path / "refiner" / "model.tflite")
    for manifest in ("model.json", "refiner/model.json"):
        assert (tmp_path / manifest).read_bytes() == (TINY / "refined" / manifest).read_bytes()


def check_same(network: Network[Any], variant_file: Path) -> None:
    manifest = network.manifest
    variant = open_in_tensorflow(variant_file.read_bytes(), "AUTO")
    for seed in range(4):
        image = golden_input(seed, manifest.input.shape)
        variant.set_tensor(variant.get_input_details()[0]["index"], image.astype(np.float32))
        variant.invoke()
        for steps, output, spec in zip(network.run(image), variant.get_output_details(), manifest.outputs, strict=True):
            values = variant.get_tensor(output["index"])
            off = np.abs(int8.quantize(values, spec.scale, spec.zero_point).astype(int) - steps.astype(int))
            assert off.max() <= manifest.golden_tolerance


def test_the_network_inside_stays_int8() -> None:
    model = (PACKAGED_MODEL / "model.tflite").read_bytes()

    before, after = read_graph(model), read_graph(with_float_edges(model))

    names = [operator.name for operator in after.operators]
    assert names == ["QUANTIZE", *(operator.name for operator in before.operators), "DEQUANTIZE", "DEQUANTIZE"]
    assert {tensor.dtype for tensor in (*after.inputs, *after.outputs)} == {"FLOAT32"}
    weights = [tensor.data.tobytes() for tensor in before.tensors if tensor.data is not None]
    assert [tensor.data.tobytes() for tensor in after.tensors if tensor.data is not None] == weights


def test_a_file_without_int8_edges_is_refused() -> None:
    once = with_float_edges((PACKAGED_MODEL / "model.tflite").read_bytes())

    with pytest.raises(ModelError, match="is not int8; expected an int8 release"):
        with_float_edges(once)


def test_the_command_fills_a_folder_and_refuses_what_is_no_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["browser", str(PACKAGED_LIGHT_MODEL), "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model.json", "model.tflite"]

    assert main(["browser", str(tmp_path / "absent"), "--out", str(tmp_path / "other")]) == 78
    assert "absent" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
