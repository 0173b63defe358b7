"""Trains a recipe into a run folder; a stopped run resumes after its last finished epoch.

The run folder holds ``run.json`` (recipe, data, versions), ``history.csv``, ``curves.png``, ``state.npz`` (everything
needed to resume) and, from the first epoch on, ``model.keras``: the averaged weights in float32.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np

from edge.errors import ConfigError, DataError, ModelError
from edge.labels import EMOTIONS, HEADS
from train.classifier.checkpoints import HISTORY_COLUMNS, SaveAndEvaluate, StopMixup
from train.classifier.narrow import narrow
from train.classifier.network import for_labels
from train.classifier.recipes import Recipe
from train.classifier.shipped import SHIPPED
from train.classifier.targets import soft_targets
from train.classifier.training_model import TrainingModel, batches
from train.data.fer2013 import FaceSet
from train.data.selection import require_split, training_faces
from train.run.backend import jit_compile
from train.run.checkpoints import History, WeightAverage, finished_epochs, load_state
from train.run.epochs import train_epochs
from train.run.folder import MODEL_FILE, STATE_FILE, RunOptions, check_folder, locked, read_settings, write_settings
from train.run.layers import multiply_adds
from train.run.plots import save_curves
from train.run.saved import head_names, open_classifier, read_labels

LEAST = 8
"""Images to train on."""

_log = logging.getLogger(__name__)


def fit(
    recipe: Recipe,
    faces: dict[str, FaceSet],
    folder: Path,
    options: RunOptions,
    *,
    resume: bool,
    teachers: Sequence[Path] = (),
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Path:
    """Train ``recipe`` on Training and measure it on PublicTest after every epoch.

    A run that has all its epochs stays as it is.

    Args:
        recipe: what to train.
        faces: the splits; Training and PublicTest are needed.
        folder: the run folder; must not hold a run unless ``resume``.
        options: seed, length, precision and start.
        resume: continue from ``state.npz``.
        teachers: ``.keras`` files to learn from, for a recipe that has teachers.
        callbacks: called before those of the run, so that a timer sees an epoch without its evaluation.

    Returns:
        The path of ``model.keras``.

    Raises:
        ConfigError: a run would be overwritten or is being trained, there is nothing to resume, or other data, a split
            is missing, the number of teachers is wrong, or the folder cannot be written.
        DataError: there are fewer than ``LEAST`` images.
        ModelError: the start or a teacher cannot be loaded, or the start is another network.
    """
    _check_teachers(recipe, teachers, require_split(faces, "Training").classes)
    with locked(folder):
        check_folder(folder, resume=resume)
        return _fit(recipe, faces, folder, options, resume, teachers, callbacks)


def _fit(
    recipe: Recipe,
    faces: dict[str, FaceSet],
    folder: Path,
    options: RunOptions,
    resume: bool,
    teachers: Sequence[Path],
    callbacks: Sequence[keras.callbacks.Callback],
) -> Path:
    epochs = options.epochs or recipe.epochs
    held_out = require_split(faces, "PublicTest")
    training = training_faces(faces)
    pixels, targets = training.pixels, soft_targets(training)
    if len(pixels) < LEAST:
        raise DataError(f"the data has {len(pixels)} images to train on; {LEAST} are the least")
    recipe = replace(recipe, batch=min(recipe.batch, len(pixels)))
    sha256 = _fingerprint(training, held_out)
    if resume:
        _check_resumed(folder, sha256, epochs)
    if finished_epochs(folder) >= epochs:
        _log.warning(
            "run %s: has its %d epochs already, so nothing was trained; --epochs asks for more", folder, epochs
        )
        return folder / MODEL_FILE

    keras.mixed_precision.set_dtype_policy(options.precision)
    keras.utils.set_random_seed(options.seed)
    network = for_labels(recipe.network(), training.classes)
    model = TrainingModel(network, recipe, options.seed, [_open_teacher(each) for each in teachers])
    if options.start and not resume:
        _load_start(options.start, network, training.classes)
    steps = len(pixels) // recipe.batch
    model.compile(_optimizer(recipe, network, steps, epochs), jit_compile=jit_compile())
    model((pixels[:2, ..., None], targets[:2]))
    model.optimizer.build(network.trainable_variables)
    average = WeightAverage(recipe.average)
    done = load_state(folder / STATE_FILE, model, average) if resume else 0
    settings = _settings(recipe, replace(options, epochs=epochs), teachers, network, len(pixels))
    data = {"name": training.data, "sha256": sha256}
    write_settings(folder, {**settings, "labels": training.classes, "data": data})

    train_epochs(
        model,
        batches(pixels, targets, recipe.batch, options.seed, done),
        steps,
        range(done, epochs),
        [
            *callbacks,
            average,
            StopMixup(recipe, epochs),
            SaveAndEvaluate(folder, recipe, average, held_out),
            History(folder, HISTORY_COLUMNS, save_curves),
        ],
    )
    return folder / MODEL_FILE


def _fingerprint(*faces: FaceSet) -> str:
    """Of the faces and labels that a run is trained and measured on."""
    digest = hashlib.sha256("\n".join(faces[0].classes).encode())
    for each in faces:
        digest.update(each.pixels.tobytes())
        digest.update(each.labels.tobytes())
    return digest.hexdigest()


def _check_resumed(folder: Path, sha256: str, epochs: int) -> None:
    settings = read_settings(folder)
    before = settings.get("data", {}).get("sha256", sha256)  # runs of older versions do not say
    if before != sha256:
        raise ConfigError(
            f"run {folder}: was trained on other data, {settings['data'].get('name')}; resume with the same data, or "
            "name another folder with --run"
        )
    planned = settings.get("options", {}).get("epochs", epochs)
    if planned != epochs:
        _log.warning("run %s: was planned for %d epochs; with %d its learning rate jumps", folder, planned, epochs)


def _check_teachers(recipe: Recipe, teachers: Sequence[Path], labels: tuple[str, ...]) -> None:
    if recipe.teachers and labels != EMOTIONS:
        raise ConfigError(
            f"recipe {recipe.name}: is distilled from models of {', '.join(EMOTIONS)}, but the data has the labels "
            f"{', '.join(labels)}; use --start {SHIPPED} instead of a recipe, or --recipe first"
        )
    if recipe.teachers and not teachers:
        raise ConfigError(
            f"recipe {recipe.name}: learns from teachers, but none is given; give files of {', '.join(recipe.teachers)}"
        )
    if teachers and not recipe.teachers:
        raise ConfigError(f"recipe {recipe.name}: learns from no teacher, but {teachers[0]} is given; leave it out")


def _open_teacher(path: Path) -> keras.Model:
    teacher = open_classifier(path)
    if len(teacher.outputs) != len(HEADS):
        raise ModelError(f"teacher {path}: has other labels than {', '.join(EMOTIONS)}; give a model of those")
    return teacher


def _load_start(start: Path, network: keras.Model, labels: tuple[str, ...]) -> None:
    given = open_classifier(start)
    known = EMOTIONS if len(given.outputs) > 1 else read_labels(start)
    if head_names(labels) != HEADS or known != labels:
        _load_features(start, given, network, known or (), labels)
        return
    if [weight.shape for weight in given.weights] == [weight.shape for weight in network.weights]:
        network.set_weights(given.get_weights())
        return
    try:
        narrow(given, network)
    except ModelError as error:
        raise ModelError(f"model {start}: {error}; give a model.keras of the same recipe") from error


def _load_features(
    start: Path, given: keras.Model, network: keras.Model, known: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    """Copy all but the heads, and what the first head has learnt of labels that both know."""
    theirs, ours = (model.weights[: -2 * len(model.outputs)] for model in (given, network))
    if [weight.shape for weight in theirs] != [weight.shape for weight in ours]:
        raise ModelError(f"model {start}: is another network than the recipe's; give a model.keras of the same recipe")
    for mine, other in zip(ours, theirs, strict=True):
        mine.assign(other)
    kernel, bias = (np.asarray(weight) for weight in given.get_layer(given.output_names[0]).weights)
    for head in head_names(labels):
        weights, biases = (np.array(weight) for weight in network.get_layer(head).weights)
        for place, label in enumerate(labels):
            if label in known:
                weights[:, place], biases[place] = kernel[:, known.index(label)], bias[known.index(label)]
        network.get_layer(head).set_weights([weights, biases])


def _optimizer(recipe: Recipe, network: keras.Model, steps: int, epochs: int) -> keras.optimizers.Optimizer:
    warmup = min(recipe.warmup_epochs * steps, epochs * steps // 2)
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
