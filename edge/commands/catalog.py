"""``fer-edge model``: the models that this machine can run, packaged and downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

from edge.errors import ModelError
from edge.model.download import DOWNLOADS, Download
from edge.vision.classifier import PACKAGED_LIGHT_MODEL, PACKAGED_MODEL, load_release
from edge.vision.detector.builtin import PACKAGED_DETECTOR, load_detector
from edge.vision.detector.haar import HaarDetector


@dataclass(frozen=True, slots=True)
class Entry:
    """One model: the part that runs it, its name in the configuration, and what it is or why it is missing."""

    part: str
    kind: str
    sentence: str


def list_models() -> Iterator[Entry]:
    """The classifiers in the package and every kind of detector; files are checked against their sha256."""
    yield Entry("classifier", "builtin", _describe(partial(_packaged_classifier, PACKAGED_MODEL)))
    yield Entry("classifier", "light", _describe(partial(_packaged_classifier, PACKAGED_LIGHT_MODEL)))
    yield Entry("detector", "builtin", _describe(_packaged_detector))
    yield Entry("detector", "haar", f"{HaarDetector.name}, part of OpenCV {cv2.__version__}")
    for download in DOWNLOADS.values():
        yield Entry("detector", download.name, _describe(partial(_downloaded, download)))


def _describe(model: Callable[[], str]) -> str:
    try:
        return model()
    except ModelError as error:
        return f"missing: {error}"


def _packaged_classifier(folder: Path) -> str:
    manifest = load_release(folder).manifest
    return f"{manifest.id}, sha256 {manifest.sha256}, {folder}"


def _packaged_detector() -> str:
    manifest = load_detector(PACKAGED_DETECTOR).manifest
    return f"{manifest.id}, sha256 {manifest.sha256}, {PACKAGED_DETECTOR}"


def _downloaded(download: Download) -> str:
    return f"sha256 {download.sha256}, {download.find()}"
