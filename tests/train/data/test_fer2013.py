from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from edge.labels import EMOTIONS
from train.data.fer2013 import FaceSet, load
from train.run.progress import silent

VOTES_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"


def csv_row(grey: int, label: int, split: str) -> str:
    return f"{label},{' '.join([str(grey)] * 2304)},{split}\n"


def write_data(folder: Path) -> Path:
    path = folder / "fer2013.csv"
    rows = [csv_row(10, 0, "Training"), csv_row(20, 3, "PublicTest"), csv_row(30, 6, "Training")]
    path.write_text("emotion,pixels,Usage\n" + "".join(rows))
    return path


def refuse_to_parse(done: int, total: int) -> None:
    raise AssertionError("the source was parsed although the cache holds it")


def test_each_split_keeps_its_faces_in_the_order_of_the_file(tmp_path: Path) -> None:
    data = write_data(tmp_path)

    faces = load(data, None, tmp_path / "cache", silent)

    assert list(faces) == ["Training", "PublicTest"]
    training = faces["Training"]
    assert training.pixels.shape == (2, 48, 48)
    assert training.pixels.dtype == training.labels.dtype == np.uint8
    assert training.pixels[:, 0, 0].tolist() == [10, 30]
    assert training.labels.tolist() == [0, 6]
    assert training.rows.tolist() == [2, 4]
    assert training.votes is None


def test_a_second_load_comes_from_the_cache(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    first = load(data, None, tmp_path / "cache", silent)

    second = load(data, None, tmp_path / "cache", refuse_to_parse)

    assert list(second) == list(first)
    for split, faces in first.items():
        np.testing.assert_array_equal(second[split].pixels, faces.pixels)
        np.testing.assert_array_equal(second[split].labels, faces.labels)
        np.testing.assert_array_equal(second[split].rows, faces.rows)
        assert second[split].split == split


def test_a_changed_source_is_parsed_again(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    load(data, None, tmp_path / "cache", silent)
    data.write_text("emotion,pixels,Usage\n" + csv_row(99, 5, "Training"))

    faces = load(data, None, tmp_path / "cache", silent)

    assert faces["Training"].labels.tolist() == [5]


def test_a_source_of_the_same_size_and_another_time_is_parsed_again(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    load(data, None, tmp_path / "cache", silent)
    before = data.stat()
    data.write_text(data.read_text().replace("\n0,", "\n1,"))
    os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))

    faces = load(data, None, tmp_path / "cache", silent)

    assert faces["Training"].labels.tolist() == [1, 6]


@pytest.mark.parametrize("kept_bytes", [0, 100, -40])
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, kept_bytes: int) -> None:
    data = write_data(tmp_path)
    cache = tmp_path / "cache"
    load(data, None, cache, silent)
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:kept_bytes])

    faces = load(data, None, cache, silent)

    assert faces["Training"].labels.tolist() == [0, 6]
    assert load(data, None, cache, refuse_to_parse)["PublicTest"].labels.tolist() == [3]


def test_the_cache_holds_one_finished_file_and_nothing_else(tmp_path: Path) -> None:
    data = write_data(tmp_path)

    load(data, None, tmp_path / "cache", silent)

    assert [file.suffix for file in (tmp_path / "cache").iterdir()] == [".npz"]


def test_a_source_that_fails_leaves_no_cache(tmp_path: Path) -> None:
    data = tmp_path / "fer2013.csv"
    data.write_text("emotion,pixels,Usage\n" + csv_row(1, 1, "Training") + "1,2,Training\n")

    with pytest.raises(DataError):
        load(data, None, tmp_path / "cache", silent)

    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    (tmp_path / "cache").write_text("a file is in the way")

    with pytest.raises(DataError, match=r"cache: cannot be written \(.*\); name another with --cache"):
        load(data, None, tmp_path / "cache", silent)


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent.csv: cannot be read \(No such file or directory\); give fer2013"):
        load(tmp_path / "absent.csv", None, tmp_path / "cache", silent)


def test_a_csv_without_rows_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "fer2013.csv"
    data.write_text("emotion,pixels,Usage\n")

    with pytest.raises(DataError, match=r"fer2013.csv: has no faces; give fer2013.csv or"):
        load(data, None, tmp_path / "cache", silent)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no picture and no video"):
        load(tmp_path, None, tmp_path / "cache", silent)


def test_votes_are_matched_row_by_row(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    votes = tmp_path / "fer2013new.csv"
    votes.write_text(
        VOTES_HEADER
        + "Training,fer0.png,1,0,0,0,9,0,0,0,0,0\n"
        + "PublicTest,fer1.png,2,8,0,0,0,0,0,0,0,0\n"
        + "Training,,3,0,0,0,0,0,0,0,0,7\n"
    )

    faces = load(data, votes, tmp_path / "cache", silent)

    assert faces["Training"].votes is not None
    assert faces["Training"].votes.tolist() == [[1, 0, 0, 0, 9, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0, 0, 0, 7]]
    assert faces["PublicTest"].votes is not None
    assert faces["PublicTest"].votes[:, 0].tolist() == [2]


@pytest.mark.parametrize(
    ("usages", "message"),
    [
        (["Training", "PublicTest"], "2 rows for 3 rows of data"),
        (["Training", "PublicTest", "Training", "Training"], "4 rows for 3 rows of data"),
        (["Training", "Training", "Training"], "row 3: Usage is 'Training', but 'PublicTest' in the data"),
        (["Training", "PublicTest", ""], "row 4: Usage is '', but 'Training' in the data"),
    ],
)
def test_votes_that_do_not_match_the_rows_are_refused(tmp_path: Path, usages: list[str], message: str) -> None:
    data = write_data(tmp_path)
    votes = tmp_path / "fer2013new.csv"
    votes.write_text(VOTES_HEADER + "".join(f"{usage},,9,1,0,0,0,0,0,0,0,0\n" for usage in usages))

    with pytest.raises(DataError, match=re.escape(f"votes {votes}") + ":? " + message):
        load(data, votes, tmp_path / "cache", silent)


def test_votes_beside_folders_are_refused(tmp_path: Path) -> None:
    for label in ("happy", "sad"):
        (tmp_path / label).mkdir()
        cv2.imwrite(str(tmp_path / label / "1.png"), np.zeros((48, 48), np.uint8))

    with pytest.raises(DataError, match=r"belong to the rows of a csv; give fer2013.csv as data, not the folder "):
        load(tmp_path, tmp_path / "fer2013new.csv", tmp_path / "cache", silent)


def test_selected_faces_keep_their_labels_rows_and_votes() -> None:
    faces = FaceSet(
        "Training",
        np.arange(3, dtype=np.uint8).repeat(48 * 48).reshape(3, 48, 48),
        np.array([4, 5, 6], np.uint8),
        np.array([2, 3, 4], np.int32),
        np.eye(3, 10, dtype=np.uint8),
    )

    picked = faces.select(np.array([True, False, True]))

    assert len(picked) == 2
    assert picked.pixels[:, 0, 0].tolist() == [0, 2]
    assert picked.labels.tolist() == [4, 6]
    assert picked.rows.tolist() == [2, 4]
    assert picked.votes is not None
    assert picked.votes.argmax(axis=1).tolist() == [0, 2]


def test_the_real_data_set_has_its_published_counts(shared: Path, pytestconfig: pytest.Config) -> None:
    folder = shared / "data" / "fer2013"
    cache = pytestconfig.cache.mkdir("fer2013")

    faces = load(folder / "fer2013.csv.xz", folder / "fer2013new.csv", cache, silent)

    counts = {split: np.bincount(each.labels, minlength=len(EMOTIONS)).tolist() for split, each in faces.items()}
    assert counts == {
        "Training": [3995, 436, 4097, 7215, 4830, 3171, 4965],
        "PublicTest": [467, 56, 496, 895, 653, 415, 607],
    }
    assert load(folder / "fer2013.csv.xz", None, cache, refuse_to_parse)["Training"].votes is None
