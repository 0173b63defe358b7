"""Release folders of both kinds: read as they were written, and refused with any damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import ModelError
from edge.model.release import Release
from edge.vision.classifier import PACKAGED_MODEL, load_release
from edge.vision.detector.builtin import PACKAGED_DETECTOR, load_detector
from tests.support.paths import TINY

Load = Callable[[Path], Release[Any]]

every_release = pytest.mark.parametrize(
    ("original", "load"),
    [
        pytest.param(PACKAGED_MODEL, load_release, id="packaged classifier"),
        pytest.param(TINY / "grey", load_release, id="grey"),
        pytest.param(TINY / "colour", load_release, id="colour"),
        pytest.param(PACKAGED_DETECTOR, load_detector, id="packaged detector"),
        pytest.param(TINY / "face", load_detector, id="face"),
    ],
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a tiny release that a test may damage."""
    return Path(shutil.copytree(TINY / "grey", tmp_path / "release"))


@pytest.mark.parametrize(("original", "load"), [(TINY / "grey", load_release), (TINY / "face", load_detector)])
def test_a_release_is_read_as_it_was_written(original: Path, load: Load) -> None:
    release = load(original)

    assert release.manifest.to_json() == (original / "model.json").read_text("utf-8")
    assert release.model == (original / "model.tflite").read_bytes()


def drop_model(folder: Path) -> None:
    (folder / "model.tflite").unlink()


def cut_model(folder: Path) -> None:
    path = folder / "model.tflite"
    path.write_bytes(path.read_bytes()[:-100])


def drop_manifest(folder: Path) -> None:
    (folder / "model.json").unlink()


def break_manifest(folder: Path) -> None:
    (folder / "model.json").write_text("{", "utf-8")


def nest_manifest(folder: Path) -> None:
    (folder / "model.json").write_text("[" * 100_000, "utf-8")


def forget_temperature(folder: Path) -> None:
    path = folder / "model.json"
    document = json.loads(path.read_text("utf-8"))
    del document["heads"][0]["temperature"]
    path.write_text(json.dumps(document), "utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop_model, r"model\.tflite: cannot be read \(No such file or directory\); expected an int8 \.tflite file"),
        (
            cut_model,
            r"model\.tflite: sha256 of its \d+ bytes is \w{12}\.\.\., the manifest expects .*; copy the release",
        ),
        (drop_manifest, r"model\.json: cannot be read"),
        (break_manifest, r"model\.json: is not JSON"),
        (nest_manifest, r"model\.json: is not JSON \(maximum recursion depth exceeded"),
        (forget_temperature, r"model\.json: field 'temperature' is missing"),
    ],
)
def test_a_damaged_release_is_refused(folder: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(folder)

    with pytest.raises(ModelError, match=message):
        load_release(folder)


def flip_a_bit(content: bytearray, random: np.random.RandomState) -> None:
    content[random.randint(len(content))] ^= 1 << random.randint(8)


def truncate(content: bytearray, random: np.random.RandomState) -> None:
    del content[random.randint(len(content)) :]


@pytest.mark.parametrize("damage", [flip_a_bit, truncate])
@pytest.mark.parametrize("file", ["model.tflite", "model.json"])
@every_release
def test_a_release_with_any_damage_is_refused(
    original: Path,
    load: Load,
    file: str,
    damage: Callable[[bytearray, np.random.RandomState], None],
    tmp_path: Path,
) -> None:
    release = tmp_path / "release"
    release.mkdir()
    for name in ("model.tflite", "model.json"):
        shutil.copy(original / name, release)
    whole = (release / file).read_bytes()
    random = np.random.RandomState(0)

    for _ in range(25):
        content = bytearray(whole)
        damage(content, random)
        (release / file).write_bytes(content)
        with pytest.raises(ModelError):
            load(release)


def test_a_manifest_without_its_last_line_end_or_with_another_figure_is_refused(folder: Path) -> None:
    path = folder / "model.json"
    whole = path.read_bytes()

    for changed_json in (whole[:-1], whole.replace(b"weights by hand", b"weights by hand!"), whole + b" "):
        path.write_bytes(changed_json)
        with pytest.raises(ModelError, match="does not match its checksum; copy the release again"):
            load_release(folder)
