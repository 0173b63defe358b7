"""What the manifests of all kinds of models share: tensors, golden vectors, and a checksum over every byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError

GOLDEN_NUMBERS = 64
"""Numbers that a golden vector keeps of an answer at most: a classifier gives 7, a detector thousands."""


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


class ReleaseManifest(Protocol):
    """What the manifests of all kinds of models hold."""

    @property
    def id(self) -> str:
        """Name and version, for people."""

    @property
    def sha256(self) -> str:
        """Of the model file, 64 hexadecimal digits."""

    @property
    def input(self) -> TensorSpec:
        """The picture it takes, (1, height, width, channels)."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it gives, in the order in which the host reads it."""

    @property
    def golden(self) -> tuple[GoldenVector, ...]:
        """What it answers to drawn pictures, one vector at least."""

    @property
    def golden_tolerance(self) -> int:
        """Steps that an answer may lie off its golden vector."""

    def to_json(self) -> str:
        """The sealed document."""

    @classmethod
    def from_json(cls, content: bytes, path: Path) -> Self:
        """Read and check a sealed document."""


M = TypeVar("M", bound=ReleaseManifest)


def seal(document: Mapping[str, Any]) -> str:
    """``document`` as indented JSON; its last field, ``checksum``, covers all others."""
    checksum = hashlib.sha256(json.dumps(document).encode()).hexdigest()
    return json.dumps({**document, "checksum": checksum}, indent=1) + "\n"


def unseal(content: bytes, path: Path, schema: str, parse: Callable[[dict[str, Any]], M]) -> M:
    """Read a sealed manifest of ``schema``, which lay at ``path``, with ``parse``.

    Raises:
        ModelError: it is not JSON, of another schema, a field is absent or out of its range, or a byte differs from
            what ``to_json`` wrote.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"model manifest {path}: is not JSON ({error}); expected a model.json of fer-quantize"
        ) from error
    try:
        if document["schema"] != schema:
            raise ValueError(f"schema is {document['schema']!r}, accepted is {schema!r}")
        manifest = parse(document)
        if len(manifest.sha256) != 64:
            raise ValueError(f"sha256 has {len(manifest.sha256)} characters, expected 64 hexadecimal digits")
        if not manifest.golden:
            raise ValueError("golden holds no vector, expected at least one")
    except KeyError as error:
        raise ModelError(f"model manifest {path}: field {error} is missing") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(f"model manifest {path}: {error}") from error
    if manifest.to_json().encode() != content:
        raise ModelError(f"model manifest {path}: its content does not fit its checksum; copy the release again")
    return manifest


def read_golden_vectors(documents: Sequence[dict[str, Any]]) -> tuple[GoldenVector, ...]:
    """The field ``golden`` of a manifest.

    Raises:
        ValueError: a seed is out of its range.
    """
    vectors = tuple(GoldenVector(int(g["seed"]), tuple(int(v) for v in g["output"])) for g in documents)
    for vector in vectors:
        if not 0 <= vector.seed < 2**32:
            raise ValueError(f"golden seed {vector.seed} is outside 0..{2**32 - 1}")
    return vectors


def read_tensor_spec(document: dict[str, Any]) -> TensorSpec:
    """A tensor of a manifest.

    Raises:
        ValueError: scale or zero point is out of its range.
    """
    spec = TensorSpec(tuple(int(n) for n in document["shape"]), float(document["scale"]), int(document["zero_point"]))
    if not 0 < spec.scale < float("inf"):
        raise ValueError(f"tensor scale {spec.scale} is not a positive number")
    if not -128 <= spec.zero_point <= 127:
        raise ValueError(f"tensor zero point {spec.zero_point} is outside -128..127")
    return spec


def golden_numbers(answer: npt.NDArray[np.int8]) -> tuple[int, ...]:
    """What a golden vector keeps of an ``answer``, int8 (numbers,)."""
    return tuple(answer[:: golden_stride(len(answer))].tolist())


def golden_stride(numbers: int) -> int:
    """Of an answer with so many numbers, every so many-th is kept: at most ``GOLDEN_NUMBERS``, evenly spread."""
    return -(-numbers // GOLDEN_NUMBERS)
