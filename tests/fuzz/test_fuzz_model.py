"""A release that is damaged or made up: the very one that was released, or a refusal in one sentence."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import ModelError
from edge.model.flatbuffer import verify_model
from edge.model.manifest import with_checksum
from edge.vision.classifier import EmotionClassifier, load_release
from tests.fuzz.mutation import damaged, warped

RELEASE = Path(__file__).parents[1] / "data" / "tiny" / "grey"
MODEL, MANIFEST = (RELEASE / "model.tflite").read_bytes(), (RELEASE / "model.json").read_bytes()

DOCUMENT = {key: value for key, value in json.loads(MANIFEST).items() if key != "checksum"}

fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
Load = Callable[[bytes, bytes], EmotionClassifier]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """``load(model, manifest)`` is what the daemon does with a release folder that holds them."""

    def write_and_load(model: bytes, manifest: bytes) -> EmotionClassifier:
        (tmp_path / "model.tflite").write_bytes(model)
        (tmp_path / "model.json").write_bytes(manifest)
        return EmotionClassifier(load_release(tmp_path))

    return write_and_load


def same(part: bytes) -> st.SearchStrategy[bytes]:
    """``part``, damaged, but not so that nothing changed."""
    return damaged([part]).filter(lambda content: content != part)


@fuzz
@given(st.tuples(same(MODEL), st.just(MANIFEST)) | st.tuples(st.just(MODEL), same(MANIFEST)))
def test_no_changed_byte_is_run(load: Load, release: tuple[bytes, bytes]) -> None:
    with pytest.raises(ModelError) as refusal:
        load(*release)

    assert "\n" not in str(refusal.value)


@fuzz
@given(damaged([MODEL]) | st.binary(max_size=200))
def test_the_walk_over_a_damaged_model_ends(model: bytes) -> None:
    with contextlib.suppress(ModelError):
        verify_model(model)


@fuzz
@given(warped([DOCUMENT]))
def test_a_manifest_with_a_new_checksum_is_refused_or_makes_sense(load: Load, document: dict[str, Any]) -> None:
    with contextlib.suppress(ModelError):
        manifest = load(MODEL, with_checksum(document).encode()).manifest

        assert manifest.sha256 == hashlib.sha256(MODEL).hexdigest()
        assert all(0.05 <= head.temperature <= 20 for head in manifest.heads)
