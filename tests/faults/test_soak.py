"""Hours of video in less time, with a broker that dies every minute: nothing may grow, nothing may be missing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from tests.faults.conftest import Figures
from tests.faults.report import plot_soak
from tests.faults.witness import Witness
from tests.support.daemon import Section, StartDaemon, replay
from tests.support.mosquitto import Mosquitto
from tests.support.paths import CLIP

MINUTES = float(os.environ.get("FER_SOAK_MINUTES", "30"))
SAMPLE_S = 5.0
WARM_UP = 0.2
"""Share of the time after which memory is looked at: buffers and the allocator's pools fill first."""


@pytest.fixture
def one_core() -> Iterator[None]:
    """What is started from here on shares one core and leaves the others alone."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("needs Linux")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    yield
    os.sched_setaffinity(0, before)


def small_clip(folder: Path) -> Section:
    """The section [camera]: the bundled clip at half its size, in which a face takes a quarter of the time."""
    video, path = cv2.VideoCapture(str(CLIP)), folder / "small.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (240, 180))
    while (read := video.read())[0]:
        writer.write(cv2.resize(read[1], (240, 180), interpolation=cv2.INTER_AREA))
    writer.release()
    return replay(path, loop=True, pace="fast")


@pytest.mark.soak
@pytest.mark.broker
@pytest.mark.timeout(60 * MINUTES + 300)
@pytest.mark.row(20, f"clip as fast as one core can for {MINUTES:g} min, broker killed and started every minute")
def test_nothing_grows_and_nothing_is_missing(
    one_core: None, broker: Mosquitto, witness: Witness, daemon: StartDaemon, tmp_path: Path, figures: Figures
) -> None:
    running = daemon(broker.port, camera=small_clip(tmp_path), window={"duration_s": 10}, privacy={"min_people": 1})
    witness.wait(1)
    process = psutil.Process(running.process.pid)
    begun_s = time.monotonic()
    samples = []

    for number in range(1, round(60 * MINUTES / SAMPLE_S) + 1):
        time.sleep(max(0.0, begun_s + number * SAMPLE_S - time.monotonic()))
        samples.append(
            (time.monotonic() - begun_s, process.memory_info().rss / 1e6, process.num_fds(), witness.last_seq)
        )
        if number % round(60 / SAMPLE_S) == 0:
            broker.kill()
            broker.start()
    wall_s = time.monotonic() - begun_s
    running.wait("no window waits", 120, since_s=time.monotonic())
    assert running.stop() == 0
    _, last = witness.status(since_s=begun_s + wall_s, state="stopping")

    at_s, rss_mb, descriptors, _ = np.array(samples).T
    settled = at_s > WARM_UP * wall_s
    early, late = np.median(descriptors[settled][:20]), np.median(descriptors[settled][-20:])
    slope_mb_h = float(np.polyfit(at_s[settled] / 3600, rss_mb[settled], 1)[0])
    account = witness.account()
    windows = witness.windows.entries()
    hours = sum(window["window"]["duration_s"] for window in windows) / 3600
    figures(
        note=f"{hours:.1f} h of video in {wall_s / 60:.0f} min; "
        f"memory {slope_mb_h:+.2f} MB/h at {rss_mb[settled].mean():.0f} MB, "
        f"{early:.0f} file descriptors after the warm-up and {late:.0f} at the end, "
        f"{last['mqtt']['reconnects']} reconnects",
        slope_mb_h=slope_mb_h,
        **account,
    )
    if folder := os.environ.get("FER_FAULTS"):
        plot_soak(samples, Path(folder).with_name("pictures") / "soak.png")
    assert account["lost"] == 0
    assert {window["dominant"] for window in windows} >= {"happy"}
    assert last["mqtt"]["dropped"] == 0
    assert slope_mb_h < 1
    assert late == early
