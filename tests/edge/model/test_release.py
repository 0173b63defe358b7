"""Release folders of both kinds: read as they were written, and refused with any damage."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import DelegateError, ModelError
from edge.model.release import EDGETPU_FILE, Network, Release
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


def test_an_archive_in_place_of_a_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    archive = tmp_path / "mine.tar"
    archive.touch()

    with pytest.raises(ModelError, match=r"is a file, not a release folder; unpack .* fer-edge model install with it"):
        load_release(archive)


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


def compile_release(folder: Path, compiled: bytes) -> None:
    """Give a release the file for the Edge TPU."""
    (folder / EDGETPU_FILE).write_bytes(compiled)
    sha256 = hashlib.sha256(compiled).hexdigest()
    manifest = replace(load_release(folder).manifest, edgetpu_sha256=sha256)
    (folder / "model.json").write_text(manifest.to_json(), "utf-8")


@pytest.mark.usefixtures("coral")
def test_an_accelerator_runs_the_compiled_file_and_the_cpu_the_other(folder: Path) -> None:
    compile_release(folder, (folder / "model.tflite").read_bytes() + bytes(16))
    release = load_release(folder)

    assert (Network(release).device, Network(release, delegate="edgetpu").device) == ("cpu", "edgetpu")
    assert release.edgetpu != release.model


@pytest.mark.usefixtures("coral")
def test_an_accelerator_is_not_said_to_run_what_it_would_leave_to_the_cpu(folder: Path) -> None:
    with pytest.raises(DelegateError, match=r"model grey has no model_edgetpu\.tflite; compile it, see docs/coral\.md"):
        Network(load_release(folder), delegate="edgetpu")


def test_a_damaged_file_for_the_accelerator_is_refused(folder: Path) -> None:
    compile_release(folder, b"compiled")
    (folder / EDGETPU_FILE).write_bytes(b"damaged")

    with pytest.raises(ModelError, match=r"model_edgetpu\.tflite: sha256 of its 7 bytes is"):
        load_release(folder)


def test_a_missing_file_for_the_accelerator_is_named(folder: Path) -> None:
    compile_release(folder, b"compiled")
    (folder / EDGETPU_FILE).unlink()

    with pytest.raises(
        ModelError, match=r"model_edgetpu\.tflite: cannot be read .*; expected the file for the Edge TPU"
    ):
        load_release(folder)
