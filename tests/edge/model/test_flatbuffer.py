from pathlib import Path

import pytest

from edge.errors import ModelError
from edge.model.flatbuffer import verify_model
from tests.support.paths import TINY

MODELS = sorted(TINY.rglob("*.tflite"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: str(path.relative_to(TINY)))
def test_a_complete_model_passes_and_a_truncated_one_does_not(path: Path) -> None:
    model = path.read_bytes()

    verify_model(model)
    for length in range(len(model)):
        with pytest.raises(ModelError):
            verify_model(model[:length])


@pytest.mark.parametrize(
    "model", [b"", b"TFL3", b"\x80\x02\x03\x04PK", b"version https://git-lfs.github.com/spec/v1\n"], ids=repr
)
def test_bytes_that_are_no_tflite_file_are_named_as_such(model: bytes) -> None:
    with pytest.raises(ModelError, match=r"model of \d+ bytes begins with b'.*'; expected a .tflite file"):
        verify_model(model)


@pytest.mark.parametrize("filler", [0x00, 0x7F, 0xFF])
def test_garbage_behind_a_good_beginning_is_refused(filler: int) -> None:
    beginning = (TINY / "grey" / "model.tflite").read_bytes()[:8]

    with pytest.raises(ModelError, match=r"cut off or damaged; expected a whole \.tflite file"):
        verify_model(beginning + bytes([filler]) * 1000)


def test_every_shared_model_passes(shared: Path) -> None:
    for path in (shared / "models").glob("*.tflite"):
        verify_model(path.read_bytes())
