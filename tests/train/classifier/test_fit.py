"""A training run: what it writes, and that a stopped run resumes exactly."""

from __future__ import annotations

import csv
import itertools
import json
import re
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError, ModelError  # noqa: E402
from train.classifier import recipes  # noqa: E402
from train.classifier.fit import fit  # noqa: E402
from train.classifier.network import Stage, build  # noqa: E402
from train.classifier.recipes import Recipe  # noqa: E402
from train.classifier.training_model import batches  # noqa: E402
from train.data.fer2013 import FaceSet  # noqa: E402
from train.run.checkpoints import History  # noqa: E402
from train.run.folder import RunOptions, locked  # noqa: E402


@pytest.fixture
def recipe(tiny_recipe: Recipe) -> Recipe:
    return replace(tiny_recipe, epochs=2)


def weights(model: Path) -> list[np.ndarray]:
    return list(keras.saving.load_model(model).get_weights())


def test_a_run_writes_model_history_curves_and_settings(
    recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path
) -> None:
    model = fit(recipe, splits, tmp_path / "run", RunOptions(seed=3), resume=False)

    network = keras.saving.load_model(model)
    run = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    history = (tmp_path / "run" / "history.csv").read_text("utf-8").splitlines()
    assert network.input_shape == (None, 48, 48, 1)
    assert network.output_shape == [(None, 7)] * 2
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert run["recipe"]["name"] == "tiny"
    assert run["options"] == {"seed": 3, "epochs": 2, "precision": "float32", "start": None, "teachers": []}
    assert run["parameters"] == network.count_params()
    assert len(history) == 1 + 2
    assert (tmp_path / "run" / "curves.png").stat().st_size > 1000


def test_a_stopped_run_ends_at_the_same_weights_as_an_uninterrupted_one(
    recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(recipe, splits, tmp_path / "whole", RunOptions(), resume=False)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, splits, tmp_path / "stopped", RunOptions(), resume=False)
    resumed = fit(recipe, splits, tmp_path / "stopped", RunOptions(), resume=True)

    for ours, theirs in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_run_shorter_than_its_warm_up_still_ends_at_a_low_learning_rate(
    recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path
) -> None:
    fit(replace(recipe, warmup_epochs=9), splits, tmp_path / "run", RunOptions(), resume=False)

    with (tmp_path / "run" / "history.csv").open(encoding="ascii") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert rates[-1] < 0.1 * recipe.learning_rate <= rates[0]


def test_a_short_run_is_measured_by_what_it_has_learnt(
    recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path
) -> None:
    halves = {}
    for split, faces in splits.items():
        labels = (np.arange(len(faces)) % 2).astype(np.uint8)
        pixels = np.random.default_rng(len(faces)).integers(0, 120, faces.pixels.shape, np.uint8)
        pixels[labels == 0, :24] += 100
        pixels[labels == 1, 24:] += 100
        halves[split] = replace(
            faces, pixels=pixels, labels=labels, votes=None, classes=("up", "down"), data="mine", distinct=True
        )

    fit(replace(recipe, epochs=12, batch=16), halves, tmp_path / "run", RunOptions(), resume=False)

    with (tmp_path / "run" / "history.csv").open(encoding="ascii") as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["val_accuracy"]) > 0.8


def test_a_start_that_is_no_keras_file_is_named_and_leaves_no_folder(
    recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path
) -> None:
    for name in ("faces.csv", "model.tflite"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(ModelError) as error:
            fit(recipe, splits, tmp_path / "run", RunOptions(start=tmp_path / name), resume=False)
        assert str(error.value) == f"model {tmp_path / name}: is not a Keras model; give a .keras file of fer-train"
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten(recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path) -> None:
    (tmp_path / "state.npz").touch()

    with pytest.raises(ConfigError, match="already holds a run; add --resume"):
        fit(recipe, splits, tmp_path, RunOptions(), resume=False)


def test_an_empty_folder_cannot_be_resumed(recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no state\.npz to resume from"):
        fit(recipe, splits, tmp_path, RunOptions(), resume=True)


def test_a_state_of_another_recipe_is_refused(recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path) -> None:
    fit(replace(recipe, epochs=1), splits, tmp_path, RunOptions(), resume=False)
    wider = replace(recipe, network=lambda: build(8, (Stage(8, 1, separable=True),), 0.1))

    with pytest.raises(ConfigError, match="belongs to another recipe"):
        fit(wider, splits, tmp_path, RunOptions(), resume=True)


def test_a_missing_split_is_named(recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the data has no PublicTest split; it has Training"):
        fit(recipe, {"Training": splits["Training"]}, tmp_path, RunOptions(), resume=False)


def numbered(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of 2x2 pixels that all have the image's number, and targets that have it too."""
    numbers = np.arange(count, dtype=np.uint8)
    return numbers[:, None, None] * np.ones((1, 2, 2), np.uint8), np.tile(numbers[:, None, None], (1, 2, 7)).astype(
        "f4"
    )


def test_batches_hold_every_face_with_its_target_once_an_epoch_in_another_order_each() -> None:
    drawn = [batch for (batch,) in itertools.islice(batches(*numbered(32), 8, seed=1, epoch=0), 8)]

    first, second = (np.concatenate([pixels[:, 0, 0, 0] for pixels, _ in drawn[i : i + 4]]) for i in (0, 4))
    assert sorted(first) == list(range(32)) == sorted(second)
    assert list(first) != list(second)
    assert drawn[0][0].shape == (8, 2, 2, 1)
    assert all((pixels[:, 0, 0, 0] == targets[:, 0, 0]).all() for pixels, targets in drawn)


def test_batches_of_a_later_epoch_are_those_of_an_uninterrupted_run() -> None:
    uninterrupted = list(itertools.islice(batches(*numbered(32), 8, seed=1, epoch=0), 8))[4:]
    resumed = itertools.islice(batches(*numbered(32), 8, seed=1, epoch=1), 4)

    for ours, theirs in zip(resumed, uninterrupted, strict=True):
        np.testing.assert_array_equal(ours[0][0], theirs[0][0])


def test_an_unknown_recipe_is_refused_and_the_others_named() -> None:
    with pytest.raises(ConfigError, match=re.escape("recipe 'best' does not exist; there are dense, first")):
        recipes.load("best")


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_states_what_it_is(name: str) -> None:
    recipe = recipes.load(name)

    assert recipe.name == name
    assert recipe.network().output_shape == [(None, 7)] * 2


def own(faces: dict[str, FaceSet], *classes: str) -> dict[str, FaceSet]:
    """The same faces with labels of somebody's own, as many as ``classes``."""
    return {
        split: replace(
            each, labels=(each.labels % len(classes)).astype(np.uint8), classes=classes, data="mine", distinct=True
        )
        for split, each in faces.items()
    }


def test_labels_of_ones_own_begin_with_the_features_of_the_start_and_with_what_both_know(
    recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path
) -> None:
    start = fit(recipe, splits, tmp_path / "start", RunOptions(), resume=False)
    calm = replace(recipe, epochs=1, learning_rate=1e-9, mixup=0.0)

    model = fit(calm, own(splits, "bored", "happy"), tmp_path / "run", RunOptions(start=start), resume=False)

    before, after = (keras.saving.load_model(path) for path in (start, model))
    assert after.output_shape == (None, 2)
    np.testing.assert_allclose(after.get_weights()[0], before.get_weights()[0], atol=1e-5)
    kernel = before.get_layer("ferplus").get_weights()[0]
    np.testing.assert_allclose(after.get_layer("emotion").get_weights()[0][:, 1], kernel[:, 3], atol=1e-4)
    run = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert run["labels"] == ["bored", "happy"]
    assert run["data"]["name"] == "mine"


def test_a_run_resumes_only_with_its_own_data_and_is_left_alone_when_it_is_finished(
    recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(recipe, splits, tmp_path / "run", RunOptions(epochs=1), resume=False)
    before = (tmp_path / "run" / "run.json").read_bytes()
    other = {split: replace(each, pixels=255 - each.pixels) for split, each in splits.items()}

    with pytest.raises(ConfigError, match="was trained on other data, FER2013; resume with the same data"):
        fit(recipe, other, tmp_path / "run", RunOptions(epochs=2), resume=True)
    fit(recipe, splits, tmp_path / "run", RunOptions(epochs=1), resume=True)

    assert "has its 1 epochs already, so nothing was trained" in caplog.text
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_two_trainings_do_not_share_a_folder(recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        with pytest.raises(ConfigError, match="is being trained by another process; name another with --run"):
            fit(recipe, splits, tmp_path / "run", RunOptions(), resume=False)
        assert list((tmp_path / "run").iterdir()) == []

    assert not (tmp_path / "run").exists()


def test_a_full_disk_ends_a_run_in_one_sentence_and_leaves_nothing_half_written(
    recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        with pytest.raises(ConfigError, match=r"cannot be written \(.*\); make room or name another folder"):
            fit(recipe, splits, tmp_path / "run", RunOptions(), resume=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.json"]
