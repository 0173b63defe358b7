"""What fer-quantize writes into a release folder, and what it leaves there."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ModelError
from edge.vision.detector.builtin import load_detector
from quantize.release import publish
from tests.support.paths import TINY

RELEASED = ("model.json", "model.tflite")


def test_a_refiner_is_published_with_its_detector_and_goes_with_the_next_release(tmp_path: Path) -> None:
    refined, plain = load_detector(TINY / "refined"), load_detector(TINY / "face")
    pages = {f"refiner/{name}": (TINY / "refined" / "refiner" / name).read_bytes() for name in RELEASED}

    publish(refined.model, refined.manifest, pages | {"refiner/MODEL_CARD.md": b"A card."}, tmp_path, None)
    published = load_detector(tmp_path)
    publish(plain.model, plain.manifest, {}, tmp_path, None)

    assert published == refined
    assert not [name for name in RELEASED if (tmp_path / "refiner" / name).exists()]


def test_a_detector_is_not_published_with_a_refiner_that_it_does_not_name(tmp_path: Path) -> None:
    refined = load_detector(TINY / "refined")
    pages = {f"refiner/{name}": (TINY / "face" / name).read_bytes() for name in RELEASED}

    with pytest.raises(ModelError, match=r"refiner/model\.json: sha256"):
        publish(refined.model, refined.manifest, pages, tmp_path / "out", None)

    assert not (tmp_path / "out").exists()
