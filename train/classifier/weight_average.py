"""Averages the weights of several runs of a recipe that share their start.

Runs that start from the same trained weights stay close enough for that ("Model soups", Wortsman et al., ICML 2022):
the average is better than each of them and costs a device nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.errors import ConfigError
from train.classifier.fit import fit
from train.classifier.recipes import Recipe
from train.data.fer2013 import FaceSet
from train.run.checkpoints import in_float32, save_model
from train.run.folder import CURVES_FILE, HISTORY_FILE, MODEL_FILE, SETTINGS_FILE, RunOptions, is_resumable
from train.run.progress import Progress, silent
from train.run.saved import open_classifier


def fit_averaged(
    recipe: Recipe,
    faces: dict[str, FaceSet],
    folder: Path,
    options: RunOptions,
    *,
    resume: bool,
    teachers: Sequence[Path] = (),
    progress: Progress = silent,
) -> Path:
    """Train ``recipe.runs`` runs into folders of their own inside ``folder``, with consecutive seeds.

    ``folder`` becomes the run folder of the average, with ``run.json`` and history of the first run.

    Args: see ``fit``.

    Returns:
        The path of the averaged ``model.keras``.

    Raises:
        ConfigError: the runs share no start, or as ``fit``.
        DataError, ModelError: as ``fit``.
    """
    if options.start is None:
        raise ConfigError(
            f"recipe {recipe.name} averages {recipe.runs} runs; name the model they start from with --start"
        )
    runs = []
    for seed in range(options.seed, options.seed + recipe.runs):
        run = folder / f"seed-{seed}"
        seeded, resumed = replace(options, seed=seed), resume and is_resumable(run)
        runs.append(fit(recipe, faces, run, seeded, resume=resumed, teachers=teachers, progress=progress))
    average = in_float32(recipe.network)
    weights = zip(*(open_classifier(run).get_weights() for run in runs), strict=True)
    average.set_weights([np.mean(each, axis=0) for each in weights])
    save_model(folder / MODEL_FILE, average)
    for name in (SETTINGS_FILE, HISTORY_FILE, CURVES_FILE):
        shutil.copyfile(runs[0].with_name(name), folder / name)
    return folder / MODEL_FILE
