"""A release of which the refiner is not what the detector's manifest says."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.cli import main
from edge.commands.check import check_release
from edge.errors import ModelError
from edge.model.manifest import with_checksum
from edge.vision.detector.builtin import load_detector
from tests.support.paths import TINY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY / "refined", tmp_path / "refined"))


def rewrite(manifest: Path, change: Callable[[dict[str, object]], object]) -> None:
    document = json.loads(manifest.read_bytes())
    del document["checksum"]
    change(document)
    manifest.write_text(with_checksum(document), "utf-8")


def test_a_missing_refiner_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "refiner")

    with pytest.raises(
        ModelError, match=r"refined/refiner/model\.json: cannot .* second network; copy the release again$"
    ):
        load_detector(folder)


def test_a_file_in_place_of_the_refiner_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "refiner")
    (folder / "refiner").write_bytes(b"")

    with pytest.raises(ModelError, match=r"refiner/model\.json: cannot .* second network; copy the release again$"):
        load_detector(folder)


def test_a_changed_refiner_is_refused(folder: Path) -> None:
    with (folder / "refiner" / "model.tflite").open("ab") as file:
        file.write(b"x")

    with pytest.raises(ModelError, match=r"refiner/model\.tflite: sha256 of its \d+ bytes is .*copy the release"):
        load_detector(folder)


def test_another_refiner_is_refused_although_it_is_whole(folder: Path) -> None:
    rewrite(folder / "refiner" / "model.json", lambda document: document.update(side=2.0))

    with pytest.raises(ModelError, match=r"refiner/model\.json: sha256 of its \d+ bytes is .*copy the release"):
        load_detector(folder)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("schema", "fer-edge/refiner/2", "schema is 'fer-edge/refiner/2', expected 'fer-edge/refiner/1'"),
        ("side", 0.5, "side 0.5 is outside 1..4"),
        ("input", {"shape": [1, 48, 40, 1], "scale": 1.0, "zero_point": -128}, "is no grey square"),
        ("input", {"shape": [1, 48, 48, 3], "scale": 1.0, "zero_point": -128}, "is no grey square"),
        ("outputs", [], "outputs have other shapes than (1, 1) and (1, 4)"),
    ],
)
def test_a_refiner_of_another_kind_is_refused(folder: Path, field: str, value: object, message: str) -> None:
    refiner = folder / "refiner" / "model.json"
    rewrite(refiner, lambda document: document.update({field: value}))
    sha256 = hashlib.sha256(refiner.read_bytes()).hexdigest()
    rewrite(folder / "model.json", lambda document: document.update(refiner_sha256=sha256))

    with pytest.raises(ModelError, match=re.escape(message)):
        load_detector(folder)


@pytest.mark.parametrize("threshold", [0, 1.0, -1])
def test_a_refiner_needs_candidates(folder: Path, threshold: float) -> None:
    rewrite(folder / "model.json", lambda document: document.update(candidate_threshold=threshold))

    with pytest.raises(ModelError, match=rf"candidate_threshold {float(threshold)} is not between 0 and 1"):
        load_detector(folder)


def test_the_command_that_checks_a_release_says_so_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = [main(["check", "--model", str(folder)])]
    (folder / "refiner" / "model.tflite").write_bytes(b"")
    statuses.append(main(["check", "--model", str(folder)]))

    assert statuses == [0, 78]
    shown = capsys.readouterr()
    assert shown.out.startswith("ok    detector   refined with refiner refiner, sha256 ")
    assert len(shown.err.splitlines()) == 1


def test_a_refiner_alone_is_no_model_of_a_device(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"refiner: is the second network of a detector; name the folder above it$"):
        check_release(folder / "refiner")


def test_a_refiner_that_the_detector_does_not_name_is_left_alone(folder: Path) -> None:
    shutil.copyfile(TINY / "face" / "model.json", folder / "model.json")

    assert load_detector(folder).refiner is None


def test_a_device_that_knows_no_refiner_refuses_the_manifest(folder: Path) -> None:
    manifest = load_detector(folder).manifest

    with_it, without = (
        json.loads(each.to_json())["schema"] for each in (manifest, replace(manifest, refiner_sha256=""))
    )

    assert (with_it, without) == ("fer-edge/detector/2", "fer-edge/detector/1")


def test_a_manifest_without_a_refiner_says_nothing_of_one() -> None:
    document = json.loads(load_detector(TINY / "face").manifest.to_json())

    assert {"refiner_sha256", "candidate_threshold"}.isdisjoint(document)
