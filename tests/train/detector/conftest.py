"""Photographs of drawn faces: nothing is read from a disk."""

from __future__ import annotations

import numpy as np
import pytest

from edge.model.golden import golden_input
from train.data.photographs import Photograph
from train.detector.development import Frame, compose
from train.detector.synthesis.occlusions import Thing
from train.detector.synthesis.sprites import Collection

FACE_PX = 40


def drawn_face(seed: int, side_px: int = 48) -> np.ndarray:
    return golden_input(seed, (1, side_px, side_px, 1))[0, :, :, 0]


def portrait(number: int) -> Photograph:
    """A drawn face in the middle of a plain picture of 100x120."""
    pixels = np.full((120, 100), 60 + number, np.uint8)
    pixels[30 : 30 + FACE_PX, 30 : 30 + FACE_PX] = drawn_face(number, FACE_PX)
    box = [34, 30, 66, 30 + FACE_PX]
    return Photograph(f"portrait{number}.jpg", pixels, np.array([box], np.float32))


def view(number: int) -> Photograph:
    """Stripes of 160x120."""
    rows = np.arange(120)[:, None] * (number + 1) // 3 % 256
    pixels = np.broadcast_to(rows, (120, 160)).astype(np.uint8)
    return Photograph(f"view{number}.jpg", pixels, np.empty((0, 4), np.float32))


def tight_head(name: str, number: int) -> Photograph:
    """A drawn face that overflows its picture of 60x50."""
    box = np.array([[8, -3, 48, 52]], np.float32)
    return Photograph(name, np.vstack([drawn_face(number + 50, 50), drawn_face(number + 50, 50)])[:60], box)


@pytest.fixture(scope="session")
def collection() -> Collection:
    """Forty portraits, thirty views, three of FER2013's kind of faces, ten tight heads, and three things."""
    faces = np.stack([drawn_face(number) for number in range(100, 103)])
    tight = [tight_head(f"{kind}_{n}.jpg", n) for kind in ("with_mask", "without_mask") for n in range(5)]
    things = [Thing(f"thing{n}.png", drawn_face(200 + n), np.full((48, 48), 255, np.uint8)) for n in range(3)]
    return Collection([portrait(n) for n in range(40)], [view(n) for n in range(30)], faces, tight, things)


@pytest.fixture(scope="session")
def development(collection: Collection) -> dict[str, list[Frame]]:
    """A fiftieth of the development set that ``collection`` makes."""
    return dict(compose(collection, [], share=0.02))


@pytest.fixture
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run steps without tracing them, which takes longer than a few steps do, and draw no curves."""
    import keras

    compiled = keras.Model.compile
    monkeypatch.setattr(
        keras.Model, "compile", lambda model, optimizer, **_: compiled(model, optimizer, run_eagerly=True)
    )
    for module in ("train.detector.fit", "train.detector.refiner.fit"):
        monkeypatch.setattr(f"{module}.save_curves", lambda history, png: None)
