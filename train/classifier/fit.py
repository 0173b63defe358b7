"""Trains a recipe into a run folder; a stopped run resumes after its last finished epoch.

The run folder holds ``run.json`` (recipe, data, versions), ``history.csv``, ``curves.png``, ``state.npz`` (everything
needed to resume) and, from the first epoch on, ``model.keras``: the averaged weights in float32.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import keras

from edge.errors import ConfigError, DataError, ModelError
from train.classifier.checkpoints import HISTORY_COLUMNS, SaveAndEvaluate, StopMixup
from train.classifier.distil import framed_predictions, make_views
from train.classifier.narrow import narrow
from train.classifier.recipes import Recipe
from train.classifier.targets import soft_targets
from train.classifier.training_model import TrainingModel, View, batches
from train.data.fer2013 import FaceSet
from train.data.selection import require_split, training_faces
from train.run.backend import jit_compile
from train.run.checkpoints import History, WeightAverage, load_state
from train.run.folder import MODEL_FILE, STATE_FILE, RunOptions, check_folder, write_settings
from train.run.layers import multiply_adds
from train.run.plots import save_curves
from train.run.progress import Progress, silent
from train.run.saved import open_classifier


def fit(
    recipe: Recipe,
    faces: dict[str, FaceSet],
    folder: Path,
    options: RunOptions,
    *,
    resume: bool,
    teachers: Sequence[Path] = (),
    progress: Progress = silent,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Path:
    """Train ``recipe`` on Training and measure it on PublicTest after every epoch.

    Args:
        recipe: what to train.
        faces: the splits; Training and PublicTest are needed.
        folder: the run folder; must not hold a run unless ``resume``.
        options: seed, length, precision and start.
        resume: continue from ``state.npz``.
        teachers: ``.keras`` files, one for each of the recipe's teachers; their predictions are kept in ``views``
            beside the folder.
        progress: told how far the teachers are.
        callbacks: called before those of the run, so that a timer sees an epoch without its evaluation.

    Returns:
        The path of ``model.keras``.

    Raises:
        ConfigError: a run would be overwritten, there is nothing to resume, a split is missing, or the number of
            teachers is wrong.
        DataError: there are fewer images than one batch.
        ModelError: the start or a teacher cannot be loaded, or the start is another network.
    """
    _check_teachers(recipe, teachers)
    check_folder(folder, resume=resume)
    epochs = options.epochs or recipe.epochs
    held_out = require_split(faces, "PublicTest")
    training = training_faces(faces)
    pixels, targets = training.pixels, soft_targets(training)
    if len(pixels) < recipe.batch:
        raise DataError(f"the data has {len(pixels)} images to train on; one batch of {recipe.batch} is the least")

    folder.mkdir(parents=True, exist_ok=True)
    keras.mixed_precision.set_dtype_policy(options.precision)
    views: Sequence[View] = [(pixels, targets)]
    if recipe.teachers and not recipe.views:
        predictions = framed_predictions(teachers, pixels, folder.parent / "views", progress)
        views = [(pixels, (1 - recipe.teacher_share) * targets + recipe.teacher_share * predictions)]
    elif recipe.teachers:
        enough = replace(recipe, views=min(recipe.views, (epochs + 1) // 2))  # each lasts two epochs, see make_views
        views = make_views(enough, teachers, pixels, targets, options.seed, folder.parent / "views", progress)
    keras.utils.set_random_seed(options.seed)
    model = TrainingModel(recipe.network(), recipe, options.seed)
    if options.start and not resume:
        _load_start(options.start, model.network)
    steps = len(pixels) // recipe.batch
    model.compile(_optimizer(recipe, model.network, steps, epochs), jit_compile=jit_compile())
    model((pixels[:2, ..., None], targets[:2]))
    model.optimizer.build(model.network.trainable_variables)
    average = WeightAverage(recipe.average)
    done = load_state(folder / STATE_FILE, model, average) if resume else 0
    write_settings(folder, _settings(recipe, replace(options, epochs=epochs), teachers, model.network, len(pixels)))

    model.fit(
        batches(views, recipe.batch, options.seed, done),
        steps_per_epoch=steps,
        shuffle=False,  # batches shuffles, by seed and epoch
        initial_epoch=done,
        epochs=epochs,
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[
            *callbacks,
            average,
            StopMixup(recipe, epochs),
            SaveAndEvaluate(folder, recipe, average, held_out),
            History(folder, HISTORY_COLUMNS, save_curves),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    return folder / MODEL_FILE


def _check_teachers(recipe: Recipe, teachers: Sequence[Path]) -> None:
    if bool(recipe.teachers) != bool(teachers):
        expected = f"is distilled from {', '.join(recipe.teachers)}" if recipe.teachers else "has no teacher"
        raise ConfigError(f"recipe {recipe.name} {expected}, but {len(teachers)} teachers are given")


def _load_start(start: Path, network: keras.Model) -> None:
    given = open_classifier(start)
    if [weight.shape for weight in given.weights] == [weight.shape for weight in network.weights]:
        network.set_weights(given.get_weights())
        return
    try:
        narrow(given, network)
    except ModelError as error:
        raise ModelError(f"model {start}: {error}; give a model.keras of the same recipe") from error


def _optimizer(recipe: Recipe, network: keras.Model, steps: int, epochs: int) -> keras.optimizers.Optimizer:
    warmup = recipe.warmup_epochs * steps
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 10,
        decay_steps=max(1, epochs * steps - warmup),
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay([v for v in network.trainable_variables if len(v.shape) == 1])
    return optimizer


def _settings(
    recipe: Recipe, options: RunOptions, teachers: Sequence[Path], network: keras.Model, images: int
) -> dict[str, object]:
    return {
        "recipe": {key: value for key, value in asdict(recipe).items() if key != "network"},
        "options": asdict(options)
        | {"start": options.start and str(options.start), "teachers": [str(teacher) for teacher in teachers]},
        "parameters": network.count_params(),
        "multiply_adds": multiply_adds(network),
        "training_pictures": images,
    }
