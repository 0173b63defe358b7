"""Ablation: trains a recipe without each of its ingredients, to measure what each contributes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np

from train.classifier.evaluate import evaluate
from train.classifier.fit import fit
from train.classifier.recipes import Augmentation, Recipe
from train.data.fer2013 import FaceSet
from train.run.folder import RunOptions, is_resumable

_MIRROR_ONLY = Augmentation(rotation_deg=0, scale=0, shift=0, contrast=0, brightness=0, blur=0, noise=0, erase=0)

UNCHANGED = "unchanged"


def variants(recipe: Recipe, *, teachers: bool) -> dict[str, Recipe]:
    """The recipe and its variants, each by its name: one ingredient less, or changed.

    With ``teachers``, a recipe that has none gets a variant that is distilled from them.
    """
    augmentation = recipe.augmentation
    changed = {
        UNCHANGED: recipe,
        "no teacher": replace(recipe, teachers=()),
        "teacher only": replace(recipe, teacher_share=(1.0, 1.0)) if recipe.teachers else recipe,
        "with a teacher": recipe if recipe.teachers or not teachers else replace(recipe, teachers=("any",)),
        "FER2013 head only": replace(recipe, label_share=1.0),
        "FER+ head only": replace(recipe, label_share=0.0),
        "no mixup": replace(recipe, mixup=0.0),
        "mixup 0.2": replace(recipe, mixup=0.2),
        "mirroring only": replace(recipe, augmentation=_MIRROR_ONLY),
        "no erasing": replace(recipe, augmentation=replace(augmentation, erase=0)),
        "no blur, no noise": replace(recipe, augmentation=replace(augmentation, blur=0, noise=0)),
        "no geometric changes": replace(recipe, augmentation=replace(augmentation, rotation_deg=0, scale=0, shift=0)),
        "no weight average": replace(recipe, average=0.0),
        "no weight decay": replace(recipe, weight_decay=0.0),
        "half the learning rate": replace(recipe, learning_rate=recipe.learning_rate / 2),
    }
    return {name: each for name, each in changed.items() if name == UNCHANGED or each != recipe}


@dataclass(frozen=True, slots=True)
class VariantResult:
    """Accuracies 0..1 of one variant on PublicTest, one for each seed; FER+ with 8 classes.

    Empty for a head that was not trained, and for FER+ without votes.
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
) -> tuple[VariantResult, ...]:
    """Train the variants one after the other into run folders inside ``folder``; finished runs there are kept.

    After each, ``ablation.md`` and ``ablation.json`` are written with all results so far.

    Args:
        recipe: the recipe to vary.
        faces: as for ``fit``.
        folder: where the runs and the tables go.
        options: length and precision; the seed is one of ``seeds``.
        seeds: each variant is trained once with each of them.
        only: train only variants whose name contains one of these; all if empty.
        teachers: as for ``fit``; see ``variants``.

    Raises:
        ConfigError, DataError, ModelError: as ``fit``.
    """
    results: list[VariantResult] = []
    for name, variant in variants(recipe, teachers=bool(teachers)).items():
        if only and name != UNCHANGED and not any(part in name for part in only):
            continue
        evaluations = []
        for seed in seeds:
            run = folder / f"{name.replace(' ', '-')}-{seed}"
            model = fit(
                variant,
                faces,
                run,
                replace(options, seed=seed),
                resume=is_resumable(run),
                teachers=teachers if variant.teachers else (),
            )
            evaluations.append(evaluate(model, faces["PublicTest"]))
            keras.utils.clear_session()
        results.append(
            VariantResult(
                name,
                tuple(each.fer2013.accuracy for each in evaluations if variant.label_share),
                tuple(
                    each.ferplus_contempt.accuracy
                    for each in evaluations
                    if each.ferplus_contempt and variant.label_share < 1
                ),
            )
        )
        _write(results, recipe, options, seeds, folder)
    return tuple(results)


def markdown(results: Iterable[VariantResult]) -> str:
    """A Markdown table: means over the seeds, half their range, and the difference from the unchanged recipe."""
    whole, *_ = results = tuple(results)
    lines = [
        "| variant | FER2013 | difference | FER+ (8 classes) | difference |",
        "|---|---:|---:|---:|---:|",
    ]
    for result in results:
        cells = [*_cells(result.fer2013, whole.fer2013), *_cells(result.ferplus, whole.ferplus)]
        lines.append(f"| {result.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(accuracies: Sequence[float], whole: Sequence[float]) -> tuple[str, str]:
    if not accuracies:
        return "-", "-"
    percent, half_range = 100 * float(np.mean(accuracies)), 50 * (max(accuracies) - min(accuracies))
    return (
        f"{percent:.2f}" + (f" ± {half_range:.2f}" if len(accuracies) > 1 else ""),
        "" if accuracies is whole else f"{percent - 100 * float(np.mean(whole)):+.2f}",
    )


def _write(
    results: Sequence[VariantResult], recipe: Recipe, options: RunOptions, seeds: Sequence[int], folder: Path
) -> None:
    epochs = options.epochs or recipe.epochs
    document: Mapping[str, object] = {
        "recipe": recipe.name,
        "epochs": epochs,
        "seeds": list(seeds),
        "rows": [asdict(result) for result in results],
    }
    (folder / "ablation.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    head = f"Recipe {recipe.name}, {epochs} epochs, seeds {', '.join(map(str, seeds))}; float, PublicTest, percent.\n\n"
    (folder / "ablation.md").write_text(head + markdown(results), "utf-8")
