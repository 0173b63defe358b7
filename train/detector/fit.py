"""Trains a detector into a run folder; a stopped run resumes after its last finished epoch.

The run folder holds ``run.json``, ``history.csv``, ``curves.png``, ``hard.json``, ``state.npz`` and, from the first
epoch on, ``model.keras``: the averaged weights in float32, for the input size of the release.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import cv2
import keras
import numpy as np
from keras import ops

from edge.errors import ModelError
from train.detector.checkpoints import HARD_FILE, HISTORY_COLUMNS, HardBackdrops, SaveAndEvaluate
from train.detector.development import Frame
from train.detector.network import build
from train.detector.plots import save_curves
from train.detector.recipe import Recipe
from train.detector.synthesis.scenes import SceneGenerator
from train.detector.synthesis.sprites import Collection
from train.detector.training_model import TrainingModel, batches
from train.run.backend import jit_compile
from train.run.checkpoints import History, WeightAverage, load_state
from train.run.epochs import train_epochs
from train.run.folder import MODEL_FILE, STATE_FILE, RunOptions, check_folder, write_settings
from train.run.layers import multiply_adds
from train.run.saved import open_model


def fit(
    recipe: Recipe,
    collection: Collection,
    development: Mapping[str, list[Frame]],
    folder: Path,
    options: RunOptions,
    *,
    resume: bool,
    start: Path | None = None,
    teacher: Path | None = None,
    workers: int = 1,
) -> Path:
    """Train on scenes made from ``collection`` and measure on ``development`` after every epoch.

    Args:
        recipe: what to train.
        collection: what is not held back.
        development: see ``development.compose``.
        folder: the run folder; must not hold a run unless ``resume``.
        options: seed, length and precision.
        resume: continue from ``state.npz``.
        start: a file of ``save_weights`` or a ``.keras`` file whose weights a new run starts with.
        teacher: such a file with weights of the recipe's teacher, to learn from.
        workers: threads that draw scenes.

    Returns:
        The path of ``model.keras``.

    Raises:
        ConfigError: a run would be overwritten, there is nothing to resume, or it belongs to another network.
        ModelError: ``start`` or ``teacher`` cannot be read, or holds another network's weights.
    """
    check_folder(folder, resume=resume)
    folder.mkdir(parents=True, exist_ok=True)
    epochs = options.epochs or recipe.epochs
    cv2.setNumThreads(1)  # the scenes of a batch are drawn in parallel instead

    keras.utils.set_random_seed(options.seed)
    keras.mixed_precision.set_dtype_policy(options.precision)
    model = TrainingModel(build(recipe.canvas_px, recipe.network), recipe, _open_teacher(teacher, recipe))
    model((np.zeros((1, *recipe.canvas_px, 1), np.uint8), np.zeros((1, len(model.cells), 5), np.float32)))
    compile_model(model, recipe, epochs)
    if start is not None and not resume:
        load_weights(model.network, start)
    average = WeightAverage(recipe.average)
    done = load_state(folder / STATE_FILE, model, average) if resume else 0
    hard = HardBackdrops(folder / HARD_FILE, done)
    generator = SceneGenerator(collection, recipe.canvas_px, recipe.synthesis)
    write_settings(folder, _settings(recipe, options, epochs, teacher, model.network, collection))

    train_epochs(
        model,
        batches(generator, recipe, options.seed, done, hard.before, workers),
        recipe.steps,
        range(done, epochs),
        [
            average,
            SaveAndEvaluate(folder, recipe, options.seed, average, generator, hard, development),
            History(folder, HISTORY_COLUMNS, save_curves),
        ],
    )
    return folder / MODEL_FILE


def save_weights(network: keras.Model, path: Path) -> None:
    """Write the weights of ``network`` as half floats, in its order: small enough for a repository, to go on from."""
    np.savez_compressed(path, *(np.asarray(ops.convert_to_numpy(weight), np.float16) for weight in network.weights))


def load_weights(network: keras.Model, path: Path) -> None:
    """Give ``network`` the weights of a file of ``save_weights``, or of a ``.keras`` file.

    Raises:
        ModelError: the file cannot be read, or holds another network's weights.
    """
    if path.suffix == ".keras":
        weights = open_model(path).get_weights()
    else:
        try:
            with np.load(path) as file:
                weights = [file[name].astype(np.float32) for name in file.files]
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ModelError(f"weights {path}: cannot be read ({error}), expected an .npz or .keras file") from error
    try:
        network.set_weights(weights)
    except ValueError as error:
        raise ModelError(
            f"weights {path}: are of another network; give those of one with {network.count_params():,} parameters"
        ) from error


def _open_teacher(path: Path | None, recipe: Recipe) -> keras.Model | None:
    if path is None:
        return None
    teacher = build(recipe.canvas_px, recipe.teacher)
    load_weights(teacher, path)
    return teacher


class _Course(Protocol):
    """What the recipe of a detector and that of a refiner both say of the optimizer."""

    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warmup_steps(self) -> int: ...
    @property
    def weight_decay(self) -> float: ...


def compile_model(model: keras.Model, recipe: _Course, epochs: int) -> None:
    """Give ``model``, a network with its loss, AdamW with the recipe's schedule for ``epochs``, ready to be resumed."""
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 100,
        decay_steps=max(1, epochs * recipe.steps - recipe.warmup_steps),
        warmup_target=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
    )
    adamw = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay, global_clipnorm=5.0)
    weights = model.network.trainable_variables
    adamw.exclude_from_weight_decay([each for each in weights if len(each.shape) == 1])
    model.compile(adamw, jit_compile=jit_compile())
    adamw.build(weights)


def _settings(
    recipe: Recipe,
    options: RunOptions,
    epochs: int,
    teacher: Path | None,
    network: keras.Model,
    collection: Collection,
) -> dict[str, object]:
    return {
        "recipe": asdict(recipe),
        "options": asdict(options) | {"epochs": epochs, "teacher": teacher and str(teacher)},
        "parameters": network.count_params(),
        "multiply_adds": multiply_adds(build(recipe.input_px, recipe.network)),
        "photographs": len(collection.photographs),
        "without_faces": len(collection.empty),
        "faces": len(collection.faces),
    }
