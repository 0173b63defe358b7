"""What a run keeps of every epoch: its state to resume from, the averaged model, the history and its curves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edge.errors import ConfigError
from train.classifier.evaluate import judge
from train.classifier.recipes import Recipe
from train.data.fer2013 import FaceSet
from train.run.plots import save_curves


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
        self.averaged = in_float32(recipe.network)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Stop mixing pairs for the last stretch."""
        self.model.mixing.assign(float(epoch < self.epochs * (1 - self.recipe.calm_share)))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """A run that is stopped here loses nothing."""
        save_state(self.folder / "state.npz", self.model, self.average, epoch + 1)
        self.averaged.set_weights(self.average.weights)
        save_model(self.folder / "model.keras", self.averaged)
        answers = self.averaged.predict(self.held_out.pixels[..., np.newaxis], batch_size=512, verbose=0)
        if logs is not None:
            reached = judge(self.recipe.name, np.stack(answers, axis=1), self.held_out)
            logs.update(val_loss=reached.fer2013.log_loss, val_accuracy=reached.fer2013.accuracy)
            logs["val_ferplus"] = reached.ferplus.accuracy if reached.ferplus else float("nan")
            logs["learning_rate"] = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))


class History(keras.callbacks.Callback):  # type: ignore[misc]
    """One row of ``history.csv`` and new curves after every epoch."""

    COLUMNS: tuple[str, ...] = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_ferplus", "learning_rate")

    draw = staticmethod(save_curves)

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
        self.draw(self.csv, self.curves)


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def save_state(path: Path, model: keras.Model, average: WeightAverage, epoch: int) -> None:
    """Keep every variable and the average after ``epoch`` finished epochs; a crash leaves the file before."""
    arrays = {f"variable{i}": ops.convert_to_numpy(v) for i, v in enumerate(_variables(model))}
    arrays |= {f"average{i}": weight for i, weight in enumerate(average.weights)}
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, epoch=epoch, **arrays)
    unfinished.replace(path)


def load_state(path: Path, model: keras.Model, average: WeightAverage) -> int:
    """Put ``save_state``'s file back; returns how many epochs were finished.

    Raises:
        ConfigError: the file belongs to another network.
    """
    variables = _variables(model)
    with np.load(path) as state:
        shapes = [state[name].shape for name in state.files if name.startswith("variable")]
        if shapes != [tuple(variable.shape) for variable in variables]:
            raise ConfigError(
                f"run {path.parent}: its state belongs to another recipe; resume with the one in run.json"
            )
        for i, variable in enumerate(variables):
            variable.assign(state[f"variable{i}"])
        average.weights = [state[f"average{i}"] for i in range(len(model.student.weights))]
        return int(state["epoch"])


def save_model(path: Path, model: keras.Model) -> None:
    """Write a model file; a crash leaves the file before."""
    unfinished = path.with_name("unfinished.keras")
    model.save(unfinished)
    unfinished.replace(path)


def in_float32(network: Callable[[], keras.Model]) -> keras.Model:
    """A network in float32, whatever precision the run computes in."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("float32")
    model = network()
    keras.mixed_precision.set_dtype_policy(policy)
    return model
