"""What a detector's run keeps of every epoch: state, averaged model, figures on the development set, hard backdrops."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from train.detector.candidates import SMALLEST_PX
from train.detector.development import FACES, NOBODY, Frame
from train.detector.evaluate import FALSE
from train.detector.metrics import match_boxes
from train.detector.network import build
from train.detector.plots import save_curves
from train.detector.predict import letterboxed, predict
from train.detector.recipe import Recipe
from train.detector.synthesis.scenes import Key, SceneGenerator
from train.run.checkpoints import History, WeightAverage, in_float32, save_model, save_state

HARDEST = 8
"""One backdrop in so many, those with the surest false face, is worth another look."""

HARD_KEPT = 500


class HardBackdrops:
    """Backdrops on which faces were seen, in ``hard.json``: the epoch that found each, and its key."""

    def __init__(self, path: Path, done: int) -> None:
        """Go on after ``done`` epochs; what a stopped epoch found later is forgotten."""
        self.path = path
        found = json.loads(path.read_text("utf-8")) if done and path.is_file() else []
        self.found: list[tuple[int, Key]] = [(epoch, tuple(key)) for epoch, key in found if epoch < done]

    def before(self, epoch: int) -> Sequence[Key]:
        """The newest ones for ``epoch``: those of its direct predecessor come too late."""
        return [key for found, key in self.found if found < epoch - 1][-HARD_KEPT:]

    def add(self, epoch: int, keys: Sequence[Key]) -> None:
        """Keep what ``epoch`` found."""
        self.found = [*self.found, *((epoch, key) for key in keys)][-2 * HARD_KEPT :]
        unfinished = self.path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(self.found) + "\n", "ascii")
        unfinished.replace(self.path)


class Journal(keras.callbacks.Callback):  # type: ignore[misc]
    """After every epoch: write the model, measure it, look for hard backdrops, keep the state."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        seed: int,
        average: WeightAverage,
        generator: SceneGenerator,
        hard: HardBackdrops,
        development: Mapping[str, list[Frame]],
    ) -> None:
        super().__init__()
        self.folder, self.recipe, self.seed = folder, recipe, seed
        self.average, self.generator, self.hard = average, generator, hard
        self.averaged = in_float32(lambda: build(recipe.input_px))
        self.sight = in_float32(lambda: build(recipe.canvas_px))
        self.faces, self.nobody = (
            [frame for name in names for frame in development.get(name, ())] for names in (FACES, NOBODY)
        )
        self.seen = [
            letterboxed([frame.pixels for frame in each], recipe.input_px) for each in (self.faces, self.nobody)
        ]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """A run that is stopped after this loses nothing."""
        self.averaged.set_weights(self.average.weights)
        save_model(self.folder / "model.keras", self.averaged)
        if logs is not None:
            logs.update(self._measure())
            logs["learning_rate"] = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.hard.add(epoch, self._mine(epoch))
        save_state(self.folder / "state.npz", self.model, self.average, epoch + 1)

    def _measure(self) -> dict[str, float]:
        faces, nobody = (
            match_boxes(zip(predict(self.averaged, *seen), (frame.faces for frame in frames), strict=True), SMALLEST_PX)
            for seen, frames in zip(self.seen, (self.faces, self.nobody), strict=True)
        )
        threshold = nobody.threshold(FALSE)
        return {
            "recall_40": faces.recall(threshold, 40),
            "recall_20": faces.recall(threshold),
            "average_precision": faces.average_precision(),
            "false_faces": faces.false(threshold),
            "threshold": threshold,
        }

    def _mine(self, epoch: int) -> list[Key]:
        """Keys of new backdrops on which the model sees a face, worst first."""
        self.sight.set_weights(self.average.weights)
        keys: list[Key] = [(self.seed, epoch, number, 3) for number in range(self.recipe.mined)]
        if not keys:
            return []
        pictures = np.stack([self.generator.backdrop(key) for key in keys])
        scores = np.array(
            [boxes.scores.max(initial=0) for boxes in predict(self.sight, pictures, np.ones(len(keys), np.float32))]
        )
        return [keys[index] for index in np.argsort(-scores, kind="stable")[: len(keys) // HARDEST]]


class Rows(History):
    """``history.csv`` and curves of a detector."""

    COLUMNS = (
        "epoch",
        "loss",
        "score_loss",
        "box_loss",
        "recall_40",
        "recall_20",
        "average_precision",
        "false_faces",
        "threshold",
        "learning_rate",
    )
    draw = staticmethod(save_curves)
