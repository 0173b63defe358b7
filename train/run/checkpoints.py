"""What a run writes after every epoch: the state to resume from, the model with averaged weights, the history.

Keras' own callbacks would not do. ``BackupAndRestore`` and ``ModelCheckpoint`` save the model that trains, without the
weight average, and overwrite their file in place, so that a crash while writing leaves none. ``CSVLogger`` counts
epochs from 0, adds empty ``val_`` columns where no metric has that prefix, and leaves its file open after Ctrl-C.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edge.errors import ConfigError
from train.run.folder import CURVES_FILE, HISTORY_FILE, SETTINGS_FILE, STATE_FILE, is_resumable, replacing, unwritable


class WeightAverage(keras.callbacks.Callback):  # type: ignore[misc]
    """Exponential moving average of all weights, the statistics of batch normalisation included.

    Keras' ``use_ema`` averages the trainable weights alone and leaves them with statistics of other weights: in the
    early epochs that halved the accuracy. Updated every ``EVERY`` steps, so that a GPU need not wait. The momentum
    starts small, because the average would otherwise keep the initial weights for too long.
    """

    EVERY = 8

    def __init__(self, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum**self.EVERY
        self.weights: list[npt.NDArray[Any]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Add the newest weights to the average."""
        if batch % self.EVERY:
            return
        updates = int(self.model.optimizer.iterations) // self.EVERY
        momentum = min(self.momentum, updates / (updates + 10))
        newest = self.model.network.get_weights()
        self.weights = self.weights or newest
        self.weights = [momentum * mean + (1 - momentum) * new for mean, new in zip(self.weights, newest, strict=True)]


class History(keras.callbacks.Callback):  # type: ignore[misc]
    """Appends a row to ``history.csv`` and draws ``curves.png`` after every epoch.

    Must come after the callback that adds the measured columns to the logs.
    """

    def __init__(self, folder: Path, columns: Sequence[str], draw: Callable[[Path, Path], None]) -> None:
        """Write ``columns`` of the logs, the first of which is the epoch (from 1), and ``draw`` the file as a PNG."""
        super().__init__()
        self.csv, self.curves = folder / HISTORY_FILE, folder / CURVES_FILE
        self.columns, self.draw = columns, draw

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the row of this epoch; the first epoch starts a new file."""
        new = epoch == 0 or not self.csv.exists()
        try:
            with self.csv.open("w" if new else "a", encoding="ascii", newline="") as file:
                # What was not measured is not shown on the terminal, but has its column.
                rows = csv.DictWriter(file, self.columns, "nan", extrasaction="ignore", lineterminator="\n")
                if new:
                    rows.writeheader()
                rows.writerow({name: f"{value:.6g}" for name, value in {"epoch": epoch + 1, **(logs or {})}.items()})
            self.draw(self.csv, self.curves)
        except OSError as error:
            raise unwritable(self.csv.parent, error) from error


def save_state(path: Path, model: keras.Model, average: WeightAverage, epoch: int) -> None:
    """Save the variables of ``model`` and its optimizer, and the average, after ``epoch`` finished epochs.

    Frozen layers, such as teachers, are left out: they have files of their own.

    Written to another file first: a crash leaves the previous state.

    Raises:
        ConfigError: the file cannot be written.
    """
    arrays = {f"variable{i}": ops.convert_to_numpy(v) for i, v in enumerate(_variables(model))}
    arrays |= {f"average{i}": weight for i, weight in enumerate(average.weights)}
    with replacing(path) as unfinished:
        np.savez(unfinished, epoch=epoch, **arrays)


def load_state(path: Path, model: keras.Model, average: WeightAverage) -> int:
    """Restore what ``save_state`` saved; returns the number of finished epochs.

    Raises:
        ConfigError: the file belongs to another network.
    """
    variables = _variables(model)
    with np.load(path) as state:
        shapes = [state[name].shape for name in state.files if name.startswith("variable")]
        if shapes != [tuple(variable.shape) for variable in variables]:
            raise ConfigError(
                f"run {path.parent}: its state belongs to another recipe; resume with the one in {SETTINGS_FILE}"
            )
        for i, variable in enumerate(variables):
            variable.assign(state[f"variable{i}"])
        average.weights = [state[f"average{i}"] for i in range(len(model.network.weights))]
        return int(state["epoch"])


def finished_epochs(folder: Path) -> int:
    """How many epochs of the run in ``folder`` are saved; 0 if it holds none."""
    if not is_resumable(folder):
        return 0
    with np.load(folder / STATE_FILE) as state:
        return int(state["epoch"])


def _variables(model: keras.Model) -> list[Any]:
    frozen = {id(each) for layer in model.layers if not layer.trainable for each in layer.variables}
    return [*(each for each in model.variables if id(each) not in frozen), *model.optimizer.variables]


def save_model(path: Path, model: keras.Model) -> None:
    """Save a model file. Written to another file first: a crash leaves the previous model.

    Raises:
        ConfigError: the file cannot be written.
    """
    with replacing(path) as unfinished:
        model.save(unfinished)


def in_float32(build: Callable[[], keras.Model]) -> keras.Model:
    """Build a network in float32, whatever precision the run computes in."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("float32")
    model = build()
    keras.mixed_precision.set_dtype_policy(policy)
    return model
