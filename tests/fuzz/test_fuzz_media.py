"""Pictures and videos that are damaged, mislabelled or made to harm: frames, or skipped and counted, never a crash."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.camera.luma import MAX_SIDE_PX
from tests.fuzz.mutation import corpus, damaged

SEEDS = corpus("media")
PICTURES = (".jpg", ".png", ".bmp", ".pgm", ".tif", ".gif", ".webp")
MOST_MB = 512
"""What the service is allowed (MemoryMax in fer-edge.service)."""
LONGEST_S = 20.0

pictures = st.sampled_from([name for name in SEEDS if name.endswith(PICTURES)])
fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class Decoder:
    """The process of ``decoder.py``, started again when it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def play(self, path: Path) -> dict[str, Any]:
        """What it says of ``path``; fails when it crashes, hangs or needs more memory than there is on a Pi."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("decoder.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(os.fsencode(path) + b"\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], LONGEST_S)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self.close()
            pytest.fail(f"{path.name} {'crashed' if ready else 'hangs'} the decoder")
        answer: dict[str, Any] = json.loads(line)
        if answer["peak_mb"] > MOST_MB:
            self.close()
            pytest.fail(f"{path.name} took {answer['peak_mb']:.0f} MB")
        return answer

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder()
    yield decoder
    decoder.close()


@pytest.fixture
def hold(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """``hold(name, content)`` is a file of that name, alone in its folder."""

    def write(name: str, content: bytes) -> Path:
        folder = tmp_path / "held"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        (folder / name).write_bytes(content)
        return folder / name

    return write


@pytest.mark.parametrize("name", SEEDS)
def test_every_seed_is_what_its_name_says(decoder: Decoder, hold: Callable[[str, bytes], Path], name: str) -> None:
    file = hold(name, SEEDS[name])

    answer = decoder.play(file.parent if name.endswith(PICTURES) else file)

    refused = name.startswith(("announces", "empty")) or name in ("animated.png", "animated.webp")
    # OpenCV 4.11 reads no GIF as a picture.
    assert ("error" in answer) == refused or name == "animated.gif", answer


@fuzz
@given(pictures, st.data())
def test_a_damaged_picture_is_a_frame_or_skipped(
    decoder: Decoder, hold: Callable[[str, bytes], Path], name: str, data: st.DataObject
) -> None:
    # A suffix promises nothing: OpenCV looks at the first bytes.
    content = data.draw(damaged([SEEDS[name], *SEEDS.values()]))

    answer = decoder.play(hold(f"a{Path(name).suffix}", content).parent)

    assert answer.get("frames") == 1 or "holds nothing readable" in answer["error"]
    assert answer.get("longest_px", 1) <= MAX_SIDE_PX


@fuzz
@given(st.sampled_from(sorted(SEEDS)), st.data())
def test_a_damaged_video_plays_as_far_as_it_can(
    decoder: Decoder, hold: Callable[[str, bytes], Path], name: str, data: st.DataObject
) -> None:
    content = data.draw(damaged([SEEDS[name], *(SEEDS[other] for other in SEEDS if not other.endswith(PICTURES))]))

    answer = decoder.play(hold(f"a{Path(name).suffix}", content))

    reasons = ("holds nothing readable", "no frame can be decoded", "megapixels")
    assert answer.get("frames", 0) > 0 or any(reason in answer["error"] for reason in reasons)
    assert answer.get("longest_px", 1) <= MAX_SIDE_PX
