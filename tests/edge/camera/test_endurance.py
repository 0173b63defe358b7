"""Every kind of camera, at every rate, with every trouble, side by side and for minutes: make cameras.

The table in docs/cameras.md comes from here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_camera import HttpCamera
from tests.support.paths import CLIP, ROOT
from tests.support.rtsp import rtsp_server

pytestmark = pytest.mark.slow

DURATION_S = float(os.environ.get("FER_CAMERA_S", "60"))
START_EVERY_S = 0.7
"""Many at once would wait for the processor, not for their camera."""
BOOKWORM = ROOT / ".venv-pi" / "bin" / "python"
TABLE = os.environ.get("FER_CAMERA_TABLE")


@dataclass(frozen=True)
class Case:
    """One camera; ``rate`` is how many images a second it sends, ``most`` how many may be used."""

    kind: str
    rate: float
    trouble: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    reopens: bool = False
    share: float = 1.0

    @property
    def most(self) -> float:
        return min(self.rate, float(self.keys.get("fps", 10.0)))


RATES = ("0.2", "0.5", "1", "2", "5", "10", "30", "60")
CASES = [
    *(Case("RTSP over TCP", float(rate), path=f"fps{rate}", keys={"fps": 60.0}) for rate in RATES),
    Case("RTSP over TCP", 30, "camera.fps is 10", path="fps30"),
    Case("RTSP over TCP", 10, "with sound", path="audio"),
    Case("RTSP over TCP", 10, "a key picture every 20 s", path="gop"),
    Case("RTSP over UDP", 10, path="udp", keys={"transport": "udp"}),
    Case("RTSP over UDP", 10, "JPEG", path="jpeg", keys={"transport": "udp"}),
    *(Case("MJPEG", rate, path="usual", keys={"fps": 60.0}) for rate in (0.2, 1, 10, 50)),
    Case("MJPEG", 50, "camera.fps is 10", path="usual"),
    Case("MJPEG", 10, "every third image is cut off", path="cut", share=2 / 3),
    Case("MJPEG", 10, "the same image always", path="dark"),
    Case("MJPEG", 10, "hangs up after five images", path="leaving", reopens=True, share=0.2),
    Case("MJPEG", 10, "sends nothing after five images", path="pausing", reopens=True, share=0.0),
    Case("still image", 0.1, path="still.jpg", keys={"fps": 0.1, "stall_s": 30.0}),
    Case("still image", 1, path="still.jpg", keys={"fps": 1.0}),
    Case("still image", 10, path="still.jpg"),
    Case("still image", 10, "every second request fails", path="shy.jpg", share=0.5),
    Case("video file", 10),
]


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, int], dict[str, Any]]:
    """What came of each case, for each Python, all at the same time."""
    pythons = [sys.executable, *([str(BOOKWORM)] if BOOKWORM.exists() and sys.executable != str(BOOKWORM) else [])]
    running: dict[tuple[str, int], subprocess.Popen[str]] = {}
    with ExitStack() as stack:
        for number, case in enumerate(CASES):
            # One server each: GStreamer's serves nobody while a slow camera prepares its first image.
            rtsp_port = stack.enter_context(rtsp_server()) if case.kind.startswith("RTSP") else 0
            for python in pythons:
                keys: dict[str, Any] = {"kind": "stream"}
                if rtsp_port:
                    keys["url"] = f"rtsp://127.0.0.1:{rtsp_port}/{case.path}"
                elif case.path:
                    server = HttpCamera(fps=case.rate)
                    stack.callback(server.close)
                    keys["url"] = server.url(case.path)
                else:
                    keys = {"kind": "replay", "path": str(CLIP), "loop": True}
                command = [python, "-m", "tests.support.watch_camera", str(DURATION_S), json.dumps(keys | case.keys)]
                running[python, number] = subprocess.Popen(
                    command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
                time.sleep(START_EVERY_S)
        ended = {key: process.communicate(timeout=DURATION_S + 120) for key, process in running.items()}
        assert [error for _, error in ended.values() if "Traceback" in error] == []
        told = {key: json.loads(output) for key, (output, _) in ended.items()}
    if TABLE:
        _write_table(Path(TABLE), told)
    return told


@pytest.mark.timeout(DURATION_S + 300)
@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{c.kind}-{c.rate:g}-{c.trouble}" for c in CASES])
def test_a_camera_delivers_for_minutes(results: dict[tuple[str, int], dict[str, Any]], number: int) -> None:
    case = CASES[number]
    for told in (told for (_, of), told in results.items() if of == number):
        expected = case.most * case.share * (DURATION_S - told["opened_s"])
        assert told["error"] == ""
        assert told["frames"] >= 0.85 * expected - 2
        # What came while FFmpeg looked at the stream comes at once.
        assert told["frames"] <= case.most * (DURATION_S + 15) + 10
        assert (told["reopens"] > 0) == case.reopens or case.trouble.startswith("the same")
        assert len(told["lines"]) <= 3 + 4 * DURATION_S / 60
        assert told["rss_mb"] < 150


def _write_table(page: Path, told: dict[tuple[str, int], dict[str, Any]]) -> None:
    lines = [
        "| camera | images/s | trouble | OpenCV | open after | frames used | reopened | damaged | log lines a minute |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {case.kind} | {case.rate:g} | {case.trouble} | {one['opencv']} | {one['opened_s']:.1f} s "
        f"| {one['frames']} | {one['reopens']} | {one['bad']} | {len(one['lines']) * 60 / DURATION_S:.1f} |"
        for number, case in enumerate(CASES)
        for (_, of), one in told.items()
        if of == number
    ]
    begin, end = "<!-- table: make cameras -->\n", "<!-- end of table -->"
    head, _, rest = page.read_text("utf-8").partition(begin)
    table = f"{DURATION_S / 60:g} minutes each, all at the same time:\n\n" + "\n".join(lines) + "\n\n"
    page.write_text(head + begin + table + end + rest.partition(end)[2], "utf-8")
