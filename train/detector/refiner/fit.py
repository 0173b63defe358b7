"""Trains a refiner for a detector into a run folder; a stopped run resumes after its last finished epoch.

The run folder holds ``run.json``, ``history.csv``, ``curves.png``, ``state.npz`` and, from the first epoch on,
``model.keras``, the averaged weights, and the same as ``weights.npz``, to go on from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops

from edge.errors import ConfigError
from train.detector.candidates import SMALLEST_PX, Find, proposer
from train.detector.checkpoints import HISTORY_COLUMNS, figures
from train.detector.development import SETS_WITH_FACES, SETS_WITHOUT_FACES, Frame
from train.detector.fit import compile_model, load_weights, save_weights
from train.detector.metrics import match_boxes
from train.detector.plots import save_curves
from train.detector.refiner.crops import CropGenerator
from train.detector.refiner.network import build
from train.detector.refiner.recipe import Recipe
from train.detector.refiner.refine import cut_candidates, refine
from train.detector.refiner.training_model import TrainingModel, batches
from train.detector.synthesis.sprites import Collection
from train.run.checkpoints import History, WeightAverage, in_float32, load_state, save_model, save_state
from train.run.epochs import train_epochs
from train.run.folder import (
    MODEL_FILE,
    SETTINGS_FILE,
    STATE_FILE,
    RunOptions,
    check_folder,
    read_settings,
    replacing,
    write_settings,
)
from train.run.layers import multiply_adds

WEIGHTS_FILE = "weights.npz"


def fit(
    recipe: Recipe,
    detector: Path,
    collection: Collection,
    development: Mapping[str, list[Frame]],
    folder: Path,
    options: RunOptions,
    *,
    resume: bool,
    teacher: Path | None = None,
    workers: int = 1,
) -> Path:
    """Train on what ``detector`` proposes in scenes made from ``collection``; measure on ``development``.

    Args:
        recipe: what to train.
        detector: a run folder of the detector, or its release.
        collection: what is not held back.
        development: see ``development.compose``; the pair of both is measured on it after every epoch.
        folder: the run folder; must not hold a run unless ``resume``.
        options: seed, length, precision and what to start from: ``weights.npz`` or a ``.keras`` file.
        resume: continue from ``state.npz``.
        teacher: such a file with weights of the recipe's teacher, or the folder of its run, to learn from. A resumed
            run keeps its own.
        workers: threads that draw scenes.

    Returns:
        The path of ``model.keras``.

    Raises:
        ConfigError: a run would be overwritten, there is nothing to resume, or it belongs to another network,
            detector or teacher.
        ModelError: the detector cannot be read or proposes nothing, or ``start`` or ``teacher`` cannot be read, or
            holds another network's weights.
    """
    check_folder(folder, resume=resume)
    file, find = proposer(detector)
    before = read_settings(folder) if resume else {}
    if teacher is None and before.get("teacher"):
        teacher = Path(before["teacher"]["file"])
    elif teacher is not None and teacher.is_dir():
        teacher /= MODEL_FILE
    keras.utils.set_random_seed(options.seed)
    keras.mixed_precision.set_dtype_policy(options.precision)
    model = TrainingModel(build(recipe.network, recipe.size_px), recipe, _open_teacher(teacher, recipe))
    sources = {"detector": _source(file), "teacher": teacher and _source(teacher)}
    for name, source in sources.items():
        if resume and source and source["sha256"] != (before.get(name) or {}).get("sha256"):
            raise ConfigError(
                f"run {folder}: {source['file']} is not the {name} that it began with; give the file whose sha256 is "
                f"in {SETTINGS_FILE}, or start a new run"
            )
    folder.mkdir(parents=True, exist_ok=True)
    epochs = options.epochs or recipe.epochs
    cv2.setNumThreads(1)  # scenes are drawn in parallel instead

    model((np.zeros((1, recipe.size_px, recipe.size_px, 1), np.uint8), np.zeros((1, 6), np.float32)))
    compile_model(model, recipe, epochs)
    if options.start is not None and not resume:
        load_weights(model.network, options.start)
    average = WeightAverage(recipe.average)
    done = load_state(folder / STATE_FILE, model, average) if resume else 0
    generator = CropGenerator(find, collection, recipe, workers)
    save = SaveAndEvaluate(folder, recipe, average, generator, development, find)

    def draw(epoch: int) -> Any:
        return generator.draw((options.seed, epoch), recipe.scenes)

    # Those that a run before has drawn are drawn again.
    kept = [draw(epoch) for epoch in range(max(0, done + 1 - recipe.kept), done + 1)]
    write_settings(
        folder,
        {
            "recipe": asdict(recipe),
            "options": asdict(options) | {"epochs": epochs, "start": options.start and str(options.start)},
            **sources,
            "parameters": model.network.count_params(),
            "multiply_adds": multiply_adds(model.network),
        },
    )
    ahead = range(done, epochs)
    train_epochs(
        model,
        batches(kept, draw, recipe, options.seed, ahead),
        recipe.steps,
        ahead,
        [average, save, History(folder, HISTORY_COLUMNS, save_curves)],
    )
    return folder / MODEL_FILE


def _open_teacher(path: Path | None, recipe: Recipe) -> keras.Model | None:
    if path is None:
        return None
    teacher = build(recipe.teacher, recipe.size_px)
    load_weights(teacher, path)
    return teacher


def _source(file: Path) -> dict[str, str]:
    return {"file": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


class SaveAndEvaluate(keras.callbacks.Callback):  # type: ignore[misc]
    """After every epoch, saves the model, adds the figures of the pair to the logs, and saves the state."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        average: WeightAverage,
        generator: CropGenerator,
        development: Mapping[str, list[Frame]],
        find: Find,
    ) -> None:
        """Let the detector propose in ``development`` once: that does not change while the refiner learns."""
        super().__init__()
        self.folder, self.average, self.generator = folder, average, generator
        self.averaged = in_float32(lambda: build(recipe.network, recipe.size_px))
        self.held_out = []
        for names in (SETS_WITH_FACES, SETS_WITHOUT_FACES):
            frames = [frame for name in names for frame in development.get(name, ())]
            cut = cut_candidates(find, [frame.pixels for frame in frames], recipe.side, recipe.size_px)
            self.held_out.append((cut, [frame.faces for frame in frames]))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """The state comes last: an epoch that is stopped here is trained again."""
        self.averaged.set_weights(self.average.weights)
        save_model(self.folder / MODEL_FILE, self.averaged)
        with replacing(self.folder / WEIGHTS_FILE) as unfinished:
            save_weights(self.averaged, unfinished)
        if logs is not None:
            logs.update(
                figures(
                    *(
                        match_boxes(zip(refine(self.averaged, cut), faces, strict=True), SMALLEST_PX)
                        for cut, faces in self.held_out
                    )
                )
            )
            logs["learning_rate"] = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
            logs["crops_per_s"] = self.generator.crops_per_s
        save_state(self.folder / STATE_FILE, self.model, self.average, epoch + 1)
