"""A detector's run: what it leaves, and that a stopped one goes on as if nothing had happened."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError, DataError, ModelError  # noqa: E402
from train.detector import checkpoints  # noqa: E402
from train.detector import recipe as recipe_module  # noqa: E402
from train.detector.development import Frame  # noqa: E402
from train.detector.fit import fit, load_weights, save_weights  # noqa: E402
from train.detector.network import build  # noqa: E402
from train.detector.plots import save_curves  # noqa: E402
from train.detector.recipe import Recipe, Shape, Synthesis  # noqa: E402
from train.detector.synthesis.sprites import Collection  # noqa: E402
from train.run.checkpoints import History  # noqa: E402
from train.run.folder import RunOptions  # noqa: E402

SMALL = Shape(4, (4,) * 4, (1,) * 4, 4)
TINY = Recipe(
    network=SMALL,
    teacher=SMALL,
    epochs=3,
    steps=3,
    batch=2,
    canvas_px=(64, 64),
    input_px=(64, 128),
    warmup_steps=2,
    mined=4,
    synthesis=Synthesis(largest_px=40),
)


@pytest.fixture(autouse=True)
def _fast(quick_runs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "HARD_SHARE", 2)


def test_a_stopped_run_ends_at_the_same_weights_as_an_uninterrupted_one(
    tmp_path: Path,
    collection: Collection,
    development: dict[str, list[Frame]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = fit(TINY, collection, development, tmp_path / "whole", RunOptions(), resume=False)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(TINY, collection, development, tmp_path / "broken", RunOptions(), resume=False)
    resumed = fit(TINY, collection, development, tmp_path / "broken", RunOptions(), resume=True)

    network = keras.saving.load_model(whole)
    run = json.loads((tmp_path / "whole" / "run.json").read_text("utf-8"))
    history = (tmp_path / "whole" / "history.csv").read_text("ascii").splitlines()
    for ours, theirs in zip(keras.saving.load_model(resumed).get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert network.input_shape == (None, 64, 128, 1)
    assert run["recipe"]["synthesis"]["largest_px"] == 40
    assert run["photographs"] == 40
    assert history[0].startswith("epoch,loss,score_loss,box_loss,recall_40")
    assert len(history) == 1 + 3
    assert json.loads((tmp_path / "whole" / "hard.json").read_text("ascii"))


def test_a_taught_run_resumes_as_if_it_had_not_stopped_and_keeps_its_teacher_elsewhere(
    tmp_path: Path, collection: Collection, development: dict[str, list[Frame]], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights(build((64, 64), SMALL), tmp_path / "teacher.npz")
    before = (tmp_path / "teacher.npz").read_bytes()

    def run(folder: str, *, resume: bool = False, teacher: str | None = "teacher.npz") -> Path:
        taught = tmp_path / teacher if teacher else None
        return fit(TINY, collection, development, tmp_path / folder, RunOptions(), resume=resume, teacher=taught)

    whole, untaught = run("whole"), run("untaught", teacher=None)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            run("broken")
    resumed = run("broken", resume=True)

    weights, again, other = (keras.saving.load_model(path).get_weights() for path in (whole, resumed, untaught))
    for ours, theirs in zip(again, weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert not np.allclose(weights[0], other[0], atol=1e-5)
    assert (tmp_path / "teacher.npz").read_bytes() == before
    run_json = json.loads((tmp_path / "whole" / "run.json").read_text("utf-8"))
    assert run_json["options"]["teacher"] == str(tmp_path / "teacher.npz")
    with np.load(tmp_path / "whole" / "state.npz") as taught, np.load(tmp_path / "untaught" / "state.npz") as alone:
        assert set(taught.files) == set(alone.files)


def test_a_teacher_of_another_network_is_refused(tmp_path: Path, collection: Collection) -> None:
    save_weights(build((64, 64)), tmp_path / "weights.npz")

    with pytest.raises(
        ModelError, match=r"weights\.npz: are of another network; give those of one with [\d,]+ parameters"
    ):
        fit(TINY, collection, {}, tmp_path / "run", RunOptions(), resume=False, teacher=tmp_path / "weights.npz")


def test_a_run_in_the_way_is_not_overwritten_and_an_empty_folder_not_resumed(
    tmp_path: Path, collection: Collection
) -> None:
    with pytest.raises(ConfigError, match=r"holds no state\.npz to resume from"):
        fit(TINY, collection, {}, tmp_path, RunOptions(), resume=True)
    (tmp_path / "state.npz").touch()
    with pytest.raises(ConfigError, match="already holds a run; add --resume"):
        fit(TINY, collection, {}, tmp_path, RunOptions(), resume=False)


def test_the_curves_of_a_history_are_drawn(tmp_path: Path) -> None:
    rows = [",".join(map(str, (epoch, *[0.5] * 9))) for epoch in (1, 2)]
    (tmp_path / "history.csv").write_text("\n".join([",".join(checkpoints.HISTORY_COLUMNS), *rows]) + "\n")

    save_curves(tmp_path / "history.csv", tmp_path / "curves.png")

    assert (tmp_path / "curves.png").stat().st_size > 1000


@pytest.mark.parametrize("content", ["epoch,loss\n1,2\n", "", "epoch,score_loss\n1,x\n"])
def test_a_history_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "history.csv").write_text(content)

    with pytest.raises(DataError, match=r"history\.csv: cannot be read"):
        save_curves(tmp_path / "history.csv", tmp_path / "curves.png")


def test_the_weights_in_the_repository_fit_the_network_that_they_are_of() -> None:
    network = build()

    load_weights(network, Path(recipe_module.__file__).parent / "weights" / "detector-4.npz")

    assert float(np.abs(network.get_layer("logit8").get_weights()[0]).max()) > 0.05  # far from the first values


def test_saved_weights_are_read_again_and_those_of_another_network_refused(tmp_path: Path) -> None:
    network = build((64, 64), SMALL)
    again = build((64, 64), SMALL)
    save_weights(network, tmp_path / "weights.npz")

    load_weights(again, tmp_path / "weights.npz")

    for ours, theirs in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)
    with pytest.raises(ModelError, match="are of another network"):
        load_weights(build((64, 64)), tmp_path / "weights.npz")
    with pytest.raises(ModelError, match="cannot be read"):
        load_weights(network, tmp_path / "absent.npz")
