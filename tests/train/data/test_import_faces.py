"""What people bring as photographs becomes a data set, and what cannot is reported."""

from __future__ import annotations

import csv
import zipfile
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.vision.crop import crop_face
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from tests.train.portraits import CLIP, frames, photograph, wall
from train import cli
from train.data.fer2013 import load
from train.run.progress import silent


def run(*arguments: object) -> int:
    return cli.main(["import", *map(str, arguments)])


def report(out: Path) -> dict[str, dict[str, str]]:
    with (out / "import.csv").open(newline="", encoding="utf-8") as file:
        return {row["picture"]: row for row in csv.DictReader(file)}


def two_labels(folder: Path) -> Path:
    """Ten photographs of two labels."""
    for number in range(10):
        photograph(folder / ("bored", "confused")[number % 2] / f"IMG_{number}.jpg", number)
    return folder


def test_class_folders_become_a_data_set_that_every_command_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_labels(tmp_path / "photographs")

    status = run(tmp_path / "photographs", "--out", tmp_path / "mine")

    faces = load(tmp_path / "mine", None, tmp_path / "cache", silent)
    assert status == 0
    assert {split: len(each) for split, each in faces.items()} == {"Training": 8, "PublicTest": 2}
    assert faces["Training"].classes == ("bored", "confused")
    assert faces["Training"].distinct
    out = capsys.readouterr().out
    assert "bored     " in out
    assert "few faces; 40 to train on and 20 to measure with" in out
    assert "the same people may be in both parts" in out
    sheet = (tmp_path / "mine" / "contact-sheet.html").read_text("utf-8")
    assert sheet.count("<img") == 10
    assert 'src="Training/bored/IMG_0.png"' in sheet
    assert 'title="bored/IMG_0.jpg"' in sheet
    assert "<figcaption>IMG_0.png</figcaption>" in sheet


def test_faces_are_cut_exactly_as_the_daemon_cuts_them(tmp_path: Path) -> None:
    photograph(tmp_path / "in" / "bored" / "a.png", 0)
    photograph(tmp_path / "in" / "confused" / "b.png", 3)
    detector = BuiltinDetector(load_detector(PACKAGED_DETECTOR))
    pixels = np.asarray(cv2.imread(str(tmp_path / "in" / "bored" / "a.png"), cv2.IMREAD_GRAYSCALE), np.uint8)

    run(tmp_path / "in", "--out", tmp_path / "out")

    (face,) = detector.detect(pixels)
    cut = cv2.imread(str(next((tmp_path / "out").glob("*/bored/a.png"))), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(cut, crop_face(pixels, face, detector.crop_rule, 48))


def save_as(path: Path, number: int, kind: str) -> Path:
    """A photograph in one of the forms that phones, scanners and editors write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.ascontiguousarray(frames()[number][..., ::-1])
    image = Image.fromarray(rgb)
    if kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        image.transpose(Image.Transpose.ROTATE_90).save(path.with_suffix(".jpg"), exif=exif, quality=95)
    elif kind == "cmyk":
        image.convert("CMYK").save(path.with_suffix(".jpg"))
    elif kind == "16 bit":
        cv2.imwrite(str(path.with_suffix(".png")), frames()[number].astype(np.uint16) * 257)
    elif kind == "alpha":
        image.convert("RGBA").save(path.with_suffix(".png"))
    elif kind == "huge":
        image.resize((4000, 3000)).save(path.with_suffix(".jpeg"))
    else:
        image.save(path.with_suffix(f".{kind}"))
    return path


@pytest.mark.parametrize("kind", ["turned", "cmyk", "16 bit", "alpha", "huge", "gif", "webp", "tiff", "bmp", "JPG"])
def test_pictures_of_every_kind_give_the_same_face(kind: str, tmp_path: Path) -> None:
    save_as(tmp_path / "in" / "bored" / "a", 0, kind)
    photograph(tmp_path / "in" / "confused" / "b.png", 3)
    photograph(tmp_path / "plain" / "bored" / "a.png", 0)
    photograph(tmp_path / "plain" / "confused" / "b.png", 3)

    assert run(tmp_path / "in", "--out", tmp_path / "out") == 0
    run(tmp_path / "plain", "--out", tmp_path / "expected")

    cuts: list[Any] = [
        cv2.imread(str(next((tmp_path / name).glob("*/bored/a.png"))), cv2.IMREAD_GRAYSCALE)
        for name in ("out", "expected")
    ]
    # The box may move by a step of int8, a twenty-fifth of its size. A picture on its side or inverted is far below.
    assert np.corrcoef(*(cut.ravel() for cut in cuts))[0, 1] > 0.8


def test_what_cannot_be_used_is_listed_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = two_labels(tmp_path / "in")
    wall(data / "bored" / "wall.jpg")
    photograph(data / "bored" / "again.jpg", 4, cv2.IMWRITE_JPEG_QUALITY, 70)
    photograph(data / "confused" / "other.jpg", 2)
    (data / "bored" / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (data / "bored" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (data / "bored" / "none.png").write_bytes(b"")
    header = b"IHDR" + (70_000).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + zlib.crc32(header).to_bytes(4, "big")
    (data / "bored" / "bomb.png").write_bytes(bomb + b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82")
    (data / "loose.jpg").write_bytes((data / "bored" / "IMG_0.jpg").read_bytes())
    (data / "empty").mkdir()

    assert run(data, "--out", tmp_path / "out") == 0

    rows = {name: row["left_out"] for name, row in report(tmp_path / "out").items()}
    assert rows["bored/wall.jpg"] == "no face found"
    assert "bored/again.jpg" in {rows["bored/IMG_4.jpg"].removeprefix("the same picture as "), *rows}
    assert {rows["bored/again.jpg"], rows["bored/IMG_4.jpg"]} == {"", "the same picture as bored/IMG_4.jpg"} or {
        rows["bored/again.jpg"],
        rows["bored/IMG_4.jpg"],
    } == {"", "the same picture as bored/again.jpg"}
    assert rows["confused/other.jpg"] == "the same picture as bored/IMG_2.jpg, which is called bored"
    assert rows["bored/IMG_2.jpg"] == "the same picture as confused/other.jpg, which is called confused"
    assert rows["bored/phone.HEIC"] == "is in HEIC, which is not read; save it as JPEG"
    assert rows["bored/broken.jpg"] == rows["bored/none.png"] == "is no picture that can be decoded"
    assert rows["bored/bomb.png"] == (
        "is too large (70000x70000 pixels); make it smaller, at most 50 megapixels are read"
    )
    assert rows["loose.jpg"] == "has no label"
    assert rows["empty/"] == "is an empty folder"
    out = capsys.readouterr().out
    assert "left out: 1 (no face found)" in out
    assert "left out: 1 (the same picture as another)" in out
    assert "left out: 2 (the same picture as another with another label)" in out
    assert "left out: 1 (is in HEIC, which is not read; save it as JPEG)" in out
    assert "phone.HEIC" in (tmp_path / "out" / "contact-sheet.html").read_text("utf-8")


def test_nobody_is_in_both_parts_where_file_names_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(10):
        person = ("anna", "ben", "carla", "dora", "emil")[number // 2]
        photograph(tmp_path / "in" / ("bored", "confused")[number % 2] / f"{person}_{number}.jpg", number)

    run(tmp_path / "in", "--out", tmp_path / "out")

    rows = report(tmp_path / "out").values()
    parts = {(row["person"], row["split"]) for row in rows}
    assert len(parts) == len({person for person, _ in parts}) == 5
    assert {row["label"] for row in rows if row["split"] == "PublicTest"} == {"bored", "confused"}
    assert "5 people by folders, csv or file names: anna, ben," in capsys.readouterr().out


def test_an_expression_names_the_person_and_one_that_does_not_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(10):
        photograph(tmp_path / "in" / ("bored", "confused")[number % 2] / f"x-{number // 2}-y.jpg", number)

    assert run(tmp_path / "in", "--out", tmp_path / "out", "--person", r"^x-(\d+)-") == 0

    assert {row["person"] for row in report(tmp_path / "out").values()} == set("01234")
    for wrong, message in (("x-.*", "has no group"), ("(", "is no regular expression")):
        with pytest.raises(SystemExit):
            run(tmp_path / "in", "--out", tmp_path / "other", "--person", wrong)
        assert message in capsys.readouterr().err


def test_a_video_with_labels_becomes_frames(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("start;end;label\n0:00;2,4;Bored\n2.6;;Confused\n", "utf-8")
    height, width = frames()[0].shape[:2]
    writer = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (width, height))
    for number in range(50):
        writer.write(frames()[number // 5])
    writer.release()

    assert run(tmp_path / "film.avi", "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out") == 0

    with (tmp_path / "out" / "import.csv").open(encoding="utf-8") as file:
        frames_seen = [(float(row["at_s"]), row["label"], row["file"]) for row in csv.DictReader(file)]
    assert [at_s for at_s, label, _ in frames_seen if label == "bored"] == [0, 0.5, 1, 1.5, 2]
    assert [at_s for at_s, label, _ in frames_seen if label == "confused"] == [2.6, 3.1, 3.6, 4.1, 4.6]
    for at_s, label, name in frames_seen:
        assert name.split("/")[1:] == [label, f"film-{at_s:07.1f}s.png"]


def test_a_video_in_a_class_folder_is_taken_like_photographs(tmp_path: Path) -> None:
    two_labels(tmp_path / "in")
    (tmp_path / "in" / "attentive").mkdir()
    (tmp_path / "in" / "attentive" / "clip.mp4").write_bytes(CLIP.read_bytes())
    (tmp_path / "in" / "attentive" / "broken.mp4").write_bytes(b"no video")

    run(tmp_path / "in", "--out", tmp_path / "out")

    rows = report(tmp_path / "out")
    assert rows["attentive/broken.mp4"]["left_out"].startswith("no frame can be read")
    assert rows["attentive/clip.mp4"]["label"] == "attentive"


def test_cut_faces_are_taken_whole_and_a_hint_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    for number in range(10):
        path = tmp_path / "in" / ("bored", "confused")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), random.integers(0, 255, (96, 96, 3), np.uint8))

    assert run(tmp_path / "in", "--out", tmp_path / "out") == 78
    assert "10 times: no face found); for pictures that are cut faces already, add --cropped" in capsys.readouterr().err
    assert run(tmp_path / "in", "--out", tmp_path / "out", "--cropped") == 0

    assert len(list((tmp_path / "out").rglob("*.png"))) == 10


def test_folder_names_of_any_script_and_a_hostile_csv_stay_inside(tmp_path: Path) -> None:
    data = two_labels(tmp_path / "in")
    (data / "bored").rename(data / "退屈")
    (data / "confused").rename(data / "mu\u0308de")
    with (data / "labels.csv").open("w", encoding="utf-8") as file:
        file.write("path,label\n" + "".join(f"{p.relative_to(data)},{p.parent.name}\n" for p in data.rglob("*.jpg")))
        file.write("../../../../etc/passwd,müde\n/dev/zero,müde\nabsent.jpg,müde\n退屈/IMG_0.jpg,../../escaped\n")

    assert run(data / "labels.csv", "--out", tmp_path / "out") == 0

    assert {path.name for path in (tmp_path / "out").glob("*/*") if path.is_dir()} >= {"退屈", "müde"}
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
    rows = report(tmp_path / "out")
    assert rows["/dev/zero"]["left_out"]
    assert rows["absent.jpg"]["left_out"]


def test_an_archive_is_imported_without_writing_outside(tmp_path: Path) -> None:
    data = two_labels(tmp_path / "in")
    with zipfile.ZipFile(tmp_path / "photographs.zip", "w") as archive:
        for path in data.rglob("*.jpg"):
            archive.write(path, path.relative_to(data))
            archive.writestr(f"__MACOSX/{path.parent.name}/._{path.name}", b"litter")
        archive.writestr("../../escaped.jpg", b"x")

    assert run(tmp_path / "photographs.zip", "--out", tmp_path / "out") == 0

    assert len(list((tmp_path / "out").rglob("*.png"))) == 10
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out", "photographs.zip"}


@pytest.mark.parametrize(
    ("lay", "message"),
    [
        (lambda data: photograph(data / "bored" / "a.jpg"), r"there is 1 label (bored); a classifier needs 2 to 20"),
        (lambda data: wall(data / "bored" / "a.jpg"), "no face found"),
        (lambda data: data.mkdir(), "holds no picture and no video"),
        (lambda data: None, "cannot be read (No such file or directory)"),
    ],
)
def test_too_little_is_refused_in_a_sentence_and_leaves_nothing(
    lay: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path / "in")

    status = run(tmp_path / "in", "--out", tmp_path / "out")

    assert status == 78
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two_labels(tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()

    status = run(tmp_path / "in", "--out", tmp_path / "out")

    assert status == 78
    assert "exists already; name another folder with --out" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_a_class_with_one_picture_is_kept_to_train_on(tmp_path: Path) -> None:
    two_labels(tmp_path / "in")
    (tmp_path / "in" / "confused" / "IMG_9.jpg").rename(tmp_path / "in" / "bored" / "IMG_9.jpg")
    (tmp_path / "in" / "attentive").mkdir()
    (tmp_path / "in" / "confused" / "IMG_7.jpg").rename(tmp_path / "in" / "attentive" / "IMG_7.jpg")

    run(tmp_path / "in", "--out", tmp_path / "out")

    assert report(tmp_path / "out")["attentive/IMG_7.jpg"]["split"] == "Training"


def test_an_import_says_nothing_but_what_it_made(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    two_labels(tmp_path / "in")

    run(tmp_path / "in", "--out", tmp_path / "out")

    assert "XNNPACK" not in capfd.readouterr().err
