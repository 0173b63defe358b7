"""A refiner's run: what it leaves, and that a stopped one goes on as if nothing had happened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError, ModelError  # noqa: E402
from tests.support.paths import TINY  # noqa: E402
from train.detector.development import Frame  # noqa: E402
from train.detector.fit import load_weights, save_weights  # noqa: E402
from train.detector.recipe import Synthesis  # noqa: E402
from train.detector.refiner import recipe  # noqa: E402
from train.detector.refiner.fit import fit  # noqa: E402
from train.detector.refiner.network import build  # noqa: E402
from train.detector.refiner.recipe import Recipe, Shape  # noqa: E402
from train.detector.synthesis.sprites import Collection  # noqa: E402
from train.run.checkpoints import History  # noqa: E402
from train.run.folder import RunOptions  # noqa: E402

SHAPE, WIDE = Shape(4, (4, 4), (1, 1)), Shape(6, (6, 6), (1, 1))
SMALL = Recipe(
    network=SHAPE,
    teacher=WIDE,
    epochs=3,
    steps=2,
    batch=4,
    scenes=2,
    kept=2,
    scenes_px=((120, 160),),
    warmup_steps=2,
    synthesis=Synthesis(smallest_px=18, largest_px=80, nobody=0),
)


pytestmark = pytest.mark.usefixtures("quick_runs")


@contextmanager
def stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The run inside is stopped at the end of its second epoch."""

    def stop(callback: History, epoch: int, logs: object) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            yield


@pytest.mark.parametrize(("shape", "file"), [(recipe.SLIM, "refiner-1.npz"), (recipe.WIDE, "refiner-wide-0.npz")])
def test_the_weights_in_the_repository_fit_the_networks_that_they_are_of(shape: Shape, file: str) -> None:
    network = build(shape)

    load_weights(network, Path(recipe.__file__).parents[1] / "weights" / file)

    assert float(np.abs(network.get_layer("logit").get_weights()[0]).max()) > 0.05  # far from the first values


def test_a_stopped_run_ends_at_the_same_weights_as_an_uninterrupted_one(
    tmp_path: Path, collection: Collection, development: dict[str, list[Frame]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(folder: str, *, resume: bool = False) -> Path:
        return fit(SMALL, TINY / "face", collection, development, tmp_path / folder, RunOptions(), resume=resume)

    whole = run("whole")

    with stopped(monkeypatch):
        run("broken")
    resumed = run("broken", resume=True)

    network = keras.saving.load_model(whole)
    for ours, theirs in zip(keras.saving.load_model(resumed).get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    settings = json.loads((tmp_path / "whole/run.json").read_text("utf-8"))
    history = (tmp_path / "whole/history.csv").read_text("ascii").splitlines()
    assert settings["recipe"]["side"] == 1.5
    assert settings["detector"]["file"] == str(TINY / "face" / "model.tflite")
    assert history[0].startswith("epoch,loss,score_loss,box_loss,recall_40")
    assert len(history) == 1 + 3


def test_a_run_goes_on_with_its_own_detector_only(tmp_path: Path, collection: Collection) -> None:
    shutil.copytree(TINY / "face", tmp_path / "other")
    manifest = json.loads((tmp_path / "other/model.json").read_bytes())
    (tmp_path / "run").mkdir()
    (tmp_path / "run/state.npz").touch()
    (tmp_path / "run/run.json").write_text(json.dumps({"detector": {"sha256": manifest["sha256"][::-1]}}))

    with pytest.raises(ConfigError, match=r"other/model\.tflite is not the detector that it began with; give the"):
        fit(SMALL, tmp_path / "other", collection, {}, tmp_path / "run", RunOptions(), resume=True)


def test_a_taught_run_resumes_as_if_it_had_not_stopped_and_with_its_own_teacher_only(
    tmp_path: Path, collection: Collection, development: dict[str, list[Frame]], monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, other = tmp_path / "teacher.npz", tmp_path / "other.npz"
    for path in (teacher, other):
        save_weights(build(WIDE), path)
    before = teacher.read_bytes()

    def run(folder: str, *, resume: bool = False, teacher: Path | None = None) -> Path:
        run_folder = tmp_path / folder
        options = RunOptions()
        return fit(SMALL, TINY / "face", collection, development, run_folder, options, resume=resume, teacher=teacher)

    whole, untaught = run("whole", teacher=teacher), run("untaught")

    with stopped(monkeypatch):
        run("broken", teacher=teacher)
    for folder in ("broken", "untaught"):
        with pytest.raises(ConfigError, match=r"other\.npz is not the teacher that it began with; give the file whose"):
            run(folder, resume=True, teacher=other)
    resumed = run("broken", resume=True)

    weights, again, alone = (keras.saving.load_model(path).get_weights() for path in (whole, resumed, untaught))
    for ours, theirs in zip(again, weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert not np.allclose(weights[0], alone[0], atol=1e-5)
    assert teacher.read_bytes() == before
    assert json.loads((tmp_path / "untaught/run.json").read_text("utf-8"))["teacher"] is None


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda path: save_weights(build(WIDE, 64), path), r"teacher\.npz: are of another network; give those of one"),
        (lambda path: save_weights(build(SHAPE), path), r"teacher\.npz: are of another network; give those of one"),
        (lambda path: path.write_text("?"), r"teacher\.npz: cannot be read"),
        (lambda path: path.mkdir(), r"teacher\.npz/model\.keras: does not exist; give the model\.keras of a run"),
        (lambda path: None, r"teacher\.npz: cannot be read"),
    ],
    ids=["other crops", "other channels", "damaged", "unfinished run", "absent"],
)
def test_a_teacher_that_cannot_teach_is_refused_before_anything_is_written(
    tmp_path: Path, collection: Collection, prepare: Callable[[Path], object], said: str
) -> None:
    teacher = tmp_path / "teacher.npz"
    prepare(teacher)

    with pytest.raises(ModelError, match=said):
        fit(SMALL, TINY / "face", collection, {}, tmp_path / "run", RunOptions(), resume=False, teacher=teacher)

    assert not (tmp_path / "run").exists()


def test_a_run_starts_from_weights_of_the_same_network_only(
    tmp_path: Path, collection: Collection, development: dict[str, list[Frame]]
) -> None:
    def run(folder: str, recipe: Recipe, start: Path | None = None) -> Path:
        options = RunOptions(epochs=1, start=start)
        return fit(recipe, TINY / "face", collection, development, tmp_path / folder, options, resume=False)

    still = replace(SMALL, learning_rate=0.0, weight_decay=0.0)
    first = run("first", SMALL)
    second = run("second", still, first.with_name("weights.npz"))

    kept, again = (keras.saving.load_model(path).get_layer("sides").get_weights() for path in (first, second))
    np.testing.assert_allclose(kept[0], again[0], rtol=2e-3, atol=1e-5)
    with pytest.raises(ModelError, match="are of another network"):
        run("wider", replace(SMALL, network=Shape(8, (4, 4), (1, 1))), first)


def test_a_folder_without_a_detector_is_refused(tmp_path: Path, collection: Collection) -> None:
    with pytest.raises(ModelError, match=r"model\.keras: does not exist"):
        fit(SMALL, tmp_path, collection, {}, tmp_path / "run", RunOptions(), resume=False)

    assert not (tmp_path / "run").exists()


def test_a_refiner_of_other_crops_than_the_usual_learns_too(
    tmp_path: Path, collection: Collection, development: dict[str, list[Frame]]
) -> None:
    recipe = replace(SMALL, size_px=32, side=2.0)

    model = fit(recipe, TINY / "face", collection, development, tmp_path, RunOptions(epochs=1), resume=False)

    assert keras.saving.load_model(model).input_shape == (None, 32, 32, 1)
    load_weights(build(SHAPE, 32), tmp_path / "weights.npz")
