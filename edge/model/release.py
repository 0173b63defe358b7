"""A release folder of fer-quantize -> a network, checked before it runs on the first frame."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import numpy as np
import numpy.typing as npt

from edge.errors import DelegateError, ModelError
from edge.model import int8
from edge.model.golden import golden_input, golden_values
from edge.model.interpreter import Interpreter, probe_delegate
from edge.model.manifest import M, TensorSpec
from edge.model.signature import SIGNATURE_FILE, verify_signature
from edge.records import Pixels

MODEL_FILE, MANIFEST_FILE = "model.tflite", "model.json"
EDGETPU_FILE = "model_edgetpu.tflite"
"""The same model, compiled for the Edge TPU; absent where nobody has compiled it."""
REFINER_FOLDER = "refiner"
"""In the release of a detector, that of its second stage; absent where it has none."""


@dataclass(frozen=True, slots=True)
class Release(Generic[M]):
    """A model file's content and the manifest that it was checked against; ``edgetpu`` is the compiled one, if any."""

    manifest: M
    model: bytes
    edgetpu: bytes | None = None

    @property
    def name(self) -> str:
        """Its id, and that of what belongs to it."""
        return self.manifest.id


def read_release(folder: Path, kind: type[M], public_key: Path | None = None, sha256: str = "") -> Release[M]:
    """Read ``model.tflite`` and ``model.json`` of a release folder.

    Args:
        folder: a release folder of fer-quantize.
        kind: the kind of manifest that is expected.
        public_key: PEM file; with it, only a release that the owner of the key has signed is taken.
        sha256: what the manifest's has to be, where the manifest of another release says so.

    Raises:
        ModelError: a file is missing, the manifest is malformed or of another kind, a sha256 is not the expected one,
            or the signature is missing or wrong.
        ConfigError: signatures cannot be checked with ``public_key`` here.
    """
    if folder.is_file() and not sha256:
        raise ModelError(
            f"model {folder}: is a file, not a release folder; unpack an archive and name the folder (mkdir mine && "
            "tar -xf mine.tar -C mine), or run sudo fer-edge model install with it and name none"
        )
    expected = (
        "that of this detector's second network; copy the release again" if sha256 else "a model.json of fer-quantize"
    )
    content = _read(folder / MANIFEST_FILE, expected, sha256)
    if public_key is not None:
        verify_signature(content, folder / SIGNATURE_FILE, public_key)
    manifest = kind.from_json(content, folder / MANIFEST_FILE)
    model = _read(folder / MODEL_FILE, "an int8 .tflite file", manifest.sha256)
    if not manifest.edgetpu_sha256:
        return Release(manifest, model)
    compiled = _read(folder / EDGETPU_FILE, "the file for the Edge TPU", manifest.edgetpu_sha256)
    return Release(manifest, model, compiled)


def read_schema(folder: Path) -> str | None:
    """The manifest's schema, which shows the kind of model; None if it cannot be read: loading it says why."""
    try:
        return str(json.loads((folder / MANIFEST_FILE).read_bytes())["schema"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _read(path: Path, expected: str, sha256: str) -> bytes:
    """A file; ``sha256`` is what it has to be, or empty."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"model {path}: cannot be read ({error.strerror}); expected {expected}") from error
    actual = hashlib.sha256(content).hexdigest()
    if sha256 and actual != sha256:
        raise ModelError(
            f"model {path}: sha256 of its {len(content)} bytes is {actual[:12]}..., "
            f"the manifest expects {sha256[:12]}...; copy the release again"
        )
    return content


class Network(Generic[M]):
    """A release ready to run. Used by one thread only.

    Attributes:
        manifest: the release's manifest.
        device: where it runs, ``cpu`` or the delegate's name.
    """

    def __init__(self, release: Release[M], *, threads: int = 1, delegate: str | None = None) -> None:
        """Open the model and check it against the manifest, golden vectors included.

        Raises:
            ModelError: the model's tensors or outputs are not what the manifest says.
            DelegateError: the accelerator named by ``delegate`` is absent.
        """
        self.manifest = release.manifest
        self.device = delegate or "cpu"
        model = release.model if delegate is None else self._compiled(release, delegate)
        self._interpreter = Interpreter(model, threads=threads, delegate=delegate)
        self._check("input", self._interpreter.inputs, (self.manifest.input,))
        self._check("output", self._interpreter.outputs, self.manifest.outputs)
        self._positions = self._find(self.manifest.outputs)
        spec = self.manifest.input
        self._step_of_grey = int8.quantize(np.arange(256), spec.scale, spec.zero_point).tobytes()
        self._check_golden()

    def run(self, image: Pixels) -> tuple[npt.NDArray[np.int8], ...]:
        """The outputs in the manifest's order, for an image, uint8 (1, height, width, channels)."""
        # An index array would be widened to eight bytes a pixel first.
        steps = image.tobytes().translate(self._step_of_grey)
        outputs = self._interpreter.run(np.frombuffer(steps, np.int8).reshape(image.shape))
        return tuple(outputs[position] for position in self._positions)

    def _compiled(self, release: Release[M], delegate: str) -> bytes:
        """The file for the accelerator: it would leave the uncompiled one to the CPU and say nothing."""
        if release.edgetpu is None:
            probe_delegate(delegate, None)
            raise DelegateError(
                f"{delegate}: model {self.manifest.id} has no {EDGETPU_FILE}; compile it, see docs/coral.md, or run on "
                "the cpu"
            )
        return release.edgetpu

    def _check(self, side: str, actual: tuple[TensorSpec, ...], expected: tuple[TensorSpec, ...]) -> None:
        name = f"model {self.manifest.id}"
        if len(actual) != len(expected):
            raise ModelError(f"{name}: has {len(actual)} {side} tensors, expected {len(expected)}")
        for spec in Counter(expected) - Counter(actual):
            found = ", ".join(map(str, actual))
            raise ModelError(f"{name}: {side} is {found}, the manifest expects {spec}")

    def _find(self, outputs: tuple[TensorSpec, ...]) -> list[int]:
        """Where the file has each of ``outputs``: converters order them as they like. Two alike stay in order."""
        free = list(enumerate(self._interpreter.outputs))
        positions = []
        for spec in outputs:
            found = next(each for each in free if each[1] == spec)
            free.remove(found)
            positions.append(found[0])
        return positions

    def _check_golden(self) -> None:
        manifest = self.manifest
        for golden in manifest.golden:
            outputs = self.run(golden_input(golden.seed, manifest.input.shape))
            actual = golden_values(np.concatenate([output.ravel() for output in outputs]))
            if len(golden.output) != len(actual):
                raise ModelError(
                    f"model {manifest.id}: golden vector {golden.seed} holds {len(golden.output)} values, "
                    f"expected {len(actual)}"
                )
            off = max(abs(a - b) for a, b in zip(actual, golden.output, strict=True))
            if off > manifest.golden_tolerance:
                raise ModelError(
                    f"model {manifest.id}: {self._interpreter.runtime} is {off} steps off golden vector {golden.seed}, "
                    f"expected at most {manifest.golden_tolerance}; install the runtime that requirements/ locks"
                )
