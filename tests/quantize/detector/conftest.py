"""A detector that needs no training, dark blocks are faces, with frames for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edge.records import Pixels
from train.data.fer2013 import FaceSet
from train.data.photographs import Photograph
from train.detector.development import Frame
from train.detector.sources import Sources
from train.detector.synthesis.sprites import NO_FACES, Collection

HEIGHT, WIDTH, STRIDES = 96, 128, (8, 16, 32)
BLOCK, REACH = 16, 2
"""A dark square of 16 pixels on the middle grid; the face around it reaches two strides of 16 to each side."""


@pytest.fixture(scope="session")
def spots() -> Any:
    """Dark blocks on the middle map; the others keep silent, and the middle one is enlarged into the fine one."""
    pixels = keras.Input((HEIGHT, WIDTH, 1))
    fine, middle, coarse = (layers.AveragePooling2D(stride)(pixels) for stride in STRIDES)
    fine = layers.Add()([fine, layers.UpSampling2D(2)(middle)])
    maps = dict(zip(STRIDES, (fine, middle, coarse), strict=True))
    outputs = [
        layers.Conv2D(depth, 1, name=f"{name}{stride}")(maps[stride])
        for name, depth in (("logit", 1), ("box", 4))
        for stride in STRIDES
    ]
    model = keras.Model(pixels, outputs)
    for name, kernel, bias in (
        ("logit8", [[[[-0.01]]]], [-5]),
        ("logit16", [[[[-0.1]]]], [6.5]),
        ("logit32", [[[[-0.01]]]], [-5]),
        ("box8", np.zeros((1, 1, 1, 4)), np.log([1, 1, 1, 1.5])),
        ("box16", np.zeros((1, 1, 1, 4)), np.log([REACH] * 4)),
        ("box32", np.zeros((1, 1, 1, 4)), np.log([REACH] * 4)),
    ):
        model.get_layer(name).set_weights([np.array(kernel), np.array(bias)])
    return model


@pytest.fixture(scope="session")
def collection() -> Collection:
    """Noise from black to white, some of it with a box."""
    noise = np.random.RandomState(3).randint(0, 256, (8, 24, 32)).repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)
    box = np.array([[80, 60, 140, 130]], np.float32)
    return Collection(
        [Photograph(f"head{index}", pixels, box) for index, pixels in enumerate(noise[:4])],
        [Photograph(f"empty{index}", pixels, NO_FACES) for index, pixels in enumerate(noise[4:])],
        np.empty((0, 48, 48), np.uint8),
    )


def frame(*places: tuple[int, int], bar: bool = False) -> Frame:
    """A grey frame with a face around the block at each (row, column) of the coarse grid; below a ``bar`` none."""
    pixels = np.full((HEIGHT, WIDTH), 160, np.uint8)
    faces = []
    for row, column in places:
        top, left = row * BLOCK, column * BLOCK
        pixels[top : top + BLOCK, left : left + BLOCK] = 10
        if bar:
            pixels[max(0, top - 40) : top - 24, left - 40 : left + 56] = 250
            continue
        middle, reach = np.array([left + BLOCK / 2, top + BLOCK / 2]), REACH * STRIDES[1]
        faces.append(np.concatenate([middle - reach, middle + reach]))
    return Frame(pixels, np.array(faces, np.float32).reshape(-1, 4))


@pytest.fixture(scope="session")
def development() -> dict[str, list[Frame]]:
    return {
        "scenes": [frame((2, column)) for column in range(2, 6)] + [frame((2, 1), (3, 6))],
        "mosaics": [],
        "clips": [frame((3, 3))],
        "empty": [frame()] * 3,
        "objects": [],
        "people": [],
    }


@pytest.fixture(scope="session")
def faces() -> Pixels:
    """Images of FER2013's size whose block, once they are enlarged, lies where the network looks for one."""
    images = np.full((5, 48, 48), 160, np.uint8)
    images[:, 8:24, 8:24] = 10
    return images


@pytest.fixture(scope="session")
def run(spots: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "spots-0"
    folder.mkdir()
    spots.save(folder / "model.keras")
    (folder / "run.json").write_text('{"recipe": {"name": "spots"}}')
    return folder


@pytest.fixture
def data_options(
    collection: Collection, development: dict[str, list[Frame]], faces: Pixels, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Options of fer-quantize detector that name its data; it reads ``collection``, ``development`` and ``faces``."""
    split = FaceSet("PublicTest", faces, np.zeros(len(faces), np.uint8), np.arange(len(faces), dtype=np.int32))
    monkeypatch.setattr("train.data.fer2013.load", lambda *_: {"PublicTest": split})
    monkeypatch.setattr("train.detector.sources.read_sources", lambda *_: Sources(collection, collection, []))
    monkeypatch.setattr("train.detector.development.compose", lambda *_: development)
    return ["--faces", "faces", "--data", "fer2013.csv"]
