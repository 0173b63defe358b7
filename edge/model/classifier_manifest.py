"""The manifest of a classifier's release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from edge.model.manifest import Manifest, SharedFields, TensorSpec


@dataclass(frozen=True, slots=True)
class Head:
    """The output for one set of labels of the training; ``temperature`` divides its logits before the softmax."""

    name: str
    output: TensorSpec
    temperature: float

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """One entry of the manifest's ``heads``.

        Raises:
            ValueError: the temperature is out of its range.
        """
        head = cls(str(document["name"]), TensorSpec.read(document["output"]), float(document["temperature"]))
        if not 0.05 <= head.temperature <= 20:
            raise ValueError(f"temperature {head.temperature} is outside 0.05..20")
        return head


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierManifest(Manifest):
    """The manifest of a classifier.

    ``labels`` name the logits of every head, in order. The first of ``heads`` is used unless another is configured.
    """

    schema: ClassVar[str] = "fer-edge/model/2"

    labels: tuple[str, ...]
    heads: tuple[Head, ...]

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The logits of each head, (1, labels)."""
        return tuple(head.output for head in self.heads)

    @classmethod
    def _parse(cls, document: Mapping[str, Any], shared: SharedFields) -> Self:
        manifest = cls(
            **shared,
            labels=tuple(str(label) for label in document["labels"]),
            heads=tuple(Head.read(head) for head in document["heads"]),
        )
        if not manifest.heads:
            raise ValueError("heads is empty, expected at least one")
        for output in manifest.outputs:
            if output.shape != (1, len(manifest.labels)):
                raise ValueError(f"output shape {output.shape} does not fit {len(manifest.labels)} labels")
        return manifest
