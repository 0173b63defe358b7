"""The model or what computes it is not what it should be."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from edge.model.manifest import with_checksum
from tests.faults.conftest import Figures
from tests.support.daemon import StartDaemon
from tests.support.paths import ROOT

pytestmark = pytest.mark.faults

PACKAGED = ROOT / "edge" / "models"
Change = Callable[[Path], None]


def flip_bit(file: Path, seed: int) -> None:
    content = bytearray(file.read_bytes())
    bit = Random(seed).randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)


def truncate(folder: Path) -> None:
    model = folder / "model.tflite"
    model.write_bytes(model.read_bytes()[:-1000])


def accept_as_it_is(folder: Path) -> None:
    """Write the model's true sha256 into the manifest, so that the checks after it are reached."""
    sha256 = hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest()
    change_manifest(folder, lambda manifest: manifest.update(sha256=sha256))


def truncate_and_accept(folder: Path) -> None:
    truncate(folder)
    accept_as_it_is(folder)


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "model.json"
    manifest = json.loads(file.read_text("utf-8"))
    change(manifest)
    # With a new checksum, so that the checks behind it are reached.
    del manifest["checksum"]
    file.write_text(with_checksum(manifest), "utf-8")


def break_checksum(folder: Path) -> None:
    file = folder / "model.json"
    file.write_text(file.read_text("utf-8").replace('"neutral"', '"nervous"'), "utf-8")


def wrong_shape(manifest: dict[str, Any]) -> None:
    manifest["input"]["shape"] = [1, 64, 64, 1]


def wrong_label(manifest: dict[str, Any]) -> None:
    manifest["labels"][0] = "unknown"


def other_answers(manifest: dict[str, Any]) -> None:
    manifest["golden"][0]["output"][0] += 40


def run_with(daemon: StartDaemon, release: Path) -> tuple[int, list[str]]:
    """Exit status and last words of a daemon with this release."""
    running = daemon(1, model={"folder": str(release)})
    status = running.finish(20)
    return status, [line for line in running.journal.entries() if line.startswith("fer-edge: ")]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A copy of the release in the package."""
    folder = tmp_path / "release"
    folder.mkdir()
    for name in ("model.tflite", "model.json"):
        shutil.copy(PACKAGED / name, folder)
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (break_checksum, "does not match its checksum"),
        (truncate, "the manifest expects"),
        (lambda folder: flip_bit(folder / "model.tflite", 0), "the manifest expects"),
        (lambda folder: change_manifest(folder, lambda manifest: manifest.update(sha256="0" * 64)), "000000000000"),
        (truncate_and_accept, "expected"),
        (lambda folder: change_manifest(folder, wrong_shape), "64"),
        (lambda folder: change_manifest(folder, wrong_label), "'unknown'"),
        (lambda folder: change_manifest(folder, other_answers), "golden vector"),
    ],
    ids=[
        "manifest edited",
        "truncated",
        "one bit flipped",
        "wrong sha256",
        "truncated, sha256 as found",
        "wrong shape",
        "wrong label",
        "golden answers differ",
    ],
)
@pytest.mark.row(13, "file in the release changed")
def test_a_model_that_is_not_what_it_says_is_refused_in_one_sentence(
    daemon: StartDaemon, release: Path, change: Change, said: str, figures: Figures
) -> None:
    change(release)

    status, words = run_with(daemon, release)

    figures(note=f"exit {status}: {words[0].removeprefix('fer-edge: ').replace(str(release), '...')}")
    assert status == 78
    assert len(words) == 1
    assert said in words[0]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.row(13, "one of 25 bits flipped, each once")
def test_no_flipped_bit_is_run(daemon: StartDaemon, release: Path, figures: Figures) -> None:
    for seed in range(25):
        shutil.copy(PACKAGED / "model.tflite", release)
        flip_bit(release / "model.tflite", seed)

        status, words = run_with(daemon, release)

        assert status == 78
        assert "the manifest expects" in words[0]
    figures(note="all refused")
