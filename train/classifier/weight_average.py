"""Several runs of a recipe from one start, and the mean of their weights.

Runs that begin at the same trained weights stay close enough for that ("Model soups", Wortsman et al., ICML 2022): the
mean costs a device nothing and is better than each of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.errors import ConfigError
from train.classifier.fit import RunOptions, fit
from train.classifier.recipes import Recipe
from train.data.fer2013 import FaceSet
from train.run.checkpoints import in_float32, save_model
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
    """Train ``recipe.runs`` runs into folders of their own inside ``folder``, with seeds from that of ``options`` on.

    ``folder`` itself becomes the run folder of the mean: ``run.json`` and history are those of the first run.

    Args and raises: see ``fit``; besides, a ConfigError where the runs have no start in common.

    Returns:
        The path of the mean's ``model.keras``.
    """
    if options.start is None:
        raise ConfigError(f"recipe {recipe.name} averages {recipe.runs} runs: name what they begin from with --start")
    runs = []
    for seed in range(options.seed, options.seed + recipe.runs):
        run = folder / f"seed-{seed}"
        going_on = resume and (run / "state.npz").is_file()
        seeded = replace(options, seed=seed)
        runs.append(fit(recipe, faces, run, seeded, resume=going_on, teachers=teachers, progress=progress))
    mean = in_float32(recipe.network)
    weights = zip(*(open_classifier(run).get_weights() for run in runs), strict=True)
    mean.set_weights([np.mean(each, axis=0) for each in weights])
    save_model(folder / "model.keras", mean)
    for name in ("run.json", "history.csv", "curves.png"):
        shutil.copyfile(runs[0].with_name(name), folder / name)
    return folder / "model.keras"
