"""Reads the run folder of fer-train; checks and writes the release folder that a device loads."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.errors import ConfigError, ModelError
from edge.labels import EMOTIONS, HEADS
from edge.model.manifest import Manifest
from edge.model.release import MANIFEST_FILE, MODEL_FILE, REFINER_FOLDER, Release, read_release, read_schema
from edge.model.signature import SIGNATURE_FILE
from edge.model.store import REFINER_FILES
from edge.vision.classifier import EmotionClassifier, load_release
from edge.vision.detector.builtin import BuiltinDetector, load_detector
from edge.vision.detector.manifest import DetectorManifest
from edge.vision.detector.refiner import Refiner, RefinerManifest
from quantize.sign import sign
from quantize.tflite.verify import (
    MAX_CONVERTED_BYTES,
    classifier_requirements,
    detector_requirements,
    refiner_requirements,
    verify,
)

HELD_OUT = "PublicTest"
"""The split of FER2013 on which releases are measured: it gates a classifier and sets a detector's crop rule."""

PROBES = 64
"""How many golden images, and how many real ones, runtimes are compared on."""

CONVERTED_FROM = "converted_from"
"""The field of a manifest's ``training`` that marks a model which fer-train did not train."""


def read_run(run: Path) -> dict[str, Any]:
    """The settings of a run folder.

    Raises:
        ConfigError: it holds no ``run.json`` of fer-train.
    """
    advice = "expected a run folder of fer-train fit"
    try:
        document = json.loads((run / "run.json").read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"run {run}: run.json cannot be read ({error.strerror}); {advice}") from error
    except ValueError as error:
        raise ConfigError(f"run {run}: run.json is not JSON ({error}); {advice}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"run {run}: run.json holds no settings; {advice}")
    return document


def model_file(path: Path) -> Path:
    """The .tflite file that ``path`` is, or holds as a release folder."""
    return path / MODEL_FILE if path.is_dir() else path


def read_model(path: Path) -> bytes:
    """The content of a .tflite file, or of that in a release folder.

    Raises:
        ModelError: it cannot be read.
    """
    file = model_file(path)
    try:
        return file.read_bytes()
    except OSError as error:
        raise ModelError(f"model {file}: cannot be read ({error.strerror}); expected a .tflite file") from error


def check_place(out: Path, *, replace: bool) -> None:
    """Make sure that a new release in ``out`` overwrites none, unless that is wanted.

    Raises:
        ConfigError: ``out`` holds a release.
    """
    if not replace and (out / MANIFEST_FILE).exists():
        raise ConfigError(
            f"release folder {out}: holds a release already; name another folder with --out, or add --replace"
        )


def check_release(folder: Path) -> Release[Any]:
    """Load a release folder as the daemon does, and verify the file as strictly as when it was released.

    Raises:
        ModelError: file, manifest, labels or golden vectors contradict each other, or no device should load the file.
    """
    schema = read_schema(folder)
    if schema in DetectorManifest.schemas:
        detector = load_detector(folder)
        verify(detector.model, detector_requirements(detector.manifest.input.shape, detector.manifest.strides))
        BuiltinDetector(detector)
        if detector.refiner:
            check_release(folder / REFINER_FOLDER)
        return detector
    if schema in RefinerManifest.schemas:
        refiner = read_release(folder, RefinerManifest)
        verify(refiner.model, refiner_requirements(refiner.manifest.input.shape))
        Refiner(refiner)
        return refiner
    classifier = load_release(folder)
    manifest = classifier.manifest
    if CONVERTED_FROM in manifest.training:
        heads = len(manifest.heads)
        verify(
            classifier.model,
            classifier_requirements(manifest.input.shape, manifest.labels, heads, MAX_CONVERTED_BYTES),
        )
    else:
        verify(classifier.model, classifier_requirements(labels=manifest.labels, heads=len(manifest.heads)))
        if len(manifest.heads) == len(HEADS) and manifest.labels != EMOTIONS:
            raise ModelError(
                f"model {manifest.id}: labels are {', '.join(manifest.labels)}; "
                f"expected the order of fer-train, {', '.join(EMOTIONS)}"
            )
    EmotionClassifier(classifier)
    return classifier


def publish(model: bytes, manifest: Manifest, pages: Mapping[str, bytes], out: Path, key: Path | None) -> None:
    """Fill the release folder ``out``, once a copy of it was checked as a device checks it, and sign it with ``key``.

    The manifest comes last: a folder that is only half copied does not load.

    Args:
        model: the content of the .tflite file.
        manifest: its manifest.
        pages: further files, by name; those of a refiner lie in its folder.
        out: the folder; files of an earlier release are replaced.
        key: PEM file with the private key, see ``sign``; None leaves the release unsigned.

    Raises:
        ModelError: see ``check_release``.
        ConfigError: ``out`` cannot be written, or ``key`` cannot sign.
    """
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder)
        (built / MODEL_FILE).write_bytes(model)
        (built / MANIFEST_FILE).write_text(manifest.to_json(), "utf-8")
        for name, content in pages.items():
            (built / name).parent.mkdir(exist_ok=True)
            (built / name).write_bytes(content)
        check_release(built)
        if key is not None:
            sign(built / MANIFEST_FILE, key)
        try:
            for earlier in (SIGNATURE_FILE, *REFINER_FILES):
                (out / earlier).unlink(missing_ok=True)
            files = [file for file in built.rglob("*") if file.is_file()]
            for file in sorted(files, key=lambda file: file == built / MANIFEST_FILE):
                target = out / file.relative_to(built)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        except OSError as error:
            raise ConfigError(
                f"release folder {out}: cannot be written ({error.strerror}); name another folder with --out"
            ) from error
