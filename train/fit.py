"""Train a recipe into a run folder; stop at any time and resume at the last finished epoch.

The run folder holds ``run.json`` (recipe, data, versions), ``history.csv``, ``curves.png``, ``state.npz`` (everything
needed to resume) and, after every epoch, ``model.keras``: the averaged weights in float32.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edge.contract import EMOTIONS
from edge.errors import ConfigError, DataError
from train.augment import Augment
from train.fer2013 import FaceSet
from train.metrics import measure, softmax
from train.network import multiply_adds
from train.plots import save_curves
from train.recipes import Recipe
from train.targets import keep_mask, soft_targets

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run may vary without being another recipe."""

    seed: int = 0
    epochs: int | None = None
    precision: str = "float32"


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of (grey uint8 pictures, targets), in an order that seed and epoch decide."""

    def __init__(self, pixels: npt.NDArray[np.uint8], targets: Floats, size: int, seed: int, epoch: int) -> None:
        super().__init__()
        self.pixels, self.targets, self.size = pixels[..., np.newaxis], targets, size
        self.seed, self.epoch = seed, epoch
        self._shuffle()

    def __len__(self) -> int:
        """Whole batches of one epoch; the remainder waits for another shuffle."""
        return len(self.pixels) // self.size

    def __getitem__(self, index: int) -> tuple[tuple[npt.NDArray[np.uint8], Floats]]:
        rows = self.order[index * self.size : (index + 1) * self.size]
        return ((self.pixels[rows], self.targets[rows]),)

    def on_epoch_end(self) -> None:
        """Shuffle for the next epoch."""
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.pixels))


class Lesson(keras.Model):  # type: ignore[misc]
    """The student with what surrounds it while it learns: augmentation, mixing of pairs, the loss."""

    def __init__(self, student: keras.Model, recipe: Recipe, seed: int) -> None:
        super().__init__(dtype="float32")
        self.student = student
        self.augment = Augment(recipe.augmentation, seed)
        self.seeds = keras.random.SeedGenerator(seed + 1)
        self.mixup = recipe.mixup
        self.mixing = self.add_weight(name="mixing", initializer="ones", trainable=False, dtype="float32")
        self.mean_loss = keras.metrics.Mean("loss")
        self.accuracy = keras.metrics.CategoricalAccuracy("accuracy")

    def call(self, batch: Any, training: bool = False) -> Any:
        """(pictures, targets) -> (logits, the targets that belong to the disturbed and mixed pictures)."""
        pixels, targets = batch
        pixels = self.augment(pixels, training=training)
        if training and self.mixup:
            share = keras.random.beta((), self.mixup, self.mixup, seed=self.seeds)
            share = self.mixing * ops.minimum(share, 1 - share)
            pixels += share * (ops.flip(pixels, axis=0) - pixels)
            targets += share * (ops.flip(targets, axis=0) - targets)
        return self.student(pixels, training=training), targets

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Cross-entropy between the mixed targets and the student."""
        logits, targets = y_pred
        loss = ops.mean(keras.losses.categorical_crossentropy(targets, logits, from_logits=True))
        self.mean_loss.update_state(loss)
        self.accuracy.update_state(targets, logits)
        return loss

    def compute_metrics(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Loss and agreement with the target's favourite, averaged over the epoch so far."""
        return {"loss": self.mean_loss.result(), "accuracy": self.accuracy.result()}

    @property
    def metrics(self) -> list[Any]:
        """Reset by Keras at every epoch."""
        return [self.mean_loss, self.accuracy]


class WeightAverage(keras.callbacks.Callback):  # type: ignore[misc]
    """Exponential average of all weights, the statistics of batch normalisation included.

    Averaging the trainable weights alone leaves them with statistics of other weights: in the early epochs that halved
    the accuracy. Updated every ``EVERY`` steps, so that a GPU is not held up; young averages forget faster, or they
    would remember the statistics that the network was born with.
    """

    EVERY = 8

    def __init__(self, momentum: float) -> None:
        super().__init__()
        self.keep = momentum**self.EVERY
        self.weights: list[npt.NDArray[Any]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take the newest weights into the average."""
        if batch % self.EVERY:
            return
        updates = int(self.model.optimizer.iterations) // self.EVERY
        keep = min(self.keep, updates / (updates + 10))
        newest = self.model.student.get_weights()
        self.weights = self.weights or newest
        self.weights = [keep * mean + (1 - keep) * new for mean, new in zip(self.weights, newest, strict=True)]


class Journal(keras.callbacks.Callback):  # type: ignore[misc]
    """After every epoch: keep the state, measure the averaged weights on PublicTest, write the model."""

    def __init__(self, folder: Path, recipe: Recipe, epochs: int, average: WeightAverage, held_out: FaceSet) -> None:
        super().__init__()
        self.folder, self.recipe, self.epochs = folder, recipe, epochs
        self.average, self.held_out = average, held_out
        self.averaged = _float32(recipe)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Stop mixing pairs for the last stretch."""
        self.model.mixing.assign(float(epoch < self.epochs * (1 - self.recipe.calm_share)))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """A run that is stopped here loses nothing."""
        _save_state(self.folder / "state.npz", self.model, self.average, epoch + 1)
        self.averaged.set_weights(self.average.weights)
        _save_model(self.folder / "model.keras", self.averaged)
        logits = self.averaged.predict(self.held_out.pixels[..., np.newaxis], batch_size=512, verbose=0)
        if logs is not None:
            metrics = measure(softmax(logits), self.held_out.labels, EMOTIONS)
            logs.update(val_loss=metrics.log_loss, val_accuracy=metrics.accuracy)
            logs["learning_rate"] = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))


class History(keras.callbacks.Callback):  # type: ignore[misc]
    """One row of ``history.csv`` and new curves after every epoch."""

    COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.csv, self.curves = folder / "history.csv", folder / "curves.png"

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Comes after ``Journal``, which measures."""
        row = {"epoch": epoch + 1, **(logs or {})}
        fresh = not epoch or not self.csv.exists()
        with self.csv.open("w" if fresh else "a", encoding="ascii") as file:
            if fresh:
                file.write(",".join(self.COLUMNS) + "\n")
            file.write(",".join(f"{row[column]:.6g}" for column in self.COLUMNS) + "\n")
        save_curves(self.csv, self.curves)


def fit(
    recipe: Recipe,
    faces: dict[str, FaceSet],
    folder: Path,
    options: RunOptions,
    *,
    resume: bool,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Path:
    """Train ``recipe`` on Training, watching PublicTest.

    Args:
        recipe: what to train.
        faces: the splits; Training and PublicTest are needed.
        folder: the run folder; must not hold a run unless ``resume``.
        options: seed, length and precision.
        resume: go on from ``state.npz``.
        callbacks: called before those of the run, so that they see an epoch without what is measured after it.

    Returns:
        The path of ``model.keras``.

    Raises:
        ConfigError: a run is in the way, there is nothing to resume, or a split is missing.
        DataError: there are fewer pictures than one batch.
    """
    state = folder / "state.npz"
    if resume and not state.is_file():
        raise ConfigError(f"run {folder}: holds no state.npz to resume from")
    if not resume and state.exists():
        raise ConfigError(f"run {folder}: already holds a run; add --resume to go on or name another folder with --run")
    for split in ("Training", "PublicTest"):
        if split not in faces:
            raise ConfigError(f"data has no {split} split, it has {', '.join(faces)}")
    folder.mkdir(parents=True, exist_ok=True)
    epochs = options.epochs or recipe.epochs
    training, held_out = faces["Training"], faces["PublicTest"]
    keep = keep_mask(training, [other for split, other in faces.items() if split != "Training"])
    if keep.sum() < recipe.batch:
        raise DataError(f"data has {keep.sum()} pictures to learn from, expected at least one batch of {recipe.batch}")
    targets = soft_targets(training, recipe.label_share)[keep]

    keras.utils.set_random_seed(options.seed)
    keras.mixed_precision.set_dtype_policy(options.precision)
    lesson = Lesson(recipe.network(), recipe, options.seed)
    steps = int(keep.sum()) // recipe.batch
    lesson.compile(_optimizer(recipe, lesson.student, steps, epochs), jit_compile=_jit())
    lesson((training.pixels[:2, ..., np.newaxis], targets[:2]))
    lesson.optimizer.build(lesson.student.trainable_variables)
    average = WeightAverage(recipe.average)
    done = _load_state(state, lesson, average) if resume else 0
    _write_run(folder / "run.json", recipe, options, epochs, lesson.student, int(keep.sum()))

    lesson.fit(
        Batches(training.pixels[keep], targets, recipe.batch, options.seed, done),
        shuffle=False,  # Batches does, by seed and epoch
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


def _jit() -> bool | str:
    """TensorFlow's XLA makes convolutions on a CPU four times slower (measured); the others know best."""
    return False if keras.backend.backend() == "tensorflow" else "auto"


def _variables(lesson: Lesson) -> list[Any]:
    return [*lesson.variables, *lesson.optimizer.variables]


def _save_state(path: Path, lesson: Lesson, average: WeightAverage, epoch: int) -> None:
    arrays = {f"variable{i}": ops.convert_to_numpy(v) for i, v in enumerate(_variables(lesson))}
    arrays |= {f"average{i}": weight for i, weight in enumerate(average.weights)}
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, epoch=epoch, **arrays)
    unfinished.replace(path)


def _load_state(path: Path, lesson: Lesson, average: WeightAverage) -> int:
    variables = _variables(lesson)
    with np.load(path) as state:
        shapes = [state[name].shape for name in state.files if name.startswith("variable")]
        if shapes != [tuple(variable.shape) for variable in variables]:
            raise ConfigError(
                f"run {path.parent}: its state belongs to another recipe; resume with the one in run.json"
            )
        for i, variable in enumerate(variables):
            variable.assign(state[f"variable{i}"])
        average.weights = [state[f"average{i}"] for i in range(len(lesson.student.weights))]
        return int(state["epoch"])


def _save_model(path: Path, model: keras.Model) -> None:
    unfinished = path.with_name("unfinished.keras")
    model.save(unfinished)
    unfinished.replace(path)


def _float32(recipe: Recipe) -> keras.Model:
    """The recipe's network in float32, whatever precision the run computes in."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("float32")
    model = recipe.network()
    keras.mixed_precision.set_dtype_policy(policy)
    return model


def _write_run(
    path: Path, recipe: Recipe, options: RunOptions, epochs: int, student: keras.Model, pictures: int
) -> None:
    settings = {key: value for key, value in asdict(recipe).items() if key != "network"}
    document = {
        "recipe": settings,
        "options": asdict(options) | {"epochs": epochs},
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
