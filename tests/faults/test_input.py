"""Pictures and videos that nobody should send to a sensor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.faults.conftest import Figures
from tests.faults.witness import Witness
from tests.support.daemon import StartDaemon, replay
from tests.support.mosquitto import Mosquitto
from tests.support.paths import CLIP

pytestmark = [pytest.mark.faults, pytest.mark.broker]

NOISE = np.random.default_rng(19)
MEMORY_MB = 512
"""What the unit grants."""
# A child's ru_maxrss would begin with what this process has.
MEASURED = """
import sys
from collections.abc import Callable
from pathlib import Path
from edge import cli

status = cli.main()
memory = Path("/proc/self/status").read_text("ascii").splitlines()
print(*[line for line in memory if line.startswith("VmHWM:")], file=sys.stderr)
sys.exit(status)
"""


def readable_pictures(folder: Path) -> int:
    """Odd pictures that are pictures; how many."""
    grey = NOISE.integers(0, 256, (120, 160), np.uint8)
    colour = Image.fromarray(NOISE.integers(0, 256, (120, 160, 3), np.uint8))
    cv2.imwrite(str(folder / "a-16-bit.png"), grey.astype(np.uint16) * 257)
    colour.convert("CMYK").save(folder / "b-cmyk.jpg")
    colour.save(folder / "c-animated.gif", save_all=True, append_images=[colour.rotate(90)])
    colour.convert("1").save(folder / "d-one-bit.png")
    colour.convert("RGBA").save(folder / "e-alpha.png")
    cv2.imwrite(str(folder / "f-1x1.png"), grey[:1, :1])
    Image.new("L", (8000, 6000), 90).save(folder / "g-8000x6000.png")
    Image.new("L", (1, 8000), 90).save(folder / "h-1x8000.png")
    return len(list(folder.iterdir()))


def unreadable_pictures(folder: Path) -> int:
    """Files with the name of a picture that are none; how many."""
    before = len(list(folder.iterdir()))
    jpeg = bytes(cv2.imencode(".jpg", NOISE.integers(0, 256, (120, 160), np.uint8))[1])
    (folder / "m-empty.png").touch()
    (folder / "n-zeros.jpg").write_bytes(bytes(5000))
    (folder / "o-header-only.jpg").write_bytes(jpeg[:20])
    (folder / "p-text.png").write_text("no picture")
    # 65500 x 65500: more pixels than OpenCV decodes, in a file of 20 bytes of data.
    huge = bytearray(bytes(cv2.imencode(".bmp", np.zeros((4, 4), np.uint8))[1]))
    huge[18:26] = (65500).to_bytes(4, "little") * 2
    (folder / "q-huge.bmp").write_bytes(huge)
    return len(list(folder.iterdir())) - before


def run_to_the_end(daemon: StartDaemon, port: int, path: Path) -> tuple[int, list[str], float]:
    """Exit status of a daemon that replays ``path``, what it said, and its largest resident memory in MB."""
    running = daemon(port, camera=replay(path, pace="fast"), program=("-c", MEASURED))
    status = running.process.wait(60)
    (peak,) = [line for line in running.journal.entries() if line.startswith("VmHWM:")]
    return status, running.journal.entries(), int(peak.split()[1]) / 1000


@pytest.mark.row(19, "folder of pictures: 16 bit, CMYK, animated, 1x1, 8000x6000, empty, zeros, cut, text, 65500x65500")
def test_odd_pictures_are_read_and_what_is_none_is_skipped_and_counted(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, tmp_path: Path, figures: Figures
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    readable = readable_pictures(folder)
    unreadable = unreadable_pictures(folder)

    status, said, peak_mb = run_to_the_end(daemon, broker.port, folder)

    skipped = [line for line in said if "skipped, it is " in line]
    analysed = sum(window["frames"]["analysed"] for window in witness.windows.entries())
    figures(note=f"{analysed} analysed, {len(skipped)} skipped and named, {peak_mb:.0f} MB at most")
    assert status == 0
    assert analysed == readable
    assert len(skipped) == unreadable
    assert peak_mb < MEMORY_MB


def video(path: Path, width_px: int, height_px: int, frames: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (width_px, height_px))
    for _ in range(frames):
        writer.write(np.full((height_px, width_px, 3), 90, np.uint8))
    writer.release()
    return path


def truncated(path: Path) -> Path:
    """A video without its end; a frame of it is cut in two."""
    whole = video(path, 160, 120, 40).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("make", "status", "said"),
    [
        (lambda folder: written(folder / "a.mp4", b""), 1, "holds nothing readable"),
        (lambda folder: written(folder / "a.mp4", NOISE.bytes(100_000)), 1, "holds nothing readable"),
        (lambda folder: written(folder / "a.mp4", CLIP.read_bytes()[:20_000]), 1, "holds nothing readable"),
        (lambda folder: truncated(folder / "a.avi"), 0, "it is truncated"),
        (lambda folder: video(folder / "a.avi", 1, 1, 5), 0, ""),
        (lambda folder: video(folder / "a.avi", 8000, 6000, 3), 1, "at most 16 megapixels"),
    ],
    ids=["empty", "noise", "mp4 without its end", "avi without its end", "1x1", "8000x6000"],
)
@pytest.mark.row(19, "video")
def test_an_odd_video_is_an_error_in_one_sentence_or_goes_through(
    broker: Mosquitto,
    witness: Witness,
    daemon: StartDaemon,
    tmp_path: Path,
    make: Callable[[Path], Path],
    status: int,
    said: str,
    figures: Figures,
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    path = make(folder)

    ended, lines, peak_mb = run_to_the_end(daemon, broker.port, path)

    words = [line for line in lines if line.startswith(("fer-edge: ", "WARNING edge.camera"))]
    analysed = sum(window["frames"]["analysed"] for window in witness.windows.entries())
    told = words[0].partition(": ")[2].replace(str(folder), "...") if words else "nothing to say"
    figures(note=f"exit {ended}, {analysed} frames: {told}; {peak_mb:.0f} MB at most")
    assert ended == status
    assert said in told or not said
    assert len(words) <= 1
    assert peak_mb < MEMORY_MB
