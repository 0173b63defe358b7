"""The camera fails in every way that needs no Pi. ``camera.stall_s`` is 2 here, 5 by default."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.faults.camera_server import CameraServer, jpeg
from tests.faults.conftest import Figures
from tests.faults.witness import Witness
from tests.support.daemon import READY, Daemon, StartDaemon, replay
from tests.support.mosquitto import Mosquitto

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def camera() -> Iterator[CameraServer]:
    camera = CameraServer()
    yield camera
    camera.close()


def recovered(running: Daemon, witness: Witness, since_s: float) -> float:
    """When all was well again and a window showed frames."""
    well_s = running.wait("STATUS=running", 60, since_s=since_s)
    seen_s = witness.windows.wait(lambda window: window["frames"]["analysed"] > 5, 60, since_s=since_s)
    return max(well_s, seen_s)


@pytest.mark.parametrize(
    ("manner", "said", "problem"),
    [
        ("hangup", "hung up", "camera_stalled"),
        ("silence", "sent no image for 2 s", "camera_stalled"),
        ("garbage", "no image for", "camera_stalled"),
    ],
    ids=["hangs up", "sends nothing", "garbage"],
)
@pytest.mark.row(11, "MJPEG server, for 10 s")
def test_a_camera_that_stops_delivering_is_seen_and_recovers(
    broker: Mosquitto,
    witness: Witness,
    daemon: StartDaemon,
    camera: CameraServer,
    manner: str,
    said: str,
    problem: str,
    figures: Figures,
) -> None:
    running = daemon(broker.port, camera=camera.camera)
    running.supervise()
    witness.wait(2)

    camera.manner = manner
    begun_s = time.monotonic()
    seen_s = running.wait(said, since_s=begun_s) - begun_s
    told_s = witness.status(since_s=begun_s, problem=problem)[0] - begun_s
    time.sleep(max(0.0, begun_s + 10 - time.monotonic()))
    camera.manner = "moving"
    cured_s = time.monotonic()
    recovery_s = recovered(running, witness, cured_s) - cured_s

    account = witness.account()
    figures(
        recovery_s=recovery_s,
        problem=problem,
        note=f"seen after {seen_s:.1f} s, in status after {told_s:.1f} s",
        **account,
    )
    assert seen_s < 5
    assert recovery_s < 15
    assert account["lost"] == 0


@pytest.mark.row(11, "MJPEG server sends the same picture for 40 s")
def test_a_picture_that_stands_still_for_long_is_told_until_it_changes(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, camera: CameraServer, figures: Figures
) -> None:
    running = daemon(broker.port, camera=camera.camera)
    running.supervise()
    witness.wait(2)

    camera.manner = "frozen"
    begun_s = time.monotonic()
    told_s = witness.status(40, since_s=begun_s, problem="camera_frozen")[0] - begun_s
    time.sleep(max(0.0, begun_s + 40 - time.monotonic()))
    camera.manner = "moving"
    cured_s = time.monotonic()
    recovery_s = recovered(running, witness, cured_s) - cured_s

    account = witness.account()
    figures(recovery_s=recovery_s, problem="camera_frozen", note=f"in status after {told_s:.1f} s", **account)
    assert 20 < told_s < 40
    assert recovery_s < 15
    assert account["lost"] == 0


@pytest.mark.row(11, "MJPEG server changes from 320x240 to 160x120")
def test_another_picture_size_is_no_fault(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, camera: CameraServer, figures: Figures
) -> None:
    running = daemon(broker.port, camera=camera.camera)
    running.supervise()
    witness.wait(2)

    camera.manner = "small"
    changed_s = time.monotonic()
    recovery_s = recovered(running, witness, changed_s + 1) - changed_s

    account = witness.account()
    figures(recovery_s=recovery_s, **account)
    assert recovery_s < 15
    assert not running.said("ended with")
    assert account["lost"] == 0


@pytest.mark.row(11, "MJPEG server killed for 8 s")
def test_an_unplugged_camera_is_found_again(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, camera: CameraServer, figures: Figures
) -> None:
    running = daemon(broker.port, camera=camera.camera)
    running.supervise()
    witness.wait(2)

    begun_s = time.monotonic()
    camera.close()
    seen_s = running.wait("hung up", since_s=begun_s) - begun_s
    time.sleep(8)
    again = CameraServer(camera.server_port)
    cured_s = time.monotonic()
    recovery_s = recovered(running, witness, cured_s) - cured_s
    again.close()

    account = witness.account()
    figures(recovery_s=recovery_s, problem="camera_stalled", note=f"seen after {seen_s:.1f} s", **account)
    assert seen_s < 5
    assert recovery_s < 15
    assert account["lost"] == 0


@pytest.mark.row(11, "nothing listens at the camera's address at the start, for 20 s")
def test_a_camera_that_is_absent_at_the_start_is_waited_for_and_told_of(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, camera: CameraServer, figures: Figures
) -> None:
    camera.close()
    running = daemon(broker.port, camera=camera.camera)
    begun_s = time.monotonic()
    running.supervise()
    told_s, status = witness.status(since_s=begun_s, state="degraded", problem="camera_stalled")
    running.wait(READY)
    time.sleep(begun_s + 20 - time.monotonic())
    again = CameraServer(camera.server_port)
    cured_s = time.monotonic()
    recovery_s = recovered(running, witness, cured_s) - cured_s
    again.close()

    account = witness.account()
    note = f"in status after {told_s - begun_s:.1f} s, one process"
    figures(recovery_s=recovery_s, problem="camera_stalled", note=note, **account)
    assert "refuses connections on port" in status["problems"][0]["sentence"]
    assert not running.said("systemd: ended")
    assert recovery_s < 15
    assert account["lost"] == 0


class Film(threading.Thread):
    """Writes pictures into a FIFO while ``flowing``; they are larger than a pipe, so that none waits in it."""

    def __init__(self, fifo: Path) -> None:
        super().__init__(daemon=True)
        noise = np.random.default_rng(0)
        self._pictures = [jpeg(noise.integers(0, 256, (480, 640), np.uint8)) for _ in range(10)]
        self._fifo = fifo
        self.flowing = threading.Event()
        self.flowing.set()
        self.start()

    def run(self) -> None:
        with suppress(BrokenPipeError), self._fifo.open("wb", buffering=0) as line:
            for picture in itertools.cycle(self._pictures):
                self.flowing.wait()
                line.write(picture)

    def end(self) -> None:
        """For when nobody reads any more."""
        self.flowing.set()
        self.join(10)


@pytest.mark.row(11, "FIFO that is never written again: the call into the camera does not return")
def test_a_call_that_never_returns_ends_the_process_for_a_fresh_one(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, tmp_path: Path, figures: Figures
) -> None:
    fifo = tmp_path / "camera.mjpeg"
    os.mkfifo(fifo)
    running = daemon(broker.port, camera=replay(fifo, stall_s=2), start=False)
    film = Film(fifo)
    running.start()
    running.supervise()
    running.wait(READY, 40)
    witness.wait(2)

    film.flowing.clear()
    begun_s = time.monotonic()
    seen_s = running.wait("no image for", since_s=begun_s) - begun_s
    ended_s = running.wait("does not return, only a restart can free it", since_s=begun_s) - begun_s
    running.wait("systemd: ended with 1")
    film.end()
    film = Film(fifo)
    cured_s = time.monotonic()
    recovery_s = recovered(running, witness, cured_s) - cured_s
    running.kill()
    film.end()

    account = witness.account()
    figures(recovery_s=recovery_s, problem="camera_stalled", note=f"process ended after {ended_s:.1f} s", **account)
    assert seen_s < 5
    assert recovery_s < 15
    assert account["lost"] == 0
