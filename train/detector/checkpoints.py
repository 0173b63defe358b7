"""What a detector's run does after every epoch: save, measure on the development set, mine hard backdrops, log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from train.detector.candidates import SMALLEST_PX
from train.detector.development import SETS_WITH_FACES, SETS_WITHOUT_FACES, Frame
from train.detector.evaluate import MAX_FALSE_POSITIVES_PER_IMAGE
from train.detector.metrics import Matches, match_boxes
from train.detector.network import build
from train.detector.predict import letterboxed, predict
from train.detector.recipe import Recipe
from train.detector.synthesis.scenes import Key, SceneGenerator
from train.run.checkpoints import WeightAverage, in_float32, save_model, save_state
from train.run.folder import MODEL_FILE, STATE_FILE

HARD_FILE = "hard.json"

HARD_SHARE = 8
"""One in this many mined backdrops is used again: those with the highest score of a false positive."""

HARD_KEPT = 500
"""The number of hard backdrops that an epoch may use, the newest ones."""

HISTORY_COLUMNS = (
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


def figures(with_faces: Matches, without: Matches) -> dict[str, float]:
    """What an epoch reaches on the development set, for the logs."""
    threshold = without.threshold(MAX_FALSE_POSITIVES_PER_IMAGE)
    return {
        "recall_40": with_faces.recall(threshold, 40),
        "recall_20": with_faces.recall(threshold),
        "average_precision": with_faces.average_precision(),
        "false_faces": with_faces.false_positives(threshold),
        "threshold": threshold,
    }


class HardBackdrops:
    """Keys of backdrops on which the model saw faces, in ``hard.json``, each with the epoch that found it."""

    def __init__(self, path: Path, done: int) -> None:
        """Read the file of a run that has finished ``done`` epochs; what an unfinished epoch found is dropped."""
        self.path = path
        found = json.loads(path.read_text("utf-8")) if done and path.is_file() else []
        self.found: list[tuple[int, Key]] = [(epoch, tuple(key)) for epoch, key in found if epoch < done]

    def before(self, epoch: int) -> Sequence[Key]:
        """The newest backdrops for ``epoch``, without those of the epoch before: its batches are drawn too early."""
        return [key for found, key in self.found if found < epoch - 1][-HARD_KEPT:]

    def add(self, epoch: int, keys: Sequence[Key]) -> None:
        """Keep what ``epoch`` found."""
        self.found = [*self.found, *((epoch, key) for key in keys)][-2 * HARD_KEPT :]
        unfinished = self.path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(self.found) + "\n", "ascii")
        unfinished.replace(self.path)


class SaveAndEvaluate(keras.callbacks.Callback):  # type: ignore[misc]
    """After every epoch, saves the model, adds its figures to the logs, mines hard backdrops and saves the state."""

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
        self.averaged = in_float32(lambda: build(recipe.input_px, recipe.network))
        self.mining = in_float32(lambda: build(recipe.canvas_px, recipe.network))
        with_faces, without = (
            [frame for name in names for frame in development.get(name, ())]
            for names in (SETS_WITH_FACES, SETS_WITHOUT_FACES)
        )
        self.held_out = [
            (letterboxed([frame.pixels for frame in frames], recipe.input_px), [frame.faces for frame in frames])
            for frames in (with_faces, without)
        ]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """The state comes last: an epoch that is stopped here is trained again, with the same hard backdrops."""
        self.averaged.set_weights(self.average.weights)
        save_model(self.folder / MODEL_FILE, self.averaged)
        if logs is not None:
            logs.update(self._evaluate())
            logs["learning_rate"] = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.hard.add(epoch, self._mine(epoch))
        save_state(self.folder / STATE_FILE, self.model, self.average, epoch + 1)

    def _evaluate(self) -> dict[str, float]:
        with_faces, without = (
            match_boxes(zip(predict(self.averaged, *images), faces, strict=True), SMALLEST_PX)
            for images, faces in self.held_out
        )
        return figures(with_faces, without)

    def _mine(self, epoch: int) -> list[Key]:
        """Keys of the new backdrops on which the model is most confident to see a face."""
        self.mining.set_weights(self.average.weights)
        keys: list[Key] = [(self.seed, epoch, number, 3) for number in range(self.recipe.mined)]
        if not keys:
            return []
        images = np.stack([self.generator.backdrop(key) for key in keys])
        scores = np.array(
            [boxes.scores.max(initial=0) for boxes in predict(self.mining, images, np.ones(len(keys), np.float32))]
        )
        return [keys[index] for index in np.argsort(-scores, kind="stable")[: len(keys) // HARD_SHARE]]
