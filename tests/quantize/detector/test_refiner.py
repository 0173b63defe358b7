"""A detector's way to a release together with its refiner: to that a dark block beneath a bright bar is no face."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edge.errors import ConfigError, ModelError
from edge.model.release import REFINER_FOLDER
from edge.vision.detector.builtin import BuiltinDetector, load_detector
from quantize.cli import main
from quantize.detector.refiner import open_refiner, quantise_refiner
from quantize.detector.release import Outcome, release
from quantize.release import check_release
from tests.quantize.detector.conftest import frame
from train.detector.candidates import proposer, release_candidate
from train.detector.development import Frame
from train.detector.synthesis.sprites import Collection


def bars() -> Any:
    """The less sure of a face the brighter the upper third of the crop is than the lower; the box stays as it was."""
    pixels = keras.Input((48, 48, 1))
    ninths = layers.Flatten()(layers.AveragePooling2D(16)(pixels))
    model = keras.Model(pixels, [layers.Dense(1, name="logit")(ninths), layers.Dense(4, name="sides")(ninths)])
    model.get_layer("logit").set_weights([0.05 * np.repeat([-1, 0, 1], 3)[:, np.newaxis], np.array([3])])
    model.get_layer("sides").set_weights([np.zeros((9, 4)), np.array([1, 1, 5, 5]) / 6])
    return model


@pytest.fixture(scope="module")
def refiner_run(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "bars-0"
    folder.mkdir()
    bars().save(folder / "model.keras")
    sha256 = hashlib.sha256((run / "model.keras").read_bytes()).hexdigest()
    settings = {"recipe": {"side": 1.5}, "detector": {"file": "spots-0/model.keras", "sha256": sha256}}
    (folder / "run.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module")
def released(
    run: Path,
    refiner_run: Path,
    collection: Collection,
    development: dict[str, list[Frame]],
    faces: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("releases") / "pair"
    decoys = {"objects": [frame((3, 3 + number % 2), bar=True) for number in range(4)]}
    return folder, release(run, collection, development | decoys, faces, folder, refiner=refiner_run)


def test_the_daemon_tells_with_both_what_the_detector_takes_for_the_same(released: tuple[Path, Outcome]) -> None:
    folder, face, decoy = released[0], frame((3, 3)).pixels, frame((3, 3), bar=True).pixels

    pair = BuiltinDetector(load_detector(folder), min_face_px=20)
    _, alone = proposer(folder)

    (found,) = pair.detect(face)
    assert (found.left_px, found.top_px, found.width_px, found.height_px) == (24, 24, 64, 64)
    assert pair.detect(decoy) == ()
    first, second = alone([face, decoy])
    assert first.scores[0] == second.scores[0] > 0.9


def test_the_manifests_hold_each_other_and_what_was_measured(released: tuple[Path, Outcome]) -> None:
    folder, outcome = released

    loaded = load_detector(folder)
    manifest, refiner = loaded.manifest, loaded.refiner
    assert refiner is not None
    assert manifest.refiner_sha256 == hashlib.sha256((folder / REFINER_FOLDER / "model.json").read_bytes()).hexdigest()
    assert manifest.candidate_threshold == 0.2
    both = loaded.model + (folder / REFINER_FOLDER / "model.json").read_bytes()
    assert manifest.id == outcome.manifest.id == f"spots-0-{hashlib.sha256(both).hexdigest()[:8]}"
    assert refiner.manifest.side == 1.5
    assert refiner.manifest.training["calibration"]["crops"] > 10
    figures = manifest.metrics["development"]
    assert figures["int8"]["recall_40"] == figures["float"]["recall_40"] == 1
    assert figures["alone"]["recall_40"] == 0
    assert manifest.keep_threshold == pytest.approx(0.7 * manifest.threshold, abs=1e-4)
    assert manifest.metrics["candidates"] == 0.8  # 11 in 13 frames


def test_the_card_and_the_page_show_both_networks(released: tuple[Path, Outcome]) -> None:
    card, page = ((released[0] / name).read_text() for name in ("MODEL_CARD.md", "comparison.md"))

    assert "|  | int8 | float | int8, detector alone |" in card
    assert "| recall, faces of 40 px and more | 100.0% | 100.0% | 0.0% |" in card
    assert re.search(r"- Refiner: \d kB, 50 parameters and 0\.0 million multiply-adds for each candidate", card)
    assert "# Refiner" in page
    assert page.count("## Runtimes") == 2


def test_the_release_passes_the_check_and_is_evaluated_as_the_daemon_runs_it(released: tuple[Path, Outcome]) -> None:
    candidate = release_candidate(released[0])

    face, decoy = candidate.find([frame((3, 3)).pixels, frame((3, 3), bar=True).pixels])

    assert check_release(released[0]).manifest.id == candidate.name
    assert face.scores[0] > released[1].manifest.threshold > decoy.scores.max(initial=0) > 0.05


def test_a_refiner_of_another_detector_is_refused(refiner_run: Path, collection: Collection) -> None:
    with pytest.raises(ModelError, match=r"learnt from another detector, spots-0/model\.keras; release it with that"):
        quantise_refiner(refiner_run, (b"float", b"int8"), lambda frames: iter(()), collection, ())


def test_a_run_that_does_not_say_how_crops_were_cut_is_refused(
    refiner_run: Path, collection: Collection, tmp_path: Path
) -> None:
    shutil.copy(refiner_run / "model.keras", tmp_path)
    (tmp_path / "run.json").write_text("{}")

    with pytest.raises(ConfigError, match=r"run\.json does not say how crops were cut, recipe\.side"):
        quantise_refiner(tmp_path, (), lambda frames: iter(()), collection, ())


def test_a_classifier_is_no_refiner(quarters: Any, tmp_path: Path) -> None:
    quarters.save(tmp_path / "model.keras")

    with pytest.raises(
        ModelError, match=r"expected a logit, \(None, 1\), and the sides of a box, \(None, 4\), of a grey"
    ):
        open_refiner(tmp_path / "model.keras")


def test_the_command_shows_what_both_find_and_cost(
    run: Path, refiner_run: Path, data_options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    status = main(["detector", str(run), "--refiner", str(refiner_run), *data_options, "--out", str(out)])

    assert status == 0
    shown = capsys.readouterr().out
    assert re.search(r"refiner: \d kB, 50 parameters and .* for each of 0\.\d candidates in a frame", shown)
    assert shown.count("Edge TPU, predicted:") == 2
    assert load_detector(out).refiner
