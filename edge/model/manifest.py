"""``model.json`` beside ``model.tflite``: what the manifests of every kind of model hold, and their checksum."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypedDict, TypeVar

from edge.errors import ModelError
from edge.model.golden import GoldenVector

_FOR_PEOPLE = ("metrics", "tools", "training", "licence")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output tensor: int8 values ``q`` stand for ``scale * (q - zero_point)``."""

    shape: tuple[int, ...]
    scale: float
    zero_point: int

    def __str__(self) -> str:
        return f"{self.shape} in steps of {self.scale:g} from {self.zero_point}"

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """A tensor of a manifest.

        Raises:
            ValueError: scale or zero point is out of its range.
        """
        shape = tuple(int(length) for length in document["shape"])
        spec = cls(shape, float(document["scale"]), int(document["zero_point"]))
        if not 0 < spec.scale < float("inf"):
            raise ValueError(f"tensor scale {spec.scale} is not a positive number")
        if not -128 <= spec.zero_point <= 127:
            raise ValueError(f"tensor zero point {spec.zero_point} is outside -128..127")
        return spec


class SharedFields(TypedDict):
    """The fields that the manifests of every kind have, by name: see ``Manifest``."""

    id: str
    sha256: str
    input: TensorSpec
    golden: tuple[GoldenVector, ...]
    golden_tolerance: int
    metrics: Mapping[str, Any]
    tools: Mapping[str, str]
    training: Mapping[str, Any]
    licence: str
    edgetpu_sha256: str
    counter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(ABC):
    """What a model file must be, and how to read its output.

    ``id`` is name and version, for people; ``sha256`` is that of the model file, 64 hexadecimal digits. ``input`` is
    the image it takes, (1, height, width, channels). The daemon refuses a file whose output for a golden image is more
    than ``golden_tolerance`` steps from its golden vector. ``edgetpu_sha256`` is that of the file compiled for the Edge
    TPU, empty without one. ``counter`` grows with every release, so that none can be replaced by an older one; 0 where
    nobody counts. ``metrics``, ``tools`` and ``training`` are for people and reports; the daemon does not interpret
    them.
    """

    schemas: ClassVar[tuple[str, ...]]
    """Those that can be read. A manifest is written with the first that says all of it, see ``schema``."""
    optional: ClassVar[tuple[str, ...]] = ()
    """Fields of a kind that are left out where they are empty, like ``edgetpu_sha256`` and ``counter``."""

    id: str
    sha256: str
    input: TensorSpec
    golden: tuple[GoldenVector, ...]
    golden_tolerance: int
    metrics: Mapping[str, Any]
    tools: Mapping[str, str]
    training: Mapping[str, Any]
    licence: str
    edgetpu_sha256: str = ""
    counter: int = 0

    @property
    def schema(self) -> str:
        """The schema that it is written with."""
        return self.schemas[0]

    @property
    @abstractmethod
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The output tensors, in the order in which the host reads them."""

    @classmethod
    @abstractmethod
    def _parse(cls, document: Mapping[str, Any], shared: SharedFields) -> Self:
        """The manifest in ``document``, whose ``shared`` fields are parsed already.

        Raises:
            KeyError: a field is missing.
            TypeError, ValueError: a field has another type, or is out of its range.
        """

    def to_json(self) -> str:
        """The manifest as a document, see ``with_checksum``."""
        return with_checksum(self._document())

    def _document(self) -> dict[str, Any]:
        document = {"schema": self.schema, **asdict(self)}
        for name in ("edgetpu_sha256", "counter", *self.optional):
            if not document[name]:
                del document[name]
        for name in _FOR_PEOPLE:  # at the end, because they are long
            document[name] = document.pop(name)
        return document

    @classmethod
    def from_json(cls, content: bytes, path: Path) -> Self:
        """Read and check ``content``, which was read from ``path``.

        Raises:
            ModelError: it is not JSON or of another schema, a field is missing or out of its range, or a byte differs
                from what ``to_json`` wrote.
        """
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ModelError(
                f"model manifest {path}: is not JSON ({error}); expected a model.json of fer-quantize"
            ) from error
        try:
            if document["schema"] not in cls.schemas:
                raise ValueError(f"schema is {document['schema']!r}, expected {' or '.join(map(repr, cls.schemas))}")
            manifest = cls._parse(document, _parse_shared(document))
            document.pop("checksum", None)
            intact = with_checksum(document).encode() == content
        except KeyError as error:
            raise ModelError(f"model manifest {path}: field {error} is missing") from error
        except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise ModelError(f"model manifest {path}: {error}") from error
        if not intact:
            raise ModelError(f"model manifest {path}: its content does not match its checksum; copy the release again")
        return manifest


M = TypeVar("M", bound=Manifest)


def with_checksum(document: Mapping[str, Any]) -> str:
    """``document`` as indented JSON; its last field, ``checksum``, is computed over all others."""
    checksum = hashlib.sha256(json.dumps(document).encode()).hexdigest()
    return json.dumps({**document, "checksum": checksum}, indent=1) + "\n"


def _parse_shared(document: Mapping[str, Any]) -> SharedFields:
    shared = SharedFields(
        id=str(document["id"]),
        sha256=str(document["sha256"]),
        input=TensorSpec.read(document["input"]),
        golden=tuple(GoldenVector.read(vector) for vector in document["golden"]),
        golden_tolerance=int(document["golden_tolerance"]),
        metrics=document["metrics"],
        tools=document["tools"],
        training=document["training"],
        licence=str(document["licence"]),
        edgetpu_sha256=str(document.get("edgetpu_sha256", "")),
        counter=int(document.get("counter", 0)),
    )
    if len(shared["sha256"]) != 64:
        raise ValueError(f"sha256 has {len(shared['sha256'])} characters, expected 64 hexadecimal digits")
    if len(shared["edgetpu_sha256"]) not in (0, 64):
        raise ValueError(f"edgetpu_sha256 has {len(shared['edgetpu_sha256'])} characters, expected 64 or none")
    if not 0 <= shared["counter"] < 2**53:
        raise ValueError(f"counter {shared['counter']} is outside 0..{2**53 - 1}")
    if not shared["golden"]:
        raise ValueError("golden holds no vector, expected at least one")
    return shared
