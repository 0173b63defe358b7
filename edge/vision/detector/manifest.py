"""The manifest of a face detector's release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from edge.model.manifest import Manifest, SharedFields, TensorSpec
from edge.vision.crop import CropRule


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorManifest(Manifest):
    """The manifest of a detector with one map of scores and one of boxes per stride, see ``decode``.

    ``outputs`` are the maps of logits and then those of boxes, both in the order of ``strides``. A cell with a score of
    at least ``threshold`` is a face; from ``keep_threshold`` on it keeps the track of a face that was there. Of two
    boxes that overlap by more than ``max_overlap`` (intersection over union) the better one stays. ``crop`` cuts a face
    as FER2013's were cut.

    A detector may have a second stage, see ``refiner``: ``refiner_sha256`` is that of its manifest. A cell with a score
    of at least ``candidate_threshold`` is then a candidate, and the other two thresholds are about refined scores. That
    is another schema, as a device that knows no second stage would compare the detector's own scores with them.
    """

    schemas: ClassVar[tuple[str, ...]] = ("fer-edge/detector/1", "fer-edge/detector/2")
    optional: ClassVar[tuple[str, ...]] = ("refiner_sha256", "candidate_threshold")

    outputs: tuple[TensorSpec, ...] = field()  # without field(), the inherited property would be its default
    strides: tuple[int, ...]
    threshold: float
    keep_threshold: float
    max_overlap: float
    crop: CropRule
    refiner_sha256: str = ""
    candidate_threshold: float = 0.0

    @property
    def schema(self) -> str:
        """The schema that it is written with."""
        return self.schemas[bool(self.refiner_sha256)]

    @classmethod
    def _parse(cls, document: Mapping[str, Any], shared: SharedFields) -> Self:
        manifest = cls(
            **shared,
            outputs=tuple(TensorSpec.read(output) for output in document["outputs"]),
            strides=tuple(int(stride) for stride in document["strides"]),
            threshold=float(document["threshold"]),
            keep_threshold=float(document.get("keep_threshold", document["threshold"])),
            max_overlap=float(document["max_overlap"]),
            crop=CropRule(**{name: float(value) for name, value in document["crop"].items()}),
            refiner_sha256=str(document.get("refiner_sha256", "")),
            candidate_threshold=float(document.get("candidate_threshold", 0)),
        )
        shape = manifest.input.shape
        if len(shape) != 4 or (shape[0], shape[3]) != (1, 1):
            raise ValueError(f"input shape {shape} is no grey image (1, height, width, 1)")
        expected = map_shapes(shape, manifest.strides)
        if tuple(output.shape for output in manifest.outputs) != expected:
            raise ValueError(f"outputs have other shapes than {expected}, those of the strides {manifest.strides}")
        for name, value in (("threshold", manifest.threshold), ("max_overlap", manifest.max_overlap)):
            if not 0 < value < 1:
                raise ValueError(f"{name} {value} is not between 0 and 1")
        if not 0 < manifest.keep_threshold <= manifest.threshold:
            raise ValueError(
                f"keep_threshold {manifest.keep_threshold} is not between 0 and the threshold {manifest.threshold}"
            )
        if manifest.refiner_sha256 and not 0 < manifest.candidate_threshold < 1:
            raise ValueError(f"candidate_threshold {manifest.candidate_threshold} is not between 0 and 1")
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
