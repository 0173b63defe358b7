"""Our own detector, on the tiny release: white blocks are small faces, black ones large faces (see make.py there)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli import main
from edge.commands.check import check
from edge.config import CameraConfig, Config, DetectorConfig, InferenceConfig
from edge.errors import DelegateError, ModelError
from edge.model.golden import GoldenVector
from edge.model.manifest import TensorSpec, with_checksum
from edge.model.release import Release
from edge.parts import open_detector
from edge.records import Face, Pixels
from edge.vision.crop import CropRule
from edge.vision.detector.builtin import BuiltinDetector, load_detector
from edge.vision.detector.letterbox import MARGIN_GREY, letterbox
from edge.vision.detector.manifest import DetectorManifest, map_shapes
from tests.support.paths import TINY

NO_CAMERA = CameraConfig(kind="replay", path="absent")


def room(height: int = 96, width: int = 128) -> Pixels:
    return np.full((height, width), 128, np.uint8)


def with_block(pixels: Pixels, left: int, top: int, size: int, grey: int) -> Pixels:
    pixels[top : top + size, left : left + size] = grey
    return pixels


def boxes(faces: tuple[Face, ...]) -> list[tuple[int, int, int, int]]:
    return [(face.left_px, face.top_px, face.width_px, face.height_px) for face in faces]


def changed(**fields: object) -> Release[DetectorManifest]:
    release = load_detector(TINY / "face")
    return Release(replace(release.manifest, **fields), release.model)  # type: ignore[arg-type]


@pytest.fixture
def detector() -> BuiltinDetector:
    return BuiltinDetector(load_detector(TINY / "face"), min_face_px=10)


def test_a_small_face_lies_around_its_cell(detector: BuiltinDetector) -> None:
    (face,) = detector.detect(with_block(room(), 40, 32, 8, 255))

    assert boxes((face,)) == [(44 - 8, 36 - 8, 16, 20)]
    assert 0.99 < face.confidence < 1


def test_each_map_has_its_own_stride_and_the_surest_face_comes_first(detector: BuiltinDetector) -> None:
    frame = with_block(with_block(room(), 16, 64, 8, 230), 64, 32, 16, 0)

    faces = detector.detect(frame)

    assert boxes(faces) == [(72 - 32, 40 - 32, 64, 72), (20 - 8, 68 - 8, 16, 20)]
    assert faces[0].confidence > faces[1].confidence


def test_boxes_are_in_pixels_of_the_frame_whatever_its_size_and_shape(detector: BuiltinDetector) -> None:
    tall = with_block(room(384, 128), 32, 128, 32, 255)  # a quarter of its size fits

    assert boxes(detector.detect(tall)) == [(48 - 32, 144 - 32, 64, 80)]


def test_a_box_may_leave_the_frame(detector: BuiltinDetector) -> None:
    assert boxes(detector.detect(with_block(room(), 0, 0, 8, 255))) == [(4 - 8, 4 - 8, 16, 20)]


def test_how_far_two_faces_may_overlap_is_the_manifests() -> None:
    neighbours = with_block(with_block(room(), 40, 32, 8, 255), 48, 32, 8, 240)  # a third of both boxes is common

    two, one = (BuiltinDetector(changed(max_overlap=most), min_face_px=10).detect(neighbours) for most in (0.4, 0.3))

    assert [face.left_px for face in two] == [36, 44]
    assert [face.left_px for face in one] == [36]


def test_faces_smaller_than_asked_for_are_left_out() -> None:
    frame = with_block(with_block(room(), 16, 64, 8, 255), 64, 32, 16, 0)

    faces = BuiltinDetector(load_detector(TINY / "face"), min_face_px=40).detect(frame)

    assert [face.height_px for face in faces] == [72]


def test_the_threshold_is_the_manifests() -> None:
    dim = with_block(room(), 40, 32, 8, 200)  # scores 0.73

    assert len(BuiltinDetector(changed(threshold=0.7), min_face_px=10).detect(dim)) == 1
    assert BuiltinDetector(changed(threshold=0.8), min_face_px=10).detect(dim) == ()


@pytest.mark.parametrize(("keep_threshold", "unsure"), [(0.7, 1), (0.74, 0)])
def test_what_is_too_uncertain_for_a_face_but_enough_to_keep_a_track_is_unsure(
    keep_threshold: float, unsure: int
) -> None:
    frame = with_block(with_block(room(), 40, 32, 8, 200), 64, 32, 16, 0)  # scores 0.73 and more
    detector = BuiltinDetector(changed(threshold=0.8, keep_threshold=keep_threshold), min_face_px=10)

    faces = detector.detect(frame)

    assert [face.height_px for face in faces] == [72]
    assert [face.height_px for face in detector.unsure] == [20] * unsure


def test_what_is_unsure_is_as_high_as_faces_have_to_be_and_of_the_last_frame_only() -> None:
    dim = with_block(room(), 40, 32, 8, 200)
    small = BuiltinDetector(changed(threshold=0.8, keep_threshold=0.7), min_face_px=21)
    detector = BuiltinDetector(changed(threshold=0.8, keep_threshold=0.7), min_face_px=10)

    small.detect(dim)
    detector.detect(dim)
    detector.detect(room())

    assert small.unsure == small.too_small == detector.unsure == ()


def test_a_release_that_names_no_second_threshold_keeps_tracks_at_the_first(tmp_path: Path) -> None:
    document = json.loads((TINY / "face" / "model.json").read_bytes())
    del document["keep_threshold"], document["checksum"]

    manifest = DetectorManifest.from_json(with_checksum(document).encode(), tmp_path / "model.json")

    assert manifest.keep_threshold == manifest.threshold == 0.5


@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (1, 900), (900, 2), (96, 128), (480, 640)])
def test_an_empty_frame_of_any_shape_has_no_face(detector: BuiltinDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(room(*shape)) == ()


def test_a_detector_has_a_name_a_device_and_a_crop_rule(detector: BuiltinDetector) -> None:
    assert (detector.name, detector.device) == ("face", "cpu")
    assert detector.crop_rule == CropRule(side=1.0, offset_y=-0.1)


def test_a_frame_keeps_its_aspect_in_the_letterbox_and_the_rest_is_mid_grey() -> None:
    image, scale = letterbox(np.zeros((90, 160), np.uint8), 96, 128)

    assert (image.shape, scale) == ((96, 128), 0.8)
    assert not image[:72].any()
    assert (image[72:] == MARGIN_GREY).all()


def test_a_small_frame_is_enlarged_in_the_letterbox() -> None:
    image, scale = letterbox(np.zeros((32, 32), np.uint8), 96, 128)

    assert scale == 3
    assert not image[:, :96].any()
    assert (image[:, 96:] == MARGIN_GREY).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"input": TensorSpec((1, 96, 128, 1), 0.5, -128)},
            "input is (1, 96, 128, 1) in steps of 1 from -128, the manifest expects (1, 96, 128, 1) in steps of 0.5",
        ),
        ({"outputs": (TensorSpec((1, 12, 16, 1), 0.1, 62),) * 2}, "has 4 output tensors, expected 2"),
        (
            {"outputs": (TensorSpec((1, 12, 16, 1), 0.5, 0),) * 4},
            "the manifest expects (1, 12, 16, 1) in steps of ",
        ),
        ({"golden": (GoldenVector(0, (99,) * 64),)}, "steps off golden vector 0, expected at most"),
        ({"golden": (GoldenVector(0, (0, 0)),)}, "golden vector 0 holds 2 values, expected 64"),
    ],
)
def test_a_manifest_that_does_not_fit_its_model_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        BuiltinDetector(changed(**fields))


def test_a_missing_accelerator_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.model.interpreter.DELEGATES", {"edgetpu": "libabsent-edgetpu.so.1"})

    with pytest.raises(DelegateError):
        BuiltinDetector(load_detector(TINY / "face"), delegate="edgetpu")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("schema", "fer-edge/model/2", "schema is 'fer-edge/model/2', expected 'fer-edge/detector/1' or"),
        ("sha256", "ab", "sha256 has 2 characters, expected 64"),
        ("strides", [8, 12], "strides (8, 12) do not divide an input of 128x96"),
        ("strides", [], "strides () do not divide"),
        ("strides", [8, 32], "outputs have other shapes than"),
        ("threshold", 1.0, "threshold 1.0 is not between 0 and 1"),
        ("keep_threshold", 0.6, "keep_threshold 0.6 is not between 0 and the threshold 0.5"),
        ("keep_threshold", 0, "keep_threshold 0.0 is not between 0 and the threshold 0.5"),
        ("max_overlap", 0, "max_overlap 0.0 is not between 0 and 1"),
        ("crop", {"width": 1.0}, "unexpected keyword argument 'width'"),
        ("golden", [], "golden holds no vector"),
        ("golden", [{"seed": -1, "output": [0]}], "golden seed -1 is outside 0..4294967295"),
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused(tmp_path: Path, field: str, value: object, message: str) -> None:
    document = json.loads((TINY / "face" / "model.json").read_bytes()) | {field: value}
    content = json.dumps(document).encode()

    with pytest.raises(ModelError, match=re.escape(message)):
        DetectorManifest.from_json(content, tmp_path / "model.json")


def test_a_detector_that_takes_three_channels_is_refused(tmp_path: Path) -> None:
    document = json.loads((TINY / "face" / "model.json").read_bytes())
    document["input"]["shape"] = [1, 96, 128, 3]

    with pytest.raises(ModelError, match=r"input shape \(1, 96, 128, 3\) is no grey image"):
        DetectorManifest.from_json(json.dumps(document).encode(), tmp_path / "model.json")


def test_the_configuration_names_a_release() -> None:
    section = DetectorConfig(kind="builtin", model=str(TINY / "face"), min_face_px=10)

    detector, problems = open_detector(section, InferenceConfig())

    assert len(detector.detect(with_block(room(), 40, 32, 8, 255))) == 1
    assert problems == ()


def test_opencv_takes_as_many_threads_as_the_networks() -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)

        open_detector(DetectorConfig(kind="builtin", model=str(TINY / "face")), InferenceConfig(threads=1))

        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


def test_without_its_accelerator_the_detector_falls_back_to_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.model.interpreter.DELEGATES", {"edgetpu": "libabsent-edgetpu.so.1"})
    section = DetectorConfig(kind="builtin", model=str(TINY / "face"))

    _, (problem,) = open_detector(section, InferenceConfig(device="edgetpu", fallback="cpu"))

    assert problem.code == "accelerator_missing"
    assert problem.sentence.startswith("The detector runs on the CPU: edgetpu: library libabsent-edgetpu.so.1 cannot")
    with pytest.raises(DelegateError):
        open_detector(section, InferenceConfig(device="edgetpu"))


def test_a_key_holds_for_the_detector_too(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = tmp_path / "public.pem"
    public = Ed25519PrivateKey.generate().public_key()
    key.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    with pytest.raises(ModelError, match=r"model\.json\.sig: cannot be read"):
        open_detector(DetectorConfig(kind="builtin", model=str(TINY / "face")), InferenceConfig(public_key=str(key)))


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        (
            DetectorConfig(kind="builtin", model=str(TINY / "face")),
            "face on cpu, sha256 8c6c982d0401, golden vectors agree",
        ),
        (
            DetectorConfig(kind="builtin", model=str(TINY / "refined")),
            "refined with refiner refiner on cpu, sha256 ",
        ),
        (DetectorConfig(kind="builtin", model=str(TINY / "grey")), "schema is 'fer-edge/model/2', expected"),
        (DetectorConfig(kind="haar"), "haar-alt2"),
    ],
)
def test_check_says_which_detector_is_there(section: DetectorConfig, sentence: str) -> None:
    (finding,) = [each for each in check(Config(detector=section, camera=NO_CAMERA)) if each.part == "detector"]

    assert sentence in finding.sentence
    assert bool(finding.exit_code) is ("schema" in sentence)


def test_a_release_folder_can_be_checked_alone(capsys: pytest.CaptureFixture[str]) -> None:
    statuses = [main(["check", "--model", str(TINY / name)]) for name in ("face", "grey", "absent")]

    assert statuses == [0, 0, 78]
    shown = capsys.readouterr()
    face, grey = shown.out.splitlines()
    assert face.startswith("ok    detector   face, sha256 8c6c982d0401")
    assert grey.startswith("ok    classifier grey, sha256 ")
    assert "absent: cannot be read (No such file or directory)" in shown.err


def test_a_classifiers_release_is_no_detector() -> None:
    with pytest.raises(ModelError, match="schema is 'fer-edge/model/2', expected 'fer-edge/detector/1' or"):
        load_detector(TINY / "grey")


def test_maps_come_by_kind_and_then_by_stride() -> None:
    assert map_shapes((1, 96, 128, 1), (8, 16)) == ((1, 12, 16, 1), (1, 6, 8, 1), (1, 12, 16, 4), (1, 6, 8, 4))
