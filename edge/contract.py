"""What training, quantising and the daemon must agree on: labels, input size and the model manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Order of every vector of emotion scores; the label numbers of FER2013."""

INPUT_SIZE_PX = 48
"""Side of the square grey picture of a face that FER2013 holds and our classifier takes."""

MANIFEST_SCHEMA = "fer-edge/model/1"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output tensor: int8 values ``q`` stand for ``scale * (q - zero_point)``."""

    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class GoldenVector:
    """What the released file answers to ``golden_input(seed, shape)``.

    Runtimes round a few units apart (XNNPACK against the reference kernels), so the comparison has a tolerance.
    """

    seed: int
    output: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """``model.json`` beside ``model.tflite``: what the file must be and how to read its answers.

    ``labels`` name the logits in their order. The host divides dequantised logits by ``temperature`` before the
    softmax. ``metrics``, ``tools`` and ``training`` are for people and reports; the daemon does not interpret them.
    """

    id: str
    sha256: str
    labels: tuple[str, ...]
    input: TensorSpec
    output: TensorSpec
    temperature: float
    golden: tuple[GoldenVector, ...]
    golden_tolerance: int
    metrics: Mapping[str, Any]
    tools: Mapping[str, str]
    training: Mapping[str, Any]
    licence: str
    schema: str = MANIFEST_SCHEMA

    def to_json(self) -> str:
        """The manifest as an indented JSON document; its last field, ``checksum``, covers all others."""
        document = asdict(self)
        checksum = hashlib.sha256(json.dumps(document).encode()).hexdigest()
        return json.dumps({**document, "checksum": checksum}, indent=1) + "\n"

    @classmethod
    def from_json(cls, content: bytes, path: Path) -> Self:
        """Read and check ``content``, which lay at ``path``.

        Raises:
            ModelError: it is not JSON, a field is absent or out of its range, or a byte differs from what ``to_json``
                wrote.
        """
        try:
            document = json.loads(content)
        except ValueError as error:
            raise ModelError(
                f"model manifest {path}: is not JSON ({error}); expected a model.json of fer-quantize"
            ) from error
        try:
            manifest = cls._parse(document)
        except KeyError as error:
            raise ModelError(f"model manifest {path}: field {error} is missing") from error
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ModelError(f"model manifest {path}: {error}") from error
        if manifest.to_json().encode() != content:
            raise ModelError(f"model manifest {path}: its content does not fit its checksum; copy the release again")
        return manifest

    @classmethod
    def _parse(cls, document: dict[str, Any]) -> Self:
        if document["schema"] != MANIFEST_SCHEMA:
            raise ValueError(f"schema is {document['schema']!r}, accepted is {MANIFEST_SCHEMA!r}")
        manifest = cls(
            id=str(document["id"]),
            sha256=str(document["sha256"]),
            labels=tuple(str(label) for label in document["labels"]),
            input=_tensor_spec(document["input"]),
            output=_tensor_spec(document["output"]),
            temperature=float(document["temperature"]),
            golden=tuple(GoldenVector(int(g["seed"]), tuple(int(v) for v in g["output"])) for g in document["golden"]),
            golden_tolerance=int(document["golden_tolerance"]),
            metrics=document["metrics"],
            tools=document["tools"],
            training=document["training"],
            licence=str(document["licence"]),
        )
        if len(manifest.sha256) != 64:
            raise ValueError(f"sha256 has {len(manifest.sha256)} characters, expected 64 hexadecimal digits")
        if manifest.output.shape != (1, len(manifest.labels)):
            raise ValueError(f"output shape {manifest.output.shape} does not fit {len(manifest.labels)} labels")
        if not 0.05 <= manifest.temperature <= 20:
            raise ValueError(f"temperature {manifest.temperature} is outside 0.05..20")
        if not manifest.golden:
            raise ValueError("golden holds no vector, expected at least one")
        return manifest


def _tensor_spec(document: dict[str, Any]) -> TensorSpec:
    spec = TensorSpec(tuple(int(n) for n in document["shape"]), float(document["scale"]), int(document["zero_point"]))
    if not 0 < spec.scale < float("inf"):
        raise ValueError(f"tensor scale {spec.scale} is not a positive number")
    if not -128 <= spec.zero_point <= 127:
        raise ValueError(f"tensor zero point {spec.zero_point} is outside -128..127")
    return spec


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
