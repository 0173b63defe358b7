"""Face crops -> emotion scores, with a release that is checked before the first face."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge import int8
from edge.contract import EMOTIONS, Manifest, golden_input
from edge.errors import ModelError
from edge.interpreter import Interpreter
from edge.records import EmotionScores, Pixels
from edge.signature import SIGNATURE_FILE, verify_signature

MODEL_FILE, MANIFEST_FILE = "model.tflite", "model.json"

_MERGED = {"contempt": "neutral"}
"""Labels of other label sets (FER+) that count as one of ours."""


@dataclass(frozen=True, slots=True)
class Release:
    """A model file's content and the manifest that it was checked against."""

    manifest: Manifest
    model: bytes


def load_release(folder: Path, public_key: Path | None = None) -> Release:
    """Read ``model.tflite`` and ``model.json`` of a release folder.

    Args:
        folder: a release folder of fer-quantize.
        public_key: PEM file; with it, only a release that the owner of the key has signed is taken.

    Raises:
        ModelError: a file is missing, the manifest is malformed, the model's sha256 is not the manifest's, or the
            signature is missing or wrong.
        ConfigError: signatures cannot be checked with ``public_key`` here.
    """
    content = _read(folder / MANIFEST_FILE, "a model.json of fer-quantize")
    if public_key is not None:
        verify_signature(content, folder / SIGNATURE_FILE, public_key)
    manifest = Manifest.from_json(content, folder / MANIFEST_FILE)
    path = folder / MODEL_FILE
    model = _read(path, "an int8 .tflite file")
    sha256 = hashlib.sha256(model).hexdigest()
    if sha256 != manifest.sha256:
        raise ModelError(
            f"model {path}: sha256 of its {len(model)} bytes is {sha256[:12]}..., "
            f"the manifest expects {manifest.sha256[:12]}...; copy the release again"
        )
    return Release(manifest, model)


def _read(path: Path, expected: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"model {path}: cannot be read ({error.strerror}); expected {expected}") from error


def softmax(logits: npt.NDArray[np.floating], temperature: float) -> npt.NDArray[np.float64]:
    """Probabilities of ``logits`` / ``temperature`` along the last axis; above 1 flattens, below 1 sharpens.

    In float64 on the host: an int8 softmax has steps of 1/256 and loses the tail.
    """
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


class EmotionClassifier:
    """A release ready to read faces. Used by one thread only.

    Attributes:
        manifest: the release's manifest.
        device: what computes, ``cpu`` or the delegate's name.
        input_size_px: side of the square crops it takes.
    """

    def __init__(self, release: Release, *, threads: int = 1, delegate: str | None = None) -> None:
        """Open the model, and have it answer the manifest's golden vectors.

        Raises:
            ModelError: the model's tensors, labels or answers are not what the manifest says.
            DelegateError: the accelerator named by ``delegate`` is absent.
        """
        self.manifest = release.manifest
        self.device = delegate or "cpu"
        self._interpreter = Interpreter(release.model, threads=threads, delegate=delegate)
        self._emotion_of_label = _emotion_of_label(self.manifest.labels)
        self._check_tensors()
        self._check_golden()
        _, self.input_size_px, _, self._channels = self.manifest.input.shape

    def classify(self, crops: Sequence[Pixels]) -> tuple[EmotionScores, ...]:
        """The scores of each crop, uint8 (input_size_px, input_size_px), in order.

        Raises:
            ValueError: a crop has another shape.
        """
        return tuple(self._scores(crop) for crop in crops)

    def _scores(self, crop: Pixels) -> EmotionScores:
        size_px, output = self.input_size_px, self.manifest.output
        if crop.shape != (size_px, size_px):
            raise ValueError(f"face crop has the shape {crop.shape}, expected {(size_px, size_px)}")
        picture = np.repeat(crop[np.newaxis, :, :, np.newaxis], self._channels, axis=3)
        (logits,) = int8.dequantize(self._run(picture), output.scale, output.zero_point)
        probabilities = softmax(logits, self.manifest.temperature)
        by_emotion = np.bincount(self._emotion_of_label, weights=probabilities, minlength=len(EMOTIONS))
        return EmotionScores(tuple(by_emotion.tolist()))

    def _run(self, picture: Pixels) -> npt.NDArray[np.int8]:
        """Logits, int8 (1, labels), of a picture, uint8 (1, height, width, channels)."""
        spec = self.manifest.input
        (logits,) = self._interpreter.run(int8.quantize(picture, spec.scale, spec.zero_point))
        return logits

    def _check_tensors(self) -> None:
        manifest = self.manifest
        for side, actual, expected in (
            ("input", self._interpreter.inputs, manifest.input),
            ("output", self._interpreter.outputs, manifest.output),
        ):
            if len(actual) != 1:
                raise ModelError(f"model {manifest.id}: has {len(actual)} {side} tensors, expected 1")
            if actual[0] != expected:
                raise ModelError(f"model {manifest.id}: {side} is {actual[0]}, the manifest expects {expected}")
        shape = manifest.input.shape
        if len(shape) != 4 or shape[0] != 1 or shape[1] != shape[2] or shape[3] not in (1, 3):
            raise ModelError(f"model {manifest.id}: input shape {shape} is no square picture (1, size, size, 1 or 3)")

    def _check_golden(self) -> None:
        manifest = self.manifest
        for golden in manifest.golden:
            answer = self._run(golden_input(golden.seed, manifest.input.shape))[0].tolist()
            if len(golden.output) != len(answer):
                raise ModelError(
                    f"model {manifest.id}: golden vector {golden.seed} holds {len(golden.output)} numbers, "
                    f"expected {len(answer)}"
                )
            off = max(abs(a - b) for a, b in zip(answer, golden.output, strict=True))
            if off > manifest.golden_tolerance:
                raise ModelError(
                    f"model {manifest.id}: answers {answer} to golden vector {golden.seed}, {off} steps off "
                    f"{list(golden.output)}; accepted are {manifest.golden_tolerance} on {self._interpreter.runtime}"
                )


def _emotion_of_label(labels: tuple[str, ...]) -> list[int]:
    """The index in EMOTIONS that each label counts for; an emotion that no label names keeps probability 0."""
    if len(set(labels)) != len(labels):
        raise ModelError(f"model labels {', '.join(labels)} repeat one; expected each once")
    names = [_MERGED.get(label, label) for label in labels]
    unknown = [name for name in names if name not in EMOTIONS]
    if unknown:
        accepted = ", ".join((*EMOTIONS, *_MERGED))
        raise ModelError(f"model label {unknown[0]!r} is unknown, accepted are {accepted}")
    return [EMOTIONS.index(name) for name in names]
