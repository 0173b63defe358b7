"""``fer-train detector`` from folders of images to a table."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra train")

from tests.support.paths import TINY
from train import cli
from train.detector import count, development, reach
from train.detector.recipe import RECIPES, Shape, Synthesis
from train.detector.refiner import recipe as refiner
from train.detector.sources import SHOW_FACES, read_sources
from train.detector.synthesis.sprites import Collection


@pytest.fixture
def folder(tmp_path: Path, collection: Collection) -> Path:
    """The folder that --faces names."""
    for name, photographs in (("portraits", collection.photographs), ("noface", collection.empty)):
        (tmp_path / name).mkdir()
        for photograph in photographs:
            cv2.imwrite(str(tmp_path / name / photograph.name.replace("jpg", "png")), photograph.pixels)
    rows = [f"portrait{number}.png,34,30,32,40\n" for number in range(len(collection.photographs))]
    (tmp_path / "portraits.csv").write_text("image,left_px,top_px,width_px,height_px\n" + "".join(rows))
    return tmp_path


def test_a_folder_becomes_what_to_learn_from_and_what_is_held_back(folder: Path) -> None:
    sources = read_sources(folder)

    assert len(sources.training.photographs) + len(sources.held_back.photographs) == 40
    assert len(sources.training.empty) + len(sources.held_back.empty) == 30
    assert len(sources.training.faces) == 0
    assert sources.clips == []


@pytest.mark.parametrize("name", sorted(SHOW_FACES))
def test_a_photograph_that_is_known_to_show_faces_is_not_among_those_without(folder: Path, name: str) -> None:
    (folder / "noface" / "view0.png").rename(folder / "noface" / name)

    sources = read_sources(folder)

    assert name not in {each.name for each in (*sources.training.empty, *sources.held_back.empty)}
    assert len(sources.training.empty) + len(sources.held_back.empty) == 29


def test_a_detector_is_trained_and_measured(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _make_tiny(monkeypatch)
    monkeypatch.setattr(development, "COMPOSED", 4)
    run = str(tmp_path / "run")

    fitted = cli.main(["detector", "fit", "--faces", str(folder), "--run", run, "--epochs", "1", "--workers", "1"])
    measured = cli.main(["detector", "evaluate", run, "--faces", str(folder)])

    assert (fitted, measured) == (0, 0)
    assert "| | model.keras | haar-alt2 |".replace("| |", "|  |") in capsys.readouterr().out
    ours, haar = json.loads((tmp_path / "run/development/figures.json").read_text("utf-8"))
    assert 0 < ours["threshold"] < 1
    assert haar["time_ms"] > 0
    assert np.asarray(cv2.imread(str(tmp_path / "run/development/scenes.png"))).size


def _make_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Shape(8, (8,) * 4, (1,) * 4, 8)
    for name, recipe in RECIPES.items():
        shape = wide if name == "detector-wide" else Shape(4, (4,) * 4, (1,) * 4, 4)
        tiny = replace(recipe, network=shape, teacher=wide, steps=2, batch=2, canvas_px=(64, 64), mined=0)
        monkeypatch.setitem(RECIPES, name, tiny)


def test_a_wide_detector_teaches_the_other_and_a_resumed_run_remembers_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _make_tiny(monkeypatch)
    monkeypatch.setattr(development, "COMPOSED", 4)
    monkeypatch.chdir(tmp_path)
    fit = ["detector", "fit", "--faces", str(folder), "--workers", "1"]
    wide = ["--recipe", "detector-wide", "--epochs", "1", "--seed", "3"]
    taught = ["--run", "runs/taught", "--steps", "1", "--epochs", "2", "--teacher", "runs/detector-wide-3/model.keras"]

    assert cli.main([*fit, *wide]) == 0
    assert cli.main([*fit, *taught]) == 0
    assert cli.main([*fit, "--run", "runs/taught", "--resume", "--epochs", "3"]) == 0

    run = json.loads((tmp_path / "runs/taught/run.json").read_text("utf-8"))
    assert run["options"]["teacher"] == "runs/detector-wide-3/model.keras"
    assert run["recipe"]["name"] == "detector"
    assert run["recipe"]["steps"] == 1
    assert len((tmp_path / "runs/taught/history.csv").read_text("ascii").splitlines()) == 1 + 3
    assert "runs/taught/model.keras: trained" in capsys.readouterr().out


def test_a_refiner_is_trained_for_a_release_and_a_resumed_run_remembers_its_steps(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _make_refiners_tiny(monkeypatch)
    monkeypatch.setattr(development, "COMPOSED", 4)
    monkeypatch.chdir(tmp_path)
    train = ["detector", "refiner", str(TINY / "face"), "--faces", str(folder), "--workers", "1", "--seed", "3"]

    assert cli.main([*train, "--epochs", "1", "--steps", "2"]) == 0
    assert cli.main([*train, "--resume", "--run", "runs/refiner-3", "--epochs", "2"]) == 0

    run = json.loads((tmp_path / "runs/refiner-3/run.json").read_text("utf-8"))
    assert run["recipe"]["steps"] == 2
    assert run["options"]["seed"] == 3
    assert len((tmp_path / "runs/refiner-3/history.csv").read_text("ascii").splitlines()) == 1 + 2
    shown = capsys.readouterr().out
    assert "runs/refiner-3/model.keras: trained; release it with the detector's run" in shown
    assert "crops_per_s: " in shown


def _make_refiners_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    synthesis, wide = Synthesis(smallest_px=18, largest_px=80, nobody=0), refiner.Shape(6, (6, 6), (1, 1))
    for name, recipe in refiner.RECIPES.items():
        shape = wide if name == "refiner-wide" else refiner.Shape(4, (4, 4), (1, 1))
        tiny = replace(recipe, network=shape, teacher=wide, steps=2, batch=4, scenes=2, scenes_px=((120, 160),))
        monkeypatch.setitem(refiner.RECIPES, name, replace(tiny, synthesis=synthesis))


def test_a_wide_refiner_teaches_the_other_and_a_resumed_run_remembers_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _make_refiners_tiny(monkeypatch)
    monkeypatch.setattr(development, "COMPOSED", 4)
    monkeypatch.chdir(tmp_path)
    train = ["detector", "refiner", str(TINY / "face"), "--faces", str(folder), "--workers", "1"]
    wide = ["--recipe", "refiner-wide", "--epochs", "1", "--seed", "3"]
    taught = ["--run", "runs/taught", "--epochs", "1", "--teacher"]

    assert cli.main([*train, *wide]) == 0
    assert "taught_loss: " not in capsys.readouterr().out
    assert cli.main([*train, *taught, "runs/refiner-wide-3"]) == 0
    assert cli.main([*train, "--run", "runs/taught", "--resume", "--epochs", "2"]) == 0
    shown = capsys.readouterr().out
    assert cli.main([*train, "--run", "runs/other", "--teacher", "runs/absent"]) == 78

    run = json.loads((tmp_path / "runs/taught/run.json").read_text("utf-8"))
    teacher = tmp_path / "runs/refiner-wide-3/model.keras"
    sha256 = hashlib.sha256(teacher.read_bytes()).hexdigest()
    assert run["teacher"] == {"file": "runs/refiner-wide-3/model.keras", "sha256": sha256}
    assert run["recipe"]["name"] == "refiner"
    assert shown.count("taught_loss: ") == 2
    assert "fer-train: weights runs/absent: cannot be read" in capsys.readouterr().err


def test_an_absent_folder_ends_with_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["detector", "fit", "--faces", str(tmp_path / "absent")]) == 78

    assert "holds no image" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["reach", "count"])
def test_a_release_is_measured_on_frames_and_films(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reach, "FRAMES_PX", ((480, 640),))
    monkeypatch.setattr(reach, "HEIGHTS_PX", (40,))
    monkeypatch.setattr(count, "FILMS", 1)
    monkeypatch.setattr(count, "DURATION_S", 1.0)

    assert cli.main(["detector", command, "--faces", str(folder), "--release", str(TINY / "face")]) == 0

    assert capsys.readouterr().out.startswith("| ")
