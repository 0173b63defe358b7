"""``fer-edge model``: the models that this machine can run: packaged, installed and downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from edge.config import LIGHT, Config
from edge.errors import ModelError
from edge.model.download import DOWNLOADS, Download
from edge.model.release import Release
from edge.model.store import Part, find_store
from edge.parts import installable
from edge.vision.classifier import PACKAGED_LIGHT_MODEL, PACKAGED_MODEL, load_release
from edge.vision.detector.builtin import PACKAGED_DETECTOR, load_detector
from edge.vision.detector.haar import HaarDetector
from edge.vision.detector.yunet import YuNetDetector


@dataclass(frozen=True, slots=True)
class Entry:
    """One model: the part that runs it, its name in the configuration, and what it is or why it cannot run."""

    part: Part
    kind: str
    sentence: str


def chosen(config: Config) -> dict[Part, str]:
    """The kind of entry that ``config`` lets each part run."""
    runs: dict[Part, str] = {
        "detector": "own" if config.detector.kind == "builtin" else config.detector.kind,
        "classifier": LIGHT if config.model.folder == LIGHT else "own",
    }
    for part in installable(config):
        runs[part] = "current" if find_store(part).current else "builtin"
    return runs


def list_models(config: Config) -> Iterator[Entry]:
    """What is in the package, was installed or is named by ``config``, and every kind of detector.

    Files are checked against their sha256.
    """
    runs = chosen(config)
    yield Entry("classifier", "builtin", _describe(partial(_release, load_release, PACKAGED_MODEL)))
    yield Entry("classifier", "light", _describe(partial(_release, load_release, PACKAGED_LIGHT_MODEL)))
    yield from _installed("classifier", load_release)
    if runs["classifier"] == "own":
        yield Entry("classifier", "own", _describe(partial(_release, load_release, Path(config.model.folder))))
    yield Entry("detector", "builtin", _describe(partial(_release, load_detector, PACKAGED_DETECTOR)))
    yield from _installed("detector", load_detector)
    if runs["detector"] == "own":
        yield Entry("detector", "own", _describe(partial(_release, load_detector, Path(config.detector.model))))
    yield Entry("detector", "haar", f"{HaarDetector.name}, part of OpenCV {cv2.__version__}")
    for download in DOWNLOADS.values():
        named = config.detector.model if config.detector.kind == download.name else ""
        describe = partial(_yunet, Path(named)) if named else partial(_downloaded, download)
        yield Entry("detector", download.name, _describe(describe))


def _installed(part: Part, load: Callable[[Path], Release[Any]]) -> Iterator[Entry]:
    """What ``fer-edge model install`` put here; the current one runs unless the configuration names another."""
    store = find_store(part)
    for kind, folder in (("current", store.current), ("previous", store.previous)):
        if folder is not None:
            yield Entry(part, kind, _describe(partial(_release, load, folder)))


def _describe(model: Callable[[], str]) -> str:
    try:
        return model()
    except ModelError as error:
        return f"cannot run: {error}"


def _release(load: Callable[[Path], Release[Any]], folder: Path) -> str:
    release = load(folder)
    return f"{release.name}, sha256 {release.manifest.sha256}, {folder}"


def _yunet(path: Path) -> str:
    return f"{YuNetDetector(path).name}, {path}"


def _downloaded(download: Download) -> str:
    return f"sha256 {download.sha256}, {download.find()}"
