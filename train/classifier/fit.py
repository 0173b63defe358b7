"""Train a recipe into a run folder; stop at any time and resume at the last finished epoch.

The run folder holds ``run.json`` (recipe, data, versions), ``history.csv``, ``curves.png``, ``state.npz`` (everything
needed to resume) and, after every epoch, ``model.keras``: the averaged weights in float32.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np

from edge.errors import ConfigError, DataError, ModelError
from train.classifier.distil import views
from train.classifier.network import multiply_adds
from train.classifier.recipes import Recipe
from train.classifier.targets import soft_targets, training_mask
from train.classifier.training_model import TrainingModel, View, batches
from train.data.fer2013 import FaceSet
from train.run.checkpoints import History, Journal, WeightAverage, load_state
from train.run.progress import Progress, silent
from train.run.saved import open_classifier


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run may vary without being another recipe.

    ``epochs`` None means the recipe's; ``start`` is a ``.keras`` file of the same network to begin from instead of from
    random weights.
    """

    seed: int = 0
    epochs: int | None = None
    precision: str = "float32"
    start: Path | None = None


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
    """Train ``recipe`` on Training, watching PublicTest.

    Args:
        recipe: what to train.
        faces: the splits; Training and PublicTest are needed.
        folder: the run folder; must not hold a run unless ``resume``.
        options: seed, length, precision and start.
        resume: go on from ``state.npz``.
        teachers: ``.keras`` files, one for each of the recipe's; their answers are kept in ``views`` beside
            the folder.
        progress: told how far the teachers are.
        callbacks: called before those of the run, so that they see an epoch without what is measured after it.

    Returns:
        The path of ``model.keras``.

    Raises:
        ConfigError: a run is in the way, there is nothing to resume, or a split is missing.
        DataError: there are fewer pictures than one batch.
        ModelError: the start or a teacher cannot be loaded, or the start is another network.
    """
    _check(recipe, faces, folder, teachers, resume=resume)
    epochs = options.epochs or recipe.epochs
    training, held_out = faces["Training"], faces["PublicTest"]
    keep = training_mask(training, [other for split, other in faces.items() if split != "Training"])
    pixels, targets = training.pixels[keep], soft_targets(training)[keep]
    if len(pixels) < recipe.batch:
        raise DataError(f"data has {len(pixels)} pictures to learn from, expected at least one batch of {recipe.batch}")

    folder.mkdir(parents=True, exist_ok=True)
    keras.mixed_precision.set_dtype_policy(options.precision)
    lessons: Sequence[View] = [(pixels, targets)]
    if recipe.teachers:
        enough = replace(recipe, views=min(recipe.views, (epochs + 1) // 2))  # each view is two lessons
        lessons = views(enough, teachers, pixels, targets, options.seed, folder.parent / "views", progress)
    keras.utils.set_random_seed(options.seed)
    model = TrainingModel(recipe.network(), recipe, options.seed)
    if options.start and not resume:
        _begin_from(options.start, model.student)
    steps = len(pixels) // recipe.batch
    model.compile(_optimizer(recipe, model.student, steps, epochs), jit_compile=jit())
    model((pixels[:2, ..., np.newaxis], targets[:2]))
    model.optimizer.build(model.student.trainable_variables)
    average = WeightAverage(recipe.average)
    done = load_state(folder / "state.npz", model, average) if resume else 0
    _write_run(folder / "run.json", recipe, replace(options, epochs=epochs), teachers, model.student, len(pixels))

    model.fit(
        batches(lessons, recipe.batch, options.seed, done),
        steps_per_epoch=steps,
        shuffle=False,  # batches does, by seed and epoch
        initial_epoch=done,
        epochs=epochs,
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[
            *callbacks,
            average,
            Journal(folder, recipe, epochs, average, held_out),
            History(folder),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    return folder / "model.keras"


def _check(recipe: Recipe, faces: dict[str, FaceSet], folder: Path, teachers: Sequence[Path], *, resume: bool) -> None:
    if bool(recipe.teachers) != bool(teachers):
        wanted = f"learns from {', '.join(recipe.teachers)}" if recipe.teachers else "has no teacher"
        raise ConfigError(f"recipe {recipe.name} {wanted}, but {len(teachers)} teachers are given")
    state = folder / "state.npz"
    if resume and not state.is_file():
        raise ConfigError(f"run {folder}: holds no state.npz to resume from")
    if not resume and state.exists():
        raise ConfigError(f"run {folder}: already holds a run; add --resume to go on or name another folder with --run")
    for split in ("Training", "PublicTest"):
        if split not in faces:
            raise ConfigError(f"data has no {split} split, it has {', '.join(faces)}")


def _begin_from(start: Path, student: keras.Model) -> None:
    weights = open_classifier(start).get_weights()
    if [weight.shape for weight in weights] != [tuple(weight.shape) for weight in student.weights]:
        raise ModelError(f"model {start}: is not the recipe's network, expected a model.keras of the same recipe")
    student.set_weights(weights)


def _optimizer(recipe: Recipe, student: keras.Model, steps: int, epochs: int) -> keras.optimizers.Optimizer:
    warmup = recipe.warmup_epochs * steps
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 10,
        decay_steps=max(1, epochs * steps - warmup),
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay([v for v in student.trainable_variables if len(v.shape) == 1])
    return optimizer


def jit() -> bool | str:
    """TensorFlow's XLA makes convolutions on a CPU four times slower (measured); the others know best."""
    return False if keras.backend.backend() == "tensorflow" else "auto"


def _write_run(
    path: Path, recipe: Recipe, options: RunOptions, teachers: Sequence[Path], student: keras.Model, pictures: int
) -> None:
    settings = {key: value for key, value in asdict(recipe).items() if key != "network"}
    document = {
        "recipe": settings,
        "options": asdict(options)
        | {"start": options.start and str(options.start), "teachers": [str(teacher) for teacher in teachers]},
        "parameters": student.count_params(),
        "multiply_adds": multiply_adds(student),
        "training_pictures": pictures,
        "versions": {
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
