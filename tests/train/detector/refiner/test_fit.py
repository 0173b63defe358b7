"""A refiner's run: what it leaves, and that a stopped one goes on as if nothing had happened."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError, ModelError  # noqa: E402
from tests.support.paths import TINY  # noqa: E402
from train.detector.development import Frame  # noqa: E402
from train.detector.fit import load_weights  # noqa: E402
from train.detector.recipe import Synthesis  # noqa: E402
from train.detector.refiner.fit import fit  # noqa: E402
from train.detector.refiner.network import build  # noqa: E402
from train.detector.refiner.recipe import Recipe, Shape  # noqa: E402
from train.detector.synthesis.sprites import Collection  # noqa: E402
from train.run.checkpoints import History  # noqa: E402
from train.run.folder import RunOptions  # noqa: E402

SHAPE = Shape(4, (4, 4), (1, 1))
SMALL = Recipe(
    network=SHAPE,
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


def test_a_stopped_run_ends_at_the_same_weights_as_an_uninterrupted_one(
    tmp_path: Path, collection: Collection, development: dict[str, list[Frame]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(folder: str, *, resume: bool = False) -> Path:
        return fit(SMALL, TINY / "face", collection, development, tmp_path / folder, RunOptions(), resume=resume)

    whole = run("whole")

    def stop(callback: History, epoch: int, logs: object) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
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

    with pytest.raises(ConfigError, match=r"learns from another detector than .*other/model\.tflite; resume with that"):
        fit(SMALL, tmp_path / "other", collection, {}, tmp_path / "run", RunOptions(), resume=True)


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
