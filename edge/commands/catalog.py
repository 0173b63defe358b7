"""``fer-edge model``: the models that this machine could run without another word in the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2

from edge.errors import ModelError
from edge.model.download import DOWNLOADS, Download
from edge.vision.classifier import PACKAGED_MODEL, load_release
from edge.vision.detector.builtin import PACKAGED_DETECTOR, load_detector
from edge.vision.detector.haar import HaarDetector


@dataclass(frozen=True, slots=True)
class Item:
    """One model: the part that runs it, what the configuration calls it, and what it is or why it is absent."""

    part: str
    kind: str
    sentence: str


def shelf() -> Iterator[Item]:
    """The classifier in the package and every kind of detector; files are checked against their sha256."""
    yield Item("classifier", "fer", _sentence(_packaged_classifier))
    yield Item("detector", "fer", _sentence(_packaged_detector))
    yield Item("detector", "haar", f"{HaarDetector.name}, part of OpenCV {cv2.__version__}")
    for download in DOWNLOADS.values():
        yield Item("detector", download.name, _sentence(partial(_fetched, download)))


def _sentence(tell: Callable[[], str]) -> str:
    try:
        return tell()
    except ModelError as error:
        return f"absent: {error}"


def _packaged_classifier() -> str:
    manifest = load_release(PACKAGED_MODEL).manifest
    return f"{manifest.id}, sha256 {manifest.sha256}, {PACKAGED_MODEL}"


def _packaged_detector() -> str:
    manifest = load_detector(PACKAGED_DETECTOR).manifest
    return f"{manifest.id}, sha256 {manifest.sha256}, {PACKAGED_DETECTOR}"


def _fetched(download: Download) -> str:
    return f"sha256 {download.sha256}, {download.find()}"
