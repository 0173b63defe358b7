"""One tiny recipe and one way to make faces, for every test of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest

from tests.train.faces import face_set
from train.data.fer2013 import FaceSet

if TYPE_CHECKING:
    from train.classifier.recipes import Recipe

MakeFaces: TypeAlias = Callable[..., FaceSet]


@pytest.fixture
def make_faces() -> MakeFaces:
    """``make_faces(split, count, vote=None)``: faces of all emotions in turn; ``vote`` is what all annotators chose."""

    def make(split: str, count: int, vote: str | None = None) -> FaceSet:
        labels = np.arange(count) % 7
        noise = np.random.default_rng([count, len(split)]).integers(0, 30, (count, 48, 48))
        pixels = (labels[:, None, None] * 30 + noise).astype(np.uint8)  # the brighter, the higher the label
        return face_set(labels.tolist(), [{vote: 10}] * count if vote else None, pixels, split)

    return make


@pytest.fixture
def splits(make_faces: MakeFaces) -> dict[str, FaceSet]:
    """Training and PublicTest with nine and three faces of each emotion."""
    return {"Training": make_faces("Training", 63), "PublicTest": make_faces("PublicTest", 21)}


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Seven PublicTest faces, one of each emotion."""
    random = np.random.default_rng(1)
    rows = [f"{label},{' '.join(map(str, random.integers(0, 256, 48 * 48)))},PublicTest" for label in range(7)]
    file = tmp_path / "fer2013.csv"
    file.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n", "ascii")
    return file


@pytest.fixture
def tiny_recipe() -> Recipe:
    """A network of a few hundred parameters that trains for one epoch."""
    from train.classifier.network import Stage, build
    from train.classifier.recipes import Recipe

    def network() -> object:
        return build(4, (Stage(8, 1, separable=True),), 0.1)

    return Recipe(name="tiny", network=network, epochs=1, batch=16, mixup=0.2)
