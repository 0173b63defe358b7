"""The runs that a recipe needs, those of its teachers first, and how long they take on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from edge.labels import EMOTIONS, HEADS, INPUT_SIZE_PX
from train.classifier.recipes import Recipe, load
from train.classifier.training_model import TrainingModel
from train.run.backend import jit_compile
from train.run.checkpoints import finished_epochs
from train.run.folder import MODEL_FILE, RunOptions
from train.run.layers import multiply_adds

_BACKWARD = 2
"""Multiply-adds of a step backward for each of the step forward."""

_TIMED_STEPS, _TIMED_BATCH = 2, 128


@dataclass(frozen=True, slots=True)
class Run:
    """One training, by the arguments of ``fit``; ``teachers`` are model files."""

    recipe: Recipe
    folder: Path
    options: RunOptions
    teachers: tuple[Path, ...]

    @property
    def epochs_left(self) -> int:
        """How many epochs are still to train."""
        return max(0, (self.options.epochs or self.recipe.epochs) - finished_epochs(self.folder))


def chain(
    recipe: Recipe,
    folder: Path,
    options: RunOptions,
    *,
    teachers: Sequence[Path] = (),
    teacher_epochs: int | None = None,
) -> tuple[Run, ...]:
    """The run of ``recipe`` in ``folder``, after those of its teachers and its start in folders beside it.

    Args:
        recipe: what to train in the end.
        folder: of its run.
        options: of its run; the others share seed and precision.
        teachers: model files to take instead of the recipe's teachers and start.
        teacher_epochs: the length of the other runs (default: as their recipes say).
    """
    runs: dict[str, Run] = {}

    def add(recipe: Recipe, folder: Path, options: RunOptions, teachers: Sequence[Path]) -> None:
        def model(name: str) -> Path:
            if name not in runs:
                other = replace(options, epochs=teacher_epochs, start=None)
                add(load(name), folder.with_name(f"{name}-{options.seed}"), other, ())
            return runs[name].folder / MODEL_FILE

        taught = tuple(teachers or map(model, recipe.teachers))
        if recipe.start and not (options.start or teachers):
            options = replace(options, start=model(recipe.start))
        runs[recipe.name] = Run(recipe, folder, options, taught)

    add(recipe, folder, options, teachers)
    return tuple(runs.values())


def describe(runs: Sequence[Run], images: int) -> str:
    """What is still to train of a ``chain`` on so many images, and how long it takes, by a few steps measured now."""
    costs = {run.recipe.name: multiply_adds(run.recipe.network()) for run in runs}
    largest = max(runs, key=lambda run: costs[run.recipe.name])  # most of the work is done in networks like it
    speed = _multiply_adds_per_second(largest, costs[largest.recipe.name])
    lines, total_s = [], 0.0
    for run in runs:
        passes = (1 + _BACKWARD) * costs[run.recipe.name] + sum(costs[name] for name in run.recipe.teachers)
        seconds = run.epochs_left * images * passes / speed
        total_s += seconds
        left = f"{_count(run.epochs_left, 'epoch')}, {_duration(seconds)}" if seconds else "finished"
        lines.append(f"  {run.folder}: {left}")
    head = (
        f"recipe {runs[-1].recipe.name}: {len(runs)} runs, about {_duration(total_s)} on this machine, as busy as it is"
    )
    return "\n".join([head, *lines])


def _multiply_adds_per_second(run: Run, cost: int) -> float:
    """The speed of the run's training steps without teachers."""
    keras.mixed_precision.set_dtype_policy(run.options.precision)
    size = min(run.recipe.batch, _TIMED_BATCH)
    model = TrainingModel(run.recipe.network(), run.recipe, seed=0)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), jit_compile=jit_compile())
    pixels = np.zeros((size, INPUT_SIZE_PX, INPUT_SIZE_PX, 1), np.uint8)
    batch = (pixels, np.full((size, len(HEADS), len(EMOTIONS)), 1 / len(EMOTIONS), np.float32))
    model(batch)
    model.train_on_batch(batch)  # compiles
    begun_s = time.perf_counter()
    for _ in range(_TIMED_STEPS):
        model.train_on_batch(batch)
    return _TIMED_STEPS * size * (1 + _BACKWARD) * cost / (time.perf_counter() - begun_s)


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return _count(minutes, "minute") if minutes < 100 else f"{minutes / 60:.0f} hours"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
