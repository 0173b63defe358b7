"""``model.json`` of a face detector's release: what the file must be, and how its answers become faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from edge.model.manifest import GoldenVector, TensorSpec, read_golden_vectors, read_tensor_spec, seal, unseal
from edge.vision.crop import CropRule

DETECTOR_SCHEMA = "fer-edge/detector/1"


@dataclass(frozen=True, slots=True)
class DetectorManifest:
    """The manifest of a detector with one map of scores and one of boxes per stride, see ``decode``.

    ``outputs`` are the maps of logits and then those of boxes, both in the order of ``strides``. Cells with a score of
    at least ``threshold`` are faces; of two that overlap by more than ``max_overlap`` (intersection over union) the
    better one stays. ``crop`` cuts a face as FER2013's were cut. ``metrics``, ``tools`` and ``training`` are for people
    and reports; the daemon does not interpret them.
    """

    id: str
    sha256: str
    input: TensorSpec
    outputs: tuple[TensorSpec, ...]
    strides: tuple[int, ...]
    threshold: float
    max_overlap: float
    crop: CropRule
    golden: tuple[GoldenVector, ...]
    golden_tolerance: int
    metrics: Mapping[str, Any]
    tools: Mapping[str, str]
    training: Mapping[str, Any]
    licence: str
    schema: str = DETECTOR_SCHEMA

    def to_json(self) -> str:
        """The manifest as a document, see ``seal``."""
        return seal(asdict(self))

    @classmethod
    def from_json(cls, content: bytes, path: Path) -> Self:
        """Read and check ``content``, which lay at ``path``.

        Raises:
            ModelError: see ``unseal``.
        """
        return unseal(content, path, DETECTOR_SCHEMA, cls._parse)

    @classmethod
    def _parse(cls, document: dict[str, Any]) -> Self:
        manifest = cls(
            id=str(document["id"]),
            sha256=str(document["sha256"]),
            input=read_tensor_spec(document["input"]),
            outputs=tuple(read_tensor_spec(output) for output in document["outputs"]),
            strides=tuple(int(stride) for stride in document["strides"]),
            threshold=float(document["threshold"]),
            max_overlap=float(document["max_overlap"]),
            crop=CropRule(**{name: float(value) for name, value in document["crop"].items()}),
            golden=read_golden_vectors(document["golden"]),
            golden_tolerance=int(document["golden_tolerance"]),
            metrics=document["metrics"],
            tools=document["tools"],
            training=document["training"],
            licence=str(document["licence"]),
        )
        shape = manifest.input.shape
        if len(shape) != 4 or (shape[0], shape[3]) != (1, 1):
            raise ValueError(f"input shape {shape} is no grey picture (1, height, width, 1)")
        expected = map_shapes(shape, manifest.strides)
        if tuple(output.shape for output in manifest.outputs) != expected:
            raise ValueError(f"outputs have other shapes than {expected}, those of the strides {manifest.strides}")
        for name, value in (("threshold", manifest.threshold), ("max_overlap", manifest.max_overlap)):
            if not 0 < value < 1:
                raise ValueError(f"{name} {value} is not between 0 and 1")
        return manifest


def map_shapes(shape: Sequence[int], strides: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Shapes of the outputs for an input of ``shape`` (1, height, width, 1): logits of each stride, then boxes of each.

    Raises:
        ValueError: a stride is not above 0, or does not divide height and width.
    """
    _, height, width, _ = shape
    if not strides or any(stride < 1 or height % stride or width % stride for stride in strides):
        raise ValueError(f"strides {tuple(strides)} do not divide an input of {width}x{height}")
    cells = [(height // stride, width // stride) for stride in strides]
    return tuple((1, rows, columns, depth) for depth in (1, 4) for rows, columns in cells)
