"""The chain of runs behind a recipe, and what is said of it beforehand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra train")

from train.classifier import chain as chains
from train.classifier.chain import chain, describe
from train.classifier.recipes import Recipe, load
from train.run.folder import RunOptions
from train.run.layers import multiply_adds


def test_every_run_of_a_chain_comes_once_and_after_those_that_it_needs(tmp_path: Path) -> None:
    runs = chain(load("light"), tmp_path / "mine", RunOptions(seed=3, epochs=9), teacher_epochs=5)

    made: list[Path] = []
    for run in runs:
        assert {*run.teachers, *filter(None, [run.options.start])} <= {*made}
        made.append(run.folder / "model.keras")
    assert [path.parent.name for path in made] == ["plain-3", "wide-3", "dense-3", "standard-3", "mine"]
    assert [run.epochs_left for run in runs] == [5, 5, 5, 5, 9]
    assert {run.options.seed for run in runs} == {3}


def test_an_epoch_costs_three_passes_of_the_network_and_one_of_each_teacher(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = multiply_adds(tiny_recipe.network())
    monkeypatch.setattr(chains, "_multiply_adds_per_second", lambda *_: 1000 * cost / 3600)
    (teacher,) = chain(replace(tiny_recipe, name="teacher"), tmp_path / "teacher", RunOptions(epochs=20))
    student = replace(teacher, recipe=replace(tiny_recipe, teachers=("teacher",)), folder=tmp_path / "student")

    before = describe([teacher, student], images=100)
    teacher.folder.mkdir()
    np.savez(teacher.folder / "state.npz", epoch=20)
    after = describe([teacher, student], images=100)

    assert before.splitlines() == [
        "recipe tiny: 2 runs, about 14 hours on this machine, as busy as it is",
        f"  {teacher.folder}: 20 epochs, 6 hours",
        f"  {student.folder}: 20 epochs, 8 hours",
    ]
    assert after.splitlines()[0].startswith("recipe tiny: 2 runs, about 8 hours")
    assert after.splitlines()[1] == f"  {teacher.folder}: finished"
