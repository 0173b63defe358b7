"""Averaging the weights of several runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError  # noqa: E402
from train.classifier.fit import fit  # noqa: E402
from train.classifier.recipes import Recipe  # noqa: E402
from train.classifier.weight_average import fit_averaged  # noqa: E402
from train.data.fer2013 import FaceSet  # noqa: E402
from train.run.folder import RunOptions  # noqa: E402


@pytest.fixture
def recipe(tiny_recipe: Recipe) -> Recipe:
    return replace(tiny_recipe, start="any", runs=2)


@pytest.fixture
def start(recipe: Recipe, tmp_path: Path) -> Path:
    keras.utils.set_random_seed(5)
    recipe.network().save(tmp_path / "start.keras")
    return tmp_path / "start.keras"


def weights(model: Path) -> list[np.ndarray]:
    return list(keras.saving.load_model(model).get_weights())


def test_the_average_of_runs_with_seeds_one_after_the_other_is_a_run_itself(
    recipe: Recipe, splits: dict[str, FaceSet], start: Path, tmp_path: Path
) -> None:
    options = RunOptions(seed=3, start=start)

    mean = fit_averaged(recipe, splits, tmp_path / "average", options, resume=False)

    alone = [fit(recipe, splits, tmp_path / f"{seed}", replace(options, seed=seed), resume=False) for seed in (3, 4)]
    assert mean == tmp_path / "average" / "model.keras"
    for ours, first, second in zip(weights(mean), *map(weights, alone), strict=True):
        np.testing.assert_allclose(ours, (first + second) / 2, rtol=1e-4, atol=1e-5)
    assert {path.name for path in mean.parent.iterdir()} >= {"run.json", "history.csv", "curves.png"}


def test_a_run_that_is_finished_is_not_trained_again(
    recipe: Recipe, splits: dict[str, FaceSet], start: Path, tmp_path: Path
) -> None:
    options = RunOptions(start=start)
    before = weights(fit(recipe, splits, tmp_path / "average" / "seed-0", options, resume=False))

    fit_averaged(recipe, splits, tmp_path / "average", options, resume=True)

    for ours, theirs in zip(weights(tmp_path / "average" / "seed-0" / "model.keras"), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_runs_without_a_common_start_are_not_averaged(
    recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="recipe tiny averages 2 runs; name the model they start from with --start"):
        fit_averaged(recipe, splits, tmp_path / "average", RunOptions(), resume=False)
