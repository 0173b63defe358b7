"""The layouts in which public data sets are handed out, and people keep their own, imitated with tiny pictures."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from train.data.fer2013 import load
from train.data.layouts import Labelled, find_labelled
from train.data.source import Source
from train.run.progress import silent

PICTURE = cv2.imencode(".png", np.full((48, 48), 9, np.uint8))[1].tobytes()


def lay(folder: Path, names: list[str], files: Mapping[str, str | bytes] | None = None) -> Path:
    for name, content in {**dict.fromkeys(names, PICTURE), **(files or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def found(path: Path, numbering: str | None = None) -> list[tuple[str, str, str | None, str | None]]:
    folder, table = (path.parent, path) if path.suffix == ".csv" else (path, None)
    labelled = find_labelled(Source.open(folder), table, numbering)
    return [(each.name, each.label, each.split, each.person) for each in labelled]


@pytest.mark.parametrize(
    ("name", "label", "split"),
    [
        ("archive/Train/Angry/im0.png", "angry", "Training"),
        ("train/disgusted/im1.png", "disgust", "Training"),
        ("TEST/Surprised/1.PNG", "surprise", "PrivateTest"),
        ("images/images/validation/fear/10.jpg", "fear", "PublicTest"),
        ("FER/Training/3_Happy/1.jpg", "happy", "Training"),
        ("test/angry/PublicTest_77.png", "angry", "PublicTest"),
        ("test_set/Suprise/1.png", "surprise", "PrivateTest"),
        ("valid/Contempt/x.jpeg", "contempt", "PublicTest"),
        ("CK+48/sadness/S010_004_00000017.png", "sad", None),
        ("own/Gut  Gelaunt/1.png", "gut gelaunt", None),
        ("мои/злой/1.png", "злой", None),
    ],
)
def test_class_folders_are_read_in_any_case_and_spelling(
    name: str, label: str, split: str | None, tmp_path: Path
) -> None:
    lay(tmp_path, [name, f"{name.split('/')[0]}/x.txt"])
    beside = "/".join((*name.split("/")[:-2], "neutral", "1.png"))
    lay(tmp_path, [beside])

    rows = found(tmp_path)

    assert rows[[row[0] for row in rows].index(name)] == (name, label, split, None)


def test_what_macos_windows_and_hidden_folders_leave_is_no_data(tmp_path: Path) -> None:
    lay(tmp_path, ["happy/1.png", "sad/1.png"])
    lay(tmp_path, ["happy/._1.png", "__MACOSX/happy/1.png", ".git/happy/2.png", "sad/.DS_Store"], {"Thumbs.db": ""})

    assert [row[0] for row in found(tmp_path)] == ["happy/1.png", "sad/1.png"]


def test_a_folder_beside_the_class_names_the_person(tmp_path: Path) -> None:
    lay(tmp_path / "a", ["bored/anna/1.png", "bored/ben/1.png", "confused/anna/1.png"])
    lay(tmp_path / "b", ["anna/happy/1.png", "anna/sad/1.png", "ben/happy/1.png"])

    assert [row[1::2] for row in found(tmp_path / "a")] == [
        ("bored", "anna"),
        ("bored", "ben"),
        ("confused", "anna"),
    ]
    assert [row[1::2] for row in found(tmp_path / "b")] == [("happy", "anna"), ("sad", "anna"), ("happy", "ben")]


def test_raf_db_is_read_by_its_list(tmp_path: Path) -> None:
    lay(
        tmp_path / "basic",
        ["Image/aligned/train_00001_aligned.jpg", "Image/aligned/test_0001_aligned.jpg"],
        {"EmoLabel/list_patition_label.txt": "train_00001.jpg 5\ntest_0001.jpg 7\n"},
    )

    assert [row[1:3] for row in found(tmp_path)] == [("neutral", "PrivateTest"), ("sad", "Training")]


def test_numbered_folders_of_one_to_seven_are_raf_db_s(tmp_path: Path) -> None:
    lay(tmp_path, [f"DATASET/train/{number}/train_{number}_aligned.jpg" for number in range(1, 8)])

    assert [row[1] for row in found(tmp_path)] == ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]


def test_numbers_that_sets_use_differently_are_asked_for(tmp_path: Path) -> None:
    lay(tmp_path / "x", [f"train/{number}/a.jpg" for number in range(7)])
    lay(tmp_path / "AffectNet", [f"train/{number}/a.jpg" for number in range(7)])

    with pytest.raises(DataError, match=r"the numbers 0, 1, .*mean different things in fer2013, .*with --numbering"):
        found(tmp_path / "x")

    assert [row[1] for row in found(tmp_path / "x", "fer2013")][:2] == ["angry", "disgust"]
    assert [row[1] for row in found(tmp_path / "AffectNet")][:2] == ["neutral", "happy"]


def test_affectnet_is_read_by_its_arrays_without_what_shows_no_expression(tmp_path: Path) -> None:
    arrays = {}
    for name, number in (("1", "1"), ("2", "10")):
        file = io.BytesIO()
        np.save(file, np.array(number))
        arrays[f"AffectNet/val_set/annotations/{name}_exp.npy"] = file.getvalue()
    lay(tmp_path, ["AffectNet/val_set/images/1.jpg", "AffectNet/val_set/images/2.jpg"], arrays)

    assert found(tmp_path) == [("AffectNet/val_set/images/1.jpg", "happy", "PublicTest", None)]


def test_ferplus_is_read_by_the_majority_of_its_votes(tmp_path: Path) -> None:
    votes = 'fer0.png,"(0, 0, 48, 48)",1,8,0,0,0,0,0,0,0,1\nfer1.png,"(0, 0, 48, 48)",5,5,0,0,0,0,0,0,0,0\n'
    lay(tmp_path, ["FER2013Valid/fer0.png", "FER2013Valid/fer1.png"], {"FER2013Valid/label.csv": votes})

    assert found(tmp_path) == [("FER2013Valid/fer0.png", "happy", "PublicTest", None)]


def test_ck_plus_is_read_by_sequence_and_person(tmp_path: Path) -> None:
    frames = [f"cohn-kanade-images/S005/001/S005_001_{number:08}.png" for number in range(1, 12)]
    lay(tmp_path / "CK+", frames, {"Emotion/S005/001/S005_001_00000011_emotion.txt": "   3.0000000e+00\n"})

    assert found(tmp_path) == [(f"CK+/{frame}", "disgust", None, "S005") for frame in frames[-3:]]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("path,label\na/1.png,bored\na/2.png,confused\n", "utf-8"),
        ("Label;Image\nbored;a\\1.png\nconfused;a\\2.png\n", "utf-8-sig"),
        ("filename\tEMOTION\n/kaggle/input/x/1.png\tbored\n2.png\tconfused\n", "utf-16"),
        (",pth,label,relFCs\n0,1.png,bored,0.8\n1,2.png,confused,0.7\n", "cp1252"),
    ],
)
def test_a_csv_of_paths_is_read_with_any_separator_case_and_encoding(text: str, encoding: str, tmp_path: Path) -> None:
    text = text.replace("/kaggle/input/x/", "wrong/place/")
    lay(tmp_path, ["a/1.png", "a/2.png"], {"labels.csv": text.encode(encoding)})

    expected = [("a/1.png", "bored", None, None), ("a/2.png", "confused", None, None)]
    assert found(tmp_path / "labels.csv") == expected
    assert found(tmp_path) == expected


def test_a_csv_says_split_person_and_time(tmp_path: Path) -> None:
    table = 'video,start,end,label,subject,split\nclip.mp4,0:01,"2,5",bored,7,train\nclip.mp4,1:00:00,,confused,,\n'
    lay(tmp_path, [], {"clip.mp4": "", "labels.csv": table})

    assert find_labelled(Source.open(tmp_path), tmp_path / "labels.csv") == [
        Labelled("clip.mp4", "bored", "Training", "7", 1.0, 2.5),
        Labelled("clip.mp4", "confused", None, None, 3600.0, float("inf")),
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"labels.csv": "a,b\n1,2\n"},
            "its first row names other columns; call them path and label",
        ),
        ({"labels.csv": "path,label,start\nx.mp4,bored,soon\n"}, "row 2: 'soon' is no time; give seconds or"),
        ({"labels.csv": b"\xff\xfep"}, "cannot be read to its end"),
    ],
)
def test_a_csv_that_says_nothing_is_refused(files: Mapping[str, str | bytes], message: str, tmp_path: Path) -> None:
    lay(tmp_path, ["1.png"], files)

    with pytest.raises(DataError, match=message):
        found(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "holds no picture and no video"),
        (["1.png", "2.png"], "its 2 pictures have no labels; lay them into a folder for each label, or add a csv"),
    ],
)
def test_pictures_without_labels_are_refused(names: list[str], message: str, tmp_path: Path) -> None:
    lay(tmp_path, names)

    with pytest.raises(DataError, match=message):
        found(tmp_path)


def packed(folder: Path, name: str) -> Path:
    """``folder`` as an archive with everything that must not be trusted in one."""
    archive = folder.with_name(name)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if name.endswith(".zip"):
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path in files:
                zipped.write(path, path.relative_to(folder.parent))
            zipped.writestr("../../escaped/happy/evil.png", PICTURE)
    else:
        mode = {".gz": "w:gz", ".bz2": "w:bz2", ".tar": "w"}[Path(name).suffix]
        with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
            for path in files:
                tar.add(path, path.relative_to(folder.parent))
            link = tarfile.TarInfo("data/happy/link.png")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link)
    return archive


@pytest.mark.parametrize("name", ["archive.zip", "archive.tar", "archive.tar.gz", "archive.tar.bz2"])
def test_archives_are_read_as_downloaded_and_write_nothing(name: str, tmp_path: Path) -> None:
    data = lay(tmp_path / "in" / "data", ["train/happy/1.png", "train/sad/1.png", "test/sad/2.png", "__MACOSX/._x.png"])
    archive = packed(data, name)
    before = set(tmp_path.rglob("*"))

    faces = load(archive, None, tmp_path / "cache", silent)

    assert {split: each.classes for split, each in faces.items()} == dict.fromkeys(
        ("Training", "PublicTest"), ("happy", "sad")
    )
    assert {path for path in tmp_path.rglob("*") if "cache" not in path.parts} == before
    assert not any("link" in row for row in faces["Training"].rows)


def test_a_csv_of_pixels_is_found_in_an_archive(tmp_path: Path) -> None:
    pixels = " ".join(["7"] * 2304)
    data = lay(
        tmp_path / "in" / "fer2013",
        [],
        {
            "README": "",
            "small.csv": "x",
            "fer2013.csv": "emotion,pixels,Usage\n" + f"3,{pixels},Training\n4,{pixels},PublicTest\n",
        },
    )

    faces = load(packed(data, "fer2013.tar.gz"), None, tmp_path / "cache", silent)

    assert [each.rows.tolist() for each in faces.values()] == [[2], [3]]


def test_a_damaged_or_encrypted_archive_is_refused_in_a_sentence(tmp_path: Path) -> None:
    data = lay(tmp_path / "in" / "data", ["happy/1.png", "sad/1.png"])
    whole = packed(data, "a.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[:60])
    (tmp_path / "cut.zip").write_bytes(packed(data, "a.zip").read_bytes()[:-30])
    (tmp_path / "page.zip").write_bytes(b"<!DOCTYPE html>")
    secret = bytearray(packed(data, "b.zip").read_bytes())
    for match in re.finditer(b"PK\x01\x02", bytes(secret)):
        secret[match.start() + 8] |= 1
    (tmp_path / "secret.zip").write_bytes(secret)

    for name in ("cut.tar.gz", "cut.zip", "page.zip", "secret.zip"):
        with pytest.raises(DataError, match=rf"^data .*{name}: .*") as caught:
            load(tmp_path / name, None, tmp_path / "cache", silent)
        assert "\n" not in str(caught.value)


def test_linked_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    lay(tmp_path / "elsewhere", ["1.png"])
    data = lay(tmp_path / "data", ["sad/1.png"])
    (data / "happy").symlink_to(tmp_path / "elsewhere")
    (data / "sad" / "again").symlink_to(data)
    (data / "sad" / "dangling.png").symlink_to("/nowhere")

    assert [row[:2] for row in found(data)] == [("happy/1.png", "happy"), ("sad/1.png", "sad")]


def test_one_label_or_twenty_one_are_refused(tmp_path: Path) -> None:
    lay(tmp_path / "one", ["happy/1.png", "happy/2.png"])
    lay(tmp_path / "many", [f"class {number}/1.png" for number in range(21)])

    for name, message in (("one", r"there is 1 label \(happy\)"), ("many", "there are 21 labels")):
        with pytest.raises(DataError, match=message):
            load(tmp_path / name, None, tmp_path / "cache", silent)


def test_identities_of_pictures_are_their_paths(tmp_path: Path) -> None:
    lay(tmp_path, ["train/happy/1.png", "train/sad/1.png", "val/happy/1.png", "val/sad/1.png"])

    faces = load(tmp_path, None, tmp_path / "cache", silent)
    again = load(tmp_path, None, tmp_path / "cache", lambda *_: pytest.fail("was parsed again"))

    assert faces["Training"].rows.tolist() == ["train/happy/1.png", "train/sad/1.png"]
    assert again["PublicTest"].rows.tolist() == ["val/happy/1.png", "val/sad/1.png"]
