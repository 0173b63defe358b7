from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from train.data.kaggle import Row, read_csv, read_pictures
from train.data.source import Source
from train.run.progress import silent

BLACK = " ".join(["0"] * 2304)
RAMP = " ".join(str(value % 256) for value in range(2304))


def rows_of(path: Path) -> list[Row]:
    if path.is_dir():
        return list(read_pictures(Source.open(path), 48, silent))
    with path.open("rb") as raw:
        return list(read_csv(path, raw, path.stat().st_size, silent))


def write_image(path: Path, grey: int, side: int = 48) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((side, side), grey, np.uint8))


@pytest.mark.parametrize(
    ("name", "pack"),
    [("fer2013.csv", bytes), ("fer2013.csv.gz", gzip.compress), ("fer2013.csv.xz", lzma.compress)],
)
def test_a_csv_is_read_plain_and_compressed(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    text = f"emotion,pixels,Usage\n3,{RAMP},Training\n6,{BLACK},PublicTest\n0,{BLACK},PrivateTest\n"
    path = tmp_path / name
    path.write_bytes(pack(text.encode()))

    rows = rows_of(path)

    assert [(row.split, row.label, row.name) for row in rows] == [
        ("Training", "happy", 2),
        ("PublicTest", "neutral", 3),
        ("PrivateTest", "angry", 4),
    ]
    assert rows[0].pixels == bytes(value % 256 for value in range(2304))


@pytest.mark.parametrize(
    "text",
    [
        f"emotion, Usage, pixels\n3,Training,{RAMP}\n",
        f'"emotion","pixels","Usage"\r\n"3","{RAMP}","Training"\r\n',
        f"\ufeffemotion,pixels,Usage\n3,{RAMP} ,Training",
        f"Emotion;Pixels;usage\n3;{RAMP};train\n",
        f"emotion\tpixels\tUsage\nHappiness\t{RAMP}\tTRAINING\n",
        f"emotion,pixels,Usage\n3,{RAMP},Training\n\n\n",
    ],
    ids=[
        "icml_face_data",
        "quoted with Windows line ends",
        "byte order mark and no last line end",
        "a German Excel's",
        "tabs and names",
        "empty rows at its end",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_variants_of_the_csv_give_the_same_row(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode(encoding))

    rows = rows_of(path)

    assert rows == [Row("Training", "happy", 2, bytes(value % 256 for value in range(2304)))]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"3,{BLACK} 0,Training", "row 3: has 2305 pixels instead of 2304"),
        (f"3,{BLACK[2:]},Training", "row 3: has 2303 pixels instead of 2304"),
        ("3,,Training", "row 3: has 0 pixels instead of 2304"),
        (f"3,{BLACK[1:]}x,Training", "row 3: pixel '0x' is not a number 0..255"),
        (f"3,{BLACK[1:]}256,Training", "row 3: pixel '0256' is not a number 0..255"),
        (f"3,256{BLACK[1:]},Training", "row 3: pixel '256' is not a number 0..255"),
        (f"3,-1{BLACK[1:]},Training", "row 3: pixel '-1' is not a number 0..255"),
        (f"3,1.5{BLACK[1:]},Training", "row 3: pixel '1.5' is not a number 0..255"),
        (f"7,{BLACK},Training", "row 3: emotion is '7', which is not 0..6"),
        (f"bored,{BLACK},Training", "row 3: emotion is 'bored', which is not 0..6"),
        (f"3,{BLACK},Later", "row 3: Usage is 'Later', which is none of Training, PublicTest, PrivateTest"),
        (f"3,{BLACK},", "row 3: Usage is '', which is none of Training, PublicTest, PrivateTest"),
        (f"3,{BLACK}", "row 3: has 2 columns, but row 1 has 3"),
    ],
)
def test_a_wrong_row_is_named_by_its_number_in_the_file(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(f"emotion,pixels,Usage\n3,{BLACK},Training\n{row}\n3,{BLACK},Training\n")

    with pytest.raises(DataError) as caught:
        rows_of(path)

    assert str(caught.value) == f"data {path} {message}"


@pytest.mark.parametrize(
    ("text", "column"),
    [("", "emotion"), (f"emotion,Usage\n3,{BLACK}\n", "pixels"), ("<!DOCTYPE html>\n", "emotion")],
    ids=["empty file", "no pixels", "a web page"],
)
def test_a_file_without_the_columns_is_refused(tmp_path: Path, text: str, column: str) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(text)

    with pytest.raises(DataError, match=f"has no column '{column}' in its first row; give fer2013.csv or"):
        rows_of(path)


@pytest.mark.parametrize(
    ("name", "pack"), [("fer2013.csv.gz", gzip.compress), ("fer2013.csv.xz", lzma.compress)], ids=["gz", "xz"]
)
def test_a_truncated_download_is_refused(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 2304))
    lines = [f"3,{' '.join(map(str, pixels))},Training" for pixels in noise]
    packed = pack("\n".join(["emotion,pixels,Usage", *lines]).encode())
    path = tmp_path / name
    path.write_bytes(packed[: len(packed) // 2])

    with pytest.raises(DataError, match="cannot be read to its end"):
        rows_of(path)


@pytest.mark.parametrize("name", ["fer2013.csv.gz", "fer2013.csv.xz", "fer2013.csv"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04\xff\xfe\x00 a zip archive")

    with pytest.raises(DataError, match=r"cannot be read to its end|has no column 'emotion'"):
        rows_of(path)


def test_reading_reports_its_way_to_the_end_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text("emotion,pixels,Usage\n" + f"3,{BLACK},Training\n" * 1200)
    reports: list[tuple[int, int]] = []

    size = path.stat().st_size
    with path.open("rb") as raw:
        list(read_csv(path, raw, size, lambda done, total: reports.append((done, total))))

    assert len(reports) > 2
    assert reports == sorted(reports)
    assert reports[-1] == (size, size)


def test_pictures_are_read_whole_in_grey_and_at_the_size_that_is_asked_for(tmp_path: Path) -> None:
    write_image(tmp_path / "train/angry/Training_10118481.png", 10)
    write_image(tmp_path / "train/happy/far.png", 20, side=100)
    cv2.imwrite(str(tmp_path / "train/happy/colour.png"), np.full((96, 96, 3), 30, np.uint8))

    rows = rows_of(tmp_path)

    assert [(row.split, row.label, row.name, row.pixels) for row in rows] == [
        ("Training", "angry", "train/angry/Training_10118481.png", bytes([10]) * 2304),
        ("Training", "happy", "train/happy/colour.png", bytes([30]) * 2304),
        ("Training", "happy", "train/happy/far.png", bytes([20]) * 2304),
    ]


@pytest.mark.parametrize("size", [(640, 480), (100, 160), (1000, 1000)])
def test_a_photograph_is_sent_to_import(tmp_path: Path, size: tuple[int, int]) -> None:
    write_image(tmp_path / "train/happy/1.png", 10)
    cv2.imwrite(str(tmp_path / "train/happy/2.png"), np.zeros(size[::-1], np.uint8))

    with pytest.raises(DataError, match=rf"2.png is {size[0]}x{size[1]}, a photograph .* with: fer-train import"):
        rows_of(tmp_path)


def test_a_video_is_sent_to_import(tmp_path: Path) -> None:
    write_image(tmp_path / "train/happy/1.png", 10)
    (tmp_path / "train/happy/2.mp4").touch()

    with pytest.raises(DataError, match=r"2.mp4 is a video; find the faces with: fer-train import"):
        rows_of(tmp_path)


def test_a_file_that_is_not_an_image_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "train/happy/Training_1.png", 10)
    (tmp_path / "train/happy/Training_2.jpg").write_bytes(b"not an image")

    with pytest.raises(DataError, match=r"Training_2.jpg: is no picture that can be decoded"):
        rows_of(tmp_path)
