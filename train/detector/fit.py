"""Train a detector into a run folder; stop at any time and resume at the last finished epoch.

The run folder holds ``run.json``, ``history.csv``, ``curves.png``, ``hard.json``, ``state.npz`` and, after every
epoch, ``model.keras``: the averaged weights in float32, for the input of the release.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import cv2
import keras
import numpy as np

from edge.errors import ConfigError
from train.classifier.fit import RunOptions, jit
from train.classifier.network import multiply_adds
from train.detector.checkpoints import HardBackdrops, Journal, Rows
from train.detector.development import Frame
from train.detector.network import build
from train.detector.recipe import Recipe
from train.detector.synthesis.scenes import SceneGenerator
from train.detector.synthesis.sprites import Collection
from train.detector.training_model import TrainingModel, batches
from train.run.checkpoints import WeightAverage, load_state


def fit(
    recipe: Recipe,
    collection: Collection,
    development: Mapping[str, list[Frame]],
    folder: Path,
    options: RunOptions,
    *,
    resume: bool,
    workers: int = 1,
) -> Path:
    """Train on scenes from ``collection``, watching ``development``.

    Args:
        recipe: what to train.
        collection: what is not held back.
        development: see ``development.compose``.
        folder: the run folder; must not hold a run unless ``resume``.
        options: seed, length and precision.
        resume: go on from ``state.npz``.
        workers: threads that draw scenes.

    Returns:
        The path of ``model.keras``.

    Raises:
        ConfigError: a run is in the way, there is nothing to resume, or it is another network's.
    """
    state = folder / "state.npz"
    if resume and not state.is_file():
        raise ConfigError(f"run {folder}: holds no state.npz to resume from")
    if not resume and state.exists():
        raise ConfigError(f"run {folder}: already holds a run; add --resume to go on or name another folder with --run")
    folder.mkdir(parents=True, exist_ok=True)
    epochs = options.epochs or recipe.epochs
    cv2.setNumThreads(1)  # the scenes of a batch are drawn at once instead

    keras.utils.set_random_seed(options.seed)
    keras.mixed_precision.set_dtype_policy(options.precision)
    model = TrainingModel(build(recipe.canvas_px), recipe)
    model.compile(_optimizer(recipe, model.student, epochs), jit_compile=jit())
    cells = len(model.cells)
    model((np.zeros((1, *recipe.canvas_px, 1), np.uint8), np.zeros((1, cells, 5), np.float32)))
    model.optimizer.build(model.student.trainable_variables)
    average = WeightAverage(recipe.average)
    done = load_state(state, model, average) if resume else 0
    hard = HardBackdrops(folder / "hard.json", done)
    generator = SceneGenerator(collection, recipe.canvas_px, recipe.synthesis)
    _write_run(folder / "run.json", recipe, options, epochs, model.student, collection)

    model.fit(
        batches(generator, recipe, options.seed, done, hard.before, workers),
        steps_per_epoch=recipe.steps,
        shuffle=False,  # batches does, by seed and epoch
        initial_epoch=done,
        epochs=epochs,
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[
            average,
            Journal(folder, recipe, options.seed, average, generator, hard, development),
            Rows(folder),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    return folder / "model.keras"


def _optimizer(recipe: Recipe, student: keras.Model, epochs: int) -> keras.optimizers.Optimizer:
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 100,
        decay_steps=max(1, epochs * recipe.steps - recipe.warmup_steps),
        warmup_target=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay, global_clipnorm=5.0)
    optimizer.exclude_from_weight_decay([v for v in student.trainable_variables if len(v.shape) == 1])
    return optimizer


def _write_run(
    path: Path, recipe: Recipe, options: RunOptions, epochs: int, student: keras.Model, collection: Collection
) -> None:
    document = {
        "recipe": asdict(recipe),
        "options": asdict(options) | {"epochs": epochs},
        "parameters": student.count_params(),
        "multiply_adds": multiply_adds(build(recipe.input_px)),
        "photographs": len(collection.photographs),
        "without_faces": len(collection.empty),
        "faces": len(collection.faces),
        "versions": {
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
