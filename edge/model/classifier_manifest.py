"""The manifest of a classifier, ``model.json`` beside ``model.tflite``, and the pictures of its golden vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from edge.model.manifest import GoldenVector, TensorSpec, read_golden_vectors, read_tensor_spec, seal, unseal

MANIFEST_SCHEMA = "fer-edge/model/2"


@dataclass(frozen=True, slots=True)
class Head:
    """One question that a classifier answers: its output, and what divides the logits before the host's softmax."""

    name: str
    output: TensorSpec
    temperature: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """``model.json`` beside ``model.tflite``: what the file must be and how to read its answers.

    ``labels`` name the logits of every head in their order. The first of ``heads`` answers unless another is asked for.
    ``metrics``, ``tools`` and ``training`` are for people and reports; the daemon does not interpret them.
    """

    id: str
    sha256: str
    labels: tuple[str, ...]
    input: TensorSpec
    heads: tuple[Head, ...]
    golden: tuple[GoldenVector, ...]
    golden_tolerance: int
    metrics: Mapping[str, Any]
    tools: Mapping[str, str]
    training: Mapping[str, Any]
    licence: str
    schema: str = MANIFEST_SCHEMA

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Those of the heads."""
        return tuple(head.output for head in self.heads)

    def to_json(self) -> str:
        """The manifest as a document, see ``seal``."""
        return seal(asdict(self))

    @classmethod
    def from_json(cls, content: bytes, path: Path) -> Self:
        """Read and check ``content``, which lay at ``path``.

        Raises:
            ModelError: see ``unseal``.
        """
        return unseal(content, path, MANIFEST_SCHEMA, cls._parse)

    @classmethod
    def _parse(cls, document: dict[str, Any]) -> Self:
        manifest = cls(
            id=str(document["id"]),
            sha256=str(document["sha256"]),
            labels=tuple(str(label) for label in document["labels"]),
            input=read_tensor_spec(document["input"]),
            heads=_read_heads(document["heads"]),
            golden=read_golden_vectors(document["golden"]),
            golden_tolerance=int(document["golden_tolerance"]),
            metrics=document["metrics"],
            tools=document["tools"],
            training=document["training"],
            licence=str(document["licence"]),
        )
        for head in manifest.heads:
            if head.output.shape != (1, len(manifest.labels)):
                raise ValueError(f"output shape {head.output.shape} does not fit {len(manifest.labels)} labels")
        return manifest


def _read_heads(documents: Sequence[dict[str, Any]]) -> tuple[Head, ...]:
    heads = tuple(Head(str(h["name"]), read_tensor_spec(h["output"]), float(h["temperature"])) for h in documents)
    if not heads:
        raise ValueError("heads is empty, expected at least one")
    for head in heads:
        if not 0.05 <= head.temperature <= 20:
            raise ValueError(f"temperature {head.temperature} is outside 0.05..20")
    return heads


def golden_input(seed: int, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """A reproducible test picture of ``shape`` (1, height, width, channels): a drawn mask with noise, uint8.

    A mask, because a network of faces answers nearly the same to every picture without one, and a golden vector must
    tell pictures apart. Integer arithmetic and numpy's frozen ``RandomState`` only, so that every platform draws the
    same pixels.
    """
    _, height, width, channels = shape
    random = np.random.RandomState(seed)
    backdrop, skin, dark, tongue = (random.randint(lowest, lowest + 64) for lowest in (0, 160, 0, 128))
    brow, lid = random.randint(8, 15), random.randint(1, 6)
    mouth, gape, smile = random.randint(6, 13), random.randint(2, 9), random.randint(-4, 5)
    picture = np.full((height, width), backdrop)
    y, x = np.mgrid[:height, :width] * 48 // np.reshape((height, width), (2, 1, 1))
    for centre_x, centre_y, radius_x, radius_y, grey in (
        (24, 25, 18, 24, skin),
        (15, brow, 6, 1, dark),
        (33, brow, 6, 1, dark),
        (15, 19, 5, lid, dark),
        (33, 19, 5, lid, dark),
        (24, 37, mouth, gape, dark),
        (24, 37 - smile, mouth, gape - 1, random.choice((skin, tongue))),  # leaves a crescent
    ):
        across, down = (x - centre_x) * radius_y, (y - centre_y) * radius_x
        picture[across**2 + down**2 < (radius_x * radius_y) ** 2] = grey
    noise = random.randint(0, 32, (height, width, channels))
    return (picture[..., np.newaxis] + noise)[np.newaxis].astype(np.uint8)
