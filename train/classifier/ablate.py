"""What each ingredient of a recipe gives: the recipe without it, trained the same way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np

from train.classifier.evaluate import evaluate
from train.classifier.fit import RunOptions, fit
from train.classifier.recipes import Augmentation, Recipe
from train.data.fer2013 import FaceSet
from train.run.progress import Progress, silent

_MIRRORED_ALONE = Augmentation(rotation_deg=0, scale=0, shift=0, contrast=0, brightness=0, blur=0, noise=0, erase=0)

AS_IT_IS = "as it is"


def variants(recipe: Recipe, *, taught: bool) -> dict[str, Recipe]:
    """The recipe and, by what is different, those that lack or change one ingredient.

    ``taught`` says whether there are teachers, from whom also a recipe that has none may learn.
    """
    augmentation = recipe.augmentation
    changed = {
        AS_IT_IS: recipe,
        "no teacher": replace(recipe, teachers=()),
        "teacher alone": replace(recipe, teacher_share=1.0) if recipe.teachers else recipe,
        "a teacher": recipe if recipe.teachers or not taught else replace(recipe, teachers=("any",)),
        "FER2013's head alone": replace(recipe, label_share=1.0),
        "FER+'s head alone": replace(recipe, label_share=0.0),
        "no mixup": replace(recipe, mixup=0.0),
        "mixup 0.2": replace(recipe, mixup=0.2),
        "mirrored alone": replace(recipe, augmentation=_MIRRORED_ALONE),
        "not covered": replace(recipe, augmentation=replace(augmentation, erase=0)),
        "no blur, no noise": replace(recipe, augmentation=replace(augmentation, blur=0, noise=0)),
        "not moved": replace(recipe, augmentation=replace(augmentation, rotation_deg=0, scale=0, shift=0)),
        "last weights": replace(recipe, average=0.0),
        "no weight decay": replace(recipe, weight_decay=0.0),
        "half the learning rate": replace(recipe, learning_rate=recipe.learning_rate / 2),
    }
    return {name: each for name, each in changed.items() if name == AS_IT_IS or each != recipe}


@dataclass(frozen=True, slots=True)
class Row:
    """Accuracies 0..1 of one variant on PublicTest, one for each seed; FER+ with 8 classes.

    Empty of a head that did not learn, and of FER+ without votes.
    """

    name: str
    fer2013: tuple[float, ...]
    ferplus: tuple[float, ...]


def ablate(
    recipe: Recipe,
    faces: dict[str, FaceSet],
    folder: Path,
    options: RunOptions,
    *,
    seeds: Sequence[int] = (0,),
    only: Sequence[str] = (),
    teachers: Sequence[Path] = (),
    progress: Progress = silent,
) -> tuple[Row, ...]:
    """Train the variants one after the other into run folders inside ``folder``; what is finished there is kept.

    After each, ``ablation.md`` and ``ablation.json`` tell of all that are finished.

    Args:
        recipe: what is taken apart.
        faces: as for ``fit``.
        folder: where the runs and the tables go.
        options: length and precision; the seed is one of ``seeds``.
        seeds: every variant is trained once with each.
        only: names of variants, those whose name holds one of these; all if empty.
        teachers: as for ``fit``; a recipe that has none gets a variant that learns from these.
        progress: told how far the teachers are.

    Raises:
        ConfigError, DataError, ModelError: as ``fit``.
    """
    rows = []
    for name, variant in variants(recipe, taught=bool(teachers)).items():
        if only and name != AS_IT_IS and not any(part in name for part in only):
            continue
        reached = []
        for seed in seeds:
            run = folder / f"{name.replace(' ', '-')}-{seed}"
            model = fit(
                variant,
                faces,
                run,
                replace(options, seed=seed),
                resume=(run / "state.npz").is_file(),
                teachers=teachers if variant.teachers else (),
                progress=progress,
            )
            reached.append(evaluate(model, faces["PublicTest"]))
            keras.utils.clear_session()
        rows.append(
            Row(
                name,
                tuple(each.fer2013.accuracy for each in reached if variant.label_share),
                tuple(
                    each.ferplus_contempt.accuracy
                    for each in reached
                    if each.ferplus_contempt and variant.label_share < 1
                ),
            )
        )
        _write(rows, recipe, options, seeds, folder)
    return tuple(rows)


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table: means, how far seeds lie apart, and the difference to the recipe as it is."""
    whole, *_ = rows = tuple(rows)
    lines = [
        "| variant | FER2013 | difference | FER+ (8 classes) | difference |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        cells = [*_cells(row.fer2013, whole.fer2013), *_cells(row.ferplus, whole.ferplus)]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(accuracies: Sequence[float], whole: Sequence[float]) -> tuple[str, str]:
    if not accuracies:
        return "-", "-"
    percent, spread = 100 * float(np.mean(accuracies)), 50 * (max(accuracies) - min(accuracies))
    return (
        f"{percent:.2f}" + (f" ± {spread:.2f}" if len(accuracies) > 1 else ""),
        "" if accuracies is whole else f"{percent - 100 * float(np.mean(whole)):+.2f}",
    )


def _write(rows: Sequence[Row], recipe: Recipe, options: RunOptions, seeds: Sequence[int], folder: Path) -> None:
    epochs = options.epochs or recipe.epochs
    document: Mapping[str, object] = {
        "recipe": recipe.name,
        "epochs": epochs,
        "seeds": list(seeds),
        "rows": [asdict(row) for row in rows],
    }
    (folder / "ablation.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    head = f"Recipe {recipe.name}, {epochs} epochs, seeds {', '.join(map(str, seeds))}; float, PublicTest, percent.\n\n"
    (folder / "ablation.md").write_text(head + markdown(rows), "utf-8")
