"""A detector's way from Keras file to release, with a network that needs no training: dark blocks are faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edge.errors import ConfigError, ModelError
from edge.vision.detector.builtin import BuiltinDetector, load_detector
from quantize.cli import main
from quantize.detector.calibration import SCENES, draw_scenes
from quantize.detector.release import Outcome, open_detector, release
from quantize.release import check_release
from quantize.tflite.convert import convert_float, convert_int8
from quantize.tflite.verify import detector_requirements, verify
from tests.quantize.detector.conftest import HEIGHT, STRIDES, WIDTH, frame
from train.detector.development import Frame
from train.detector.network import build
from train.detector.recipe import Shape
from train.detector.synthesis.sprites import Collection
from train.tflite.graph import read_graph
from train.tflite.run import run_float


@pytest.fixture(scope="module")
def released(
    run: Path,
    collection: Collection,
    development: dict[str, list[Frame]],
    faces: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("releases") / "spots"
    return folder, release(run, collection, development, faces, folder)


def test_the_daemon_finds_with_the_release_what_the_network_was_made_for(released: tuple[Path, Outcome]) -> None:
    detector = BuiltinDetector(load_detector(released[0]), min_face_px=20)

    (face,) = detector.detect(frame((2, 3)).pixels)

    assert (face.left_px, face.top_px, face.width_px, face.height_px) == (24, 8, 64, 64)
    assert detector.detect(frame().pixels) == ()


def test_the_manifest_holds_what_was_measured(released: tuple[Path, Outcome]) -> None:
    manifest = load_detector(released[0]).manifest

    assert manifest.id.startswith("spots-0-")
    assert manifest.strides == STRIDES
    assert 0.05 <= manifest.threshold < 0.999
    assert manifest.metrics["development"]["int8"]["recall_40"] == 1
    assert manifest.training["recipe"] == {"name": "spots"}
    assert manifest.training["calibration"]["scenes"] == SCENES
    assert len(manifest.golden) == 8
    assert len(manifest.golden[0].output) == 63  # every 20th of 1260 numbers


def test_the_crop_rule_is_where_the_image_lies_around_the_box(released: tuple[Path, Outcome]) -> None:
    rule = load_detector(released[0]).manifest.crop

    # In the letterbox the image of 48 pixels lies from 24 to 72, the box of 64 around 40.
    assert (rule.side, rule.offset_x, rule.offset_y) == pytest.approx((48 / 64, 8 / 64, 8 / 64), abs=0.001)


def test_a_release_folder_documents_itself(released: tuple[Path, Outcome]) -> None:
    folder, outcome = released

    card, page = ((folder / name).read_text() for name in ("MODEL_CARD.md", "comparison.md"))
    assert outcome.manifest.id in card
    assert "|  | int8 | float |" in card
    assert "| recall, faces of 40 px and more | 100.0% | 100.0% |" in card
    assert "nan" not in card + page
    assert "| RESIZE_NEAREST_NEIGHBOR |" in page
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_a_whole_release_passes_the_check_and_a_changed_one_does_not(released: tuple[Path, Outcome]) -> None:
    folder = released[0]

    assert check_release(folder).manifest.id == released[1].manifest.id
    assert main(["verify", str(folder)]) == 0
    whole = (folder / "model.tflite").read_bytes()
    try:
        (folder / "model.tflite").write_bytes(whole[:-1])
        assert main(["verify", str(folder)]) == 78
    finally:
        (folder / "model.tflite").write_bytes(whole)


def test_the_same_run_gives_the_same_release(
    released: tuple[Path, Outcome],
    run: Path,
    collection: Collection,
    development: dict[str, list[Frame]],
    faces: Any,
    tmp_path: Path,
) -> None:
    release(run, collection, development, faces, tmp_path)

    for name in ("model.tflite", "model.json", "MODEL_CARD.md"):
        assert (tmp_path / name).read_bytes() == (released[0] / name).read_bytes(), name


def test_upsampling_becomes_one_operator_that_an_edge_tpu_takes_and_changes_no_number(
    spots: Any, collection: Collection
) -> None:
    sample = draw_scenes(collection, (HEIGHT, WIDTH), 20)

    names = [
        operator.name
        for operator in verify(
            convert_int8(spots, sample), detector_requirements((1, HEIGHT, WIDTH, 1), STRIDES)
        ).operators
    ]
    in_float = convert_float(spots)

    assert names.count("RESIZE_NEAREST_NEIGHBOR") == 1
    assert "TILE" not in names
    expected = {output.shape[1:]: output for output in spots.predict(sample[:3, ..., np.newaxis], verbose=0)}
    ordered = [expected[output.shape[1:]].reshape(3, -1) for output in read_graph(in_float).outputs]
    np.testing.assert_allclose(run_float(in_float, sample[:3]), np.concatenate(ordered, axis=1), atol=1e-4)


def test_normalisation_vanishes_into_the_first_convolution() -> None:
    network = build((64, 128), Shape(8, (8,) * 4, (1,) * 4, 8))
    pixels = np.random.RandomState(0).randint(0, 256, (4, 64, 128)).astype(np.uint8)

    first, *_, last = read_graph(convert_int8(network, pixels)).operators

    assert (first.name, last.name) == ("CONV_2D", "CONV_2D")


def test_calibration_scenes_are_the_same_every_time(collection: Collection) -> None:
    assert np.array_equal(draw_scenes(collection, (HEIGHT, WIDTH), 3), draw_scenes(collection, (HEIGHT, WIDTH), 5)[:3])


def test_a_detector_that_finds_nothing_is_not_released(
    spots: Any, collection: Collection, development: dict[str, list[Frame]], faces: Any, tmp_path: Path
) -> None:
    blind = keras.models.clone_model(spots)
    blind.set_weights(spots.get_weights())
    blind.get_layer("logit16").set_weights([np.full((1, 1, 1, 1), -0.01), np.array([-5])])
    blind.save(tmp_path / "model.keras")
    (tmp_path / "run.json").write_text("{}")

    with pytest.raises(ModelError, match=r"detector finds no face with a score of .*; train it for longer"):
        release(tmp_path, collection, development, faces, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_classifier_is_no_detector(quarters: Any, tmp_path: Path) -> None:
    quarters.save(tmp_path / "model.keras")

    with pytest.raises(ModelError, match=r"takes \(None, 48, 48, 1\) and gives \(None, 7\); expected maps of logits"):
        open_detector(tmp_path / "model.keras")


def test_maps_that_do_not_fit_the_strides_are_refused(spots: Any, tmp_path: Path) -> None:
    keras.Model(spots.inputs, spots.outputs[::-1]).save(tmp_path / "model.keras")

    with pytest.raises(ModelError, match=r"gives \[.*\], expected \[.*\]; expected maps of logits"):
        open_detector(tmp_path / "model.keras")


def test_a_file_with_other_maps_than_required_is_refused(spots: Any, collection: Collection) -> None:
    model = convert_int8(spots, draw_scenes(collection, (HEIGHT, WIDTH), 20))

    with pytest.raises(ModelError, match=r"has 1 inputs and 6 outputs, expected 1 and 4"):
        verify(model, detector_requirements((1, HEIGHT, WIDTH, 1), (8, 16)))
    with pytest.raises(
        ModelError, match=r"has the shape .*, expected .*maps of logits and boxes at the strides 4, 8, 16"
    ):
        verify(model, detector_requirements((1, HEIGHT, WIDTH, 1), (4, 8, 16)))


def test_a_folder_that_is_no_run_is_refused(
    collection: Collection, development: dict[str, list[Frame]], faces: Any, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"run\.json cannot be read"):
        release(tmp_path, collection, development, faces, tmp_path / "out")


def test_the_command_shows_what_was_measured(
    run: Path, data_options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    status = main(["detector", str(run), *data_options, "--out", str(out)])

    assert status == 0
    shown = capsys.readouterr().out
    assert "recall of faces of 40 px and more" in shown
    assert "Edge TPU, predicted:" in shown
    assert f"{out}: released spots-0-" in shown
    assert "crop 0.75 x box height" in shown
    assert check_release(out).manifest.id.startswith("spots-0-")


def test_photographs_that_are_missing_are_named(
    run: Path, faces: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("train.data.fer2013.load", lambda *_: {})

    status = main(["detector", str(run), "--faces", str(tmp_path), "--data", "x.csv", "--out", str(tmp_path / "out")])

    assert status == 78
    assert capsys.readouterr().err.startswith(f"fer-quantize: folder {tmp_path}/portraits: ")


def test_a_manifest_of_neither_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps([]))

    with pytest.raises(ModelError, match="model manifest"):
        check_release(tmp_path)
