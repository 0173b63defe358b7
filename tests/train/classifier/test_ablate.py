"""Ablation: which variants there are, what the table says, and that finished runs are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra train")

from train.classifier.ablate import UNCHANGED, VariantResult, ablate, markdown, variants
from train.classifier.network import Stage, build
from train.classifier.recipes import Recipe
from train.data.fer2013 import FaceSet
from train.run.folder import RunOptions

TINY = Recipe(name="tiny", network=lambda: build(4, (Stage(8, 1, separable=True),), 0.1), epochs=1, batch=8, mixup=0.2)


def face_set(split: str, count: int) -> FaceSet:
    pixels = np.random.default_rng(count).integers(0, 255, (count, 48, 48), dtype=np.uint8)
    return FaceSet(split, pixels, np.arange(count, dtype=np.uint8) % 7, np.arange(count, dtype=np.int32))


@pytest.mark.parametrize("teachers", [(), ("teacher",)])
def test_every_variant_differs_from_the_recipe(teachers: tuple[str, ...]) -> None:
    recipe = replace(TINY, teachers=teachers)

    names = variants(recipe, teachers=True)

    assert names.pop(UNCHANGED) == recipe
    assert recipe not in names.values()
    assert ("no teacher" in names) == ("with a teacher" not in names) == bool(teachers)
    assert "no mixup" in names
    assert "mixup 0.2" not in names


def test_variants_are_trained_once_and_told_in_a_table(tmp_path: Path) -> None:
    faces = {"Training": face_set("Training", 16), "PublicTest": face_set("PublicTest", 7)}

    rows = ablate(TINY, faces, tmp_path, RunOptions(), only=["no mixup"])
    trained = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/model.keras")}
    again = ablate(TINY, faces, tmp_path, RunOptions(), only=["no mixup"])

    assert [row.name for row in rows] == [UNCHANGED, "no mixup"]
    assert again == rows
    assert {path.parent.name for path in trained} == {"unchanged-0", "no-mixup-0"}
    assert all(path.stat().st_mtime_ns == written for path, written in trained.items())
    assert "| no mixup |" in (tmp_path / "ablation.md").read_text("utf-8")


def test_the_table_tells_mean_spread_and_difference() -> None:
    rows = [VariantResult(UNCHANGED, (0.65, 0.67), (0.80, 0.82)), VariantResult("no mixup", (0.64,), ())]

    table = markdown(rows).splitlines()

    assert table[2] == "| unchanged | 66.00 ± 1.00 |  | 81.00 ± 1.00 |  |"
    assert table[3] == "| no mixup | 64.00 | -2.00 | - | - |"
