"""Ablation: the variants, the table, and that finished runs are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="needs the extra train")

from train.classifier.ablate import UNCHANGED, VariantResult, ablate, markdown, variants
from train.classifier.recipes import Recipe
from train.data.fer2013 import FaceSet
from train.run.folder import RunOptions


@pytest.mark.parametrize("teachers", [(), ("teacher",)])
def test_every_variant_differs_from_the_recipe(tiny_recipe: Recipe, teachers: tuple[str, ...]) -> None:
    recipe = replace(tiny_recipe, teachers=teachers)

    names = variants(recipe, teachers=True)

    assert names.pop(UNCHANGED) == recipe
    assert recipe not in names.values()
    assert ("no teacher" in names) == ("with a teacher" not in names) == bool(teachers)
    assert "no mixup" in names
    assert "mixup 0.2" not in names


def test_variants_are_trained_once_and_listed_in_a_table(
    tiny_recipe: Recipe, splits: dict[str, FaceSet], tmp_path: Path
) -> None:
    rows = ablate(tiny_recipe, splits, tmp_path, RunOptions(), only=["no mixup"])
    trained = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/model.keras")}
    again = ablate(tiny_recipe, splits, tmp_path, RunOptions(), only=["no mixup"])

    assert [row.name for row in rows] == [UNCHANGED, "no mixup"]
    assert again == rows
    assert {path.parent.name for path in trained} == {"unchanged-0", "no-mixup-0"}
    assert all(path.stat().st_mtime_ns == written for path, written in trained.items())
    assert "| no mixup |" in (tmp_path / "ablation.md").read_text("utf-8")


def test_the_table_shows_mean_half_range_and_difference() -> None:
    rows = [VariantResult(UNCHANGED, (0.65, 0.67), (0.80, 0.82)), VariantResult("no mixup", (0.64,), ())]

    table = markdown(rows).splitlines()

    assert table[2] == "| unchanged | 66.00 ± 1.00 |  | 81.00 ± 1.00 |  |"
    assert table[3] == "| no mixup | 64.00 | -2.00 | - | - |"
