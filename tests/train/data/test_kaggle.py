from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from train.data.kaggle import Row, read_csv, read_folders
from train.run.progress import silent

BLACK = " ".join(["0"] * 2304)
RAMP = " ".join(str(value % 256) for value in range(2304))


def rows_of(path: Path) -> list[Row]:
    return list((read_folders if path.is_dir() else read_csv)(path, silent))


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

    assert [(row.split, row.label, row.number) for row in rows] == [
        ("Training", 3, 2),
        ("PublicTest", 6, 3),
        ("PrivateTest", 0, 4),
    ]
    assert rows[0].pixels == bytes(value % 256 for value in range(2304))


@pytest.mark.parametrize(
    "text",
    [
        f"emotion, Usage, pixels\n3,Training,{RAMP}\n",
        f'"emotion","pixels","Usage"\r\n"3","{RAMP}","Training"\r\n',
        f"\ufeffemotion,pixels,Usage\n3,{RAMP} ,Training",
    ],
    ids=["icml_face_data", "quoted with Windows line ends", "byte order mark and no last line end"],
)
def test_variants_of_the_csv_give_the_same_row(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode())

    rows = rows_of(path)

    assert rows == [Row("Training", 3, 2, bytes(value % 256 for value in range(2304)))]


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
        (f"happy,{BLACK},Training", "row 3: emotion is 'happy', which is not 0..6"),
        (f"3,{BLACK},Test", "row 3: Usage is 'Test', which is none of Training, PublicTest, PrivateTest"),
        (f"3,{BLACK},", "row 3: Usage is '', which is none of Training, PublicTest, PrivateTest"),
        (f"3,{BLACK}", "row 3: has 2 columns, but row 1 has 3"),
        ("", "row 3: has 0 columns, but row 1 has 3"),
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
    [("", "emotion"), (f"emotion,pixels\n3,{BLACK}\n", "Usage"), ("<!DOCTYPE html>\n", "emotion")],
    ids=["empty file", "no split column", "a web page"],
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

    with pytest.raises(DataError, match="cannot be read to its end"):
        rows_of(path)


def test_reading_reports_its_way_to_the_end_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text("emotion,pixels,Usage\n" + f"3,{BLACK},Training\n" * 1200)
    reports: list[tuple[int, int]] = []

    list(read_csv(path, lambda done, total: reports.append((done, total))))

    size = path.stat().st_size
    assert len(reports) > 2
    assert reports == sorted(reports)
    assert reports[-1] == (size, size)


def test_class_folders_with_splits_in_the_names_keep_the_official_splits(tmp_path: Path) -> None:
    write_image(tmp_path / "train/angry/Training_10118481.png", 10)
    write_image(tmp_path / "test/happy/PublicTest_77.png", 20)
    write_image(tmp_path / "test/neutral/PrivateTest_8.png", 30)

    rows = rows_of(tmp_path)

    assert {(row.split, row.label, row.number, row.pixels[0]) for row in rows} == {
        ("Training", 0, 10118481, 10),
        ("PublicTest", 3, 77, 20),
        ("PrivateTest", 6, 8, 30),
    }


def test_plain_numbers_take_their_split_from_the_folder_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_image(tmp_path / "train/sad/12.jpg", 10)
    write_image(tmp_path / "validation/surprise/13.jpg", 20)

    rows = rows_of(tmp_path)

    assert [(row.split, row.label, row.number) for row in rows] == [("Training", 4, 12), ("PublicTest", 5, 13)]
    assert "validation/ mixes PublicTest and PrivateTest" in caplog.text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train/bored/Training_1.png", "its folder 'bored' is none of angry, disgust"),
        ("test/happy/1.png", "has no split in its name"),
        ("train/happy/Holdout_1.png", "has no split in its name"),
        ("train/happy/Training_one.png", "has no split in its name"),
        ("train/happy/Training_99999999999.png", "has no split in its name"),
    ],
)
def test_an_image_of_unknown_class_or_split_is_named(tmp_path: Path, name: str, message: str) -> None:
    write_image(tmp_path / name, 10)

    with pytest.raises(DataError, match=message) as caught:
        rows_of(tmp_path)

    assert name in str(caught.value)


def test_an_image_of_another_size_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "train/happy/Training_1.png", 10, side=64)

    with pytest.raises(DataError, match=r"Training_1.png: is 64x64 instead of 48x48"):
        rows_of(tmp_path)


def test_a_file_that_is_not_an_image_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "train/happy/Training_1.png", 10)
    (tmp_path / "train/happy/Training_2.jpg").write_bytes(b"not an image")

    with pytest.raises(DataError, match=r"Training_2.jpg: is not a readable JPEG or PNG file"):
        rows_of(tmp_path)
