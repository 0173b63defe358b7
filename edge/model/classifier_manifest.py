"""The manifest of a classifier's release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from edge.labels import check_colours, check_labels, check_order
from edge.model.manifest import Manifest, SharedFields, TensorSpec


@dataclass(frozen=True, slots=True)
class Head:
    """The output for one set of labels of the training; ``temperature`` divides its logits before the softmax.

    ``labels`` name its logits, in order; empty means those of the manifest.
    """

    name: str
    output: TensorSpec
    temperature: float
    labels: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """One entry of the manifest's ``heads``.

        Raises:
            ValueError: the temperature is out of its range, or a label is not allowed.
        """
        labels = check_labels(document["labels"]) if "labels" in document else ()
        output = TensorSpec.read(document["output"])
        head = cls(str(document["name"]), output, float(document["temperature"]), labels)
        if not 0.05 <= head.temperature <= 20:
            raise ValueError(f"temperature {head.temperature} is outside 0.05..20")
        return head


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierManifest(Manifest):
    """The manifest of a classifier.

    ``labels`` name the logits of every head that names none of its own, in order. ``order`` has all labels of all heads
    in the order in which to show them, and ``colours`` the colours of some or all, as ``#rrggbb``; both may be empty.
    The first of ``heads`` is used unless another is configured.
    """

    schemas: ClassVar[tuple[str, ...]] = ("fer-edge/model/2",)
    optional: ClassVar[tuple[str, ...]] = ("order", "colours")

    labels: tuple[str, ...]
    heads: tuple[Head, ...]
    order: tuple[str, ...] = ()
    colours: Mapping[str, str] = field(default_factory=dict)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The logits of each head, (1, labels)."""
        return tuple(head.output for head in self.heads)

    def labels_of(self, head: Head) -> tuple[str, ...]:
        """What the logits of ``head`` stand for, in order."""
        return head.labels or self.labels

    def _document(self) -> dict[str, Any]:
        document = super(ClassifierManifest, self)._document()  # slots: the class of a bare super() is another one
        for head in document["heads"]:
            if not head["labels"]:
                del head["labels"]
        return document

    @classmethod
    def _parse(cls, document: Mapping[str, Any], shared: SharedFields) -> Self:
        labels = check_labels(document["labels"])
        heads = tuple(Head.read(head) for head in document["heads"])
        everything = tuple(dict.fromkeys((*labels, *(label for head in heads for label in head.labels))))
        manifest = cls(
            **shared,
            labels=labels,
            heads=heads,
            order=check_order(document.get("order", ()), everything),
            colours=check_colours(document.get("colours", {}), everything),
        )
        if not manifest.heads:
            raise ValueError("heads is empty, expected at least one")
        for head in manifest.heads:
            if head.output.shape != (1, len(manifest.labels_of(head))):
                raise ValueError(
                    f"output shape {head.output.shape} does not fit {len(manifest.labels_of(head))} labels"
                )
        return manifest
