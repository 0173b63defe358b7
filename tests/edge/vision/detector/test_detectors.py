import csv
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.luma import read_image
from edge.errors import ModelError
from edge.records import Face, Pixels
from edge.vision.detector import FaceDetector
from edge.vision.detector.box import clip_box, from_opencv
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.detector.haar import HaarDetector
from edge.vision.detector.yunet import YuNetDetector

YUNET = "face_detection_yunet_2023mar.onnx"


@pytest.fixture(params=["fer", "haar", "yunet"])
def make_detector(request: pytest.FixtureRequest, shared: Path) -> Callable[[int], FaceDetector]:
    """Makes the detector under test for a smallest face."""
    if request.param == "haar":
        return HaarDetector
    if request.param == "fer":
        if not PACKAGED_DETECTOR.is_dir():
            pytest.skip("needs a release of our own detector in the package")
        return lambda min_face_px: BuiltinDetector(load_detector(PACKAGED_DETECTOR), min_face_px=min_face_px)
    return lambda min_face_px: YuNetDetector(shared / "models" / YUNET, min_face_px=min_face_px)


def portraits(shared: Path, count: int) -> list[tuple[Pixels, Face]]:
    """The first ``count`` portraits whose face is 50 px high or more, with its box."""
    found: list[tuple[Pixels, Face]] = []
    folder = shared / "data" / "faces"
    with (folder / "portraits.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            box = [float(row[side]) for side in ("left_px", "top_px", "width_px", "height_px")]
            if box[3] >= 50 and len(found) < count:
                image = read_image(folder / "portraits" / row["image"])
                face = clip_box(image, from_opencv(box)[0], 1.0)
                assert face is not None
                found.append((image, face))
    return found


def holds_centre(face: Face, of: Face) -> bool:
    x, y = of.centre_px
    return face.left_px < x < face.right_px and face.top_px < y < face.bottom_px


def test_most_portraits_have_their_face_found_and_little_else(
    shared: Path, make_detector: Callable[[int], FaceDetector]
) -> None:
    detector = make_detector(40)
    images = portraits(shared, 40)

    found = [(face, detector.detect(image)) for image, face in images]

    right = sum(any(holds_centre(guess, of=face) for guess in guesses) for face, guesses in found)
    false = sum(not holds_centre(guess, of=face) for face, guesses in found for guess in guesses)
    assert right >= 32
    assert false <= 2


def test_faces_come_best_first_and_lie_inside_the_frame(
    shared: Path, make_detector: Callable[[int], FaceDetector]
) -> None:
    detector = make_detector(40)
    small = [cv2.resize(image, (256, 256)) for image, _ in portraits(shared, 6)]
    group = np.hstack([image[:, 30:] for image in small]).astype(np.uint8)

    faces = detector.detect(group)

    assert len(faces) >= 4
    assert [face.confidence for face in faces] == sorted((face.confidence for face in faces), reverse=True)
    assert all(0 < face.confidence <= 1 for face in faces)
    assert all(face.right_px <= group.shape[1] for face in faces)
    assert all(face.top_px + face.height_px <= group.shape[0] for face in faces)


def test_boxes_are_in_pixels_of_the_frame_whatever_its_size(
    shared: Path, make_detector: Callable[[int], FaceDetector]
) -> None:
    image, face = portraits(shared, 1)[0]
    large = cv2.resize(image, None, fx=4, fy=4)

    (found, *_) = make_detector(160).detect(large.astype(np.uint8))

    assert found.height_px == pytest.approx(4 * face.height_px, rel=0.35)


def test_faces_much_smaller_than_asked_for_are_left_out(
    shared: Path, make_detector: Callable[[int], FaceDetector]
) -> None:
    image, face = portraits(shared, 1)[0]

    assert make_detector(2 * face.height_px).detect(image) == ()


@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (1, 900), (900, 2), (480, 640)])
def test_an_empty_frame_of_any_shape_has_no_face(
    make_detector: Callable[[int], FaceDetector], shape: tuple[int, int]
) -> None:
    assert make_detector(40).detect(np.zeros(shape, np.uint8)) == ()


def test_frames_may_change_their_shape(shared: Path, make_detector: Callable[[int], FaceDetector]) -> None:
    detector = make_detector(40)
    image, _ = portraits(shared, 1)[0]
    before = detector.detect(image)

    detector.detect(np.zeros((480, 640), np.uint8))

    assert before
    assert detector.detect(image) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            None,
            r"yunet .*yunet\.onnx: cannot be read \(No such file or directory\); expected face_detection_yunet_2023",
        ),
        (b"", r"yunet .*yunet\.onnx: OpenCV [\d.]+ cannot run it; expected face_detection_yunet_2023"),
        (b"no network at all" * 100, r"yunet .*yunet\.onnx: OpenCV [\d.]+ cannot run it"),
    ],
    ids=["missing", "empty", "garbage"],
)
def test_a_file_that_is_not_yunet_is_a_model_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "yunet.onnx"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ModelError, match=message):
        YuNetDetector(path)


def test_a_truncated_yunet_is_a_model_error(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / YUNET
    path.write_bytes((shared / "models" / YUNET).read_bytes()[:100_000])

    with pytest.raises(ModelError, match="cannot run it"):
        YuNetDetector(path)


def test_an_opencv_without_cascades_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("edge.vision.detector.haar.haarcascades", str(tmp_path))

    with pytest.raises(ModelError, match=r"haar: OpenCV [\d.]+ has no cascade .*; install OpenCV 4, or use yunet"):
        HaarDetector()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((2.4, 3.6, 12.4, 23.6), (2, 4, 12, 24)),
        ((-5.0, -8.0, 5.0, 12.0), (-5, -8, 5, 12)),
        ((60.0, 40.0, 70.0, 60.0), (60, 40, 70, 60)),
        ((-40.0, -10.0, 190.0, 190.0), (-32, -10, 96, 72)),
        ((30.0, 20.0, math.inf, 30.0), (30, 20, 96, 30)),
    ],
    ids=["inside", "over the top left", "over the bottom right", "larger than the frame", "endless"],
)
def test_a_box_may_leave_the_frame_by_half_of_its_size(
    box: tuple[float, ...], expected: tuple[int, int, int, int]
) -> None:
    face = clip_box(np.zeros((48, 64), np.uint8), box, 0.9)

    assert face == Face(*expected, confidence=0.9)


@pytest.mark.parametrize("box", [(64, 0, 74, 10), (0, 48, 10, 58), (-20, 0, 0, 10), (5, 5, 5, 15), (5, 5, 5.4, 5.4)])
def test_a_box_with_nothing_inside_the_frame_is_no_face(box: tuple[float, ...]) -> None:
    assert clip_box(np.zeros((48, 64), np.uint8), box, 0.9) is None


def test_opencvs_sizes_become_right_and_bottom() -> None:
    assert from_opencv(np.array([[2, 3, 10, 20], [0, 0, 1.5, 1]])) == [[2, 3, 12, 23], [0, 0, 1.5, 1]]
    assert from_opencv(np.empty((0, 4))) == []
