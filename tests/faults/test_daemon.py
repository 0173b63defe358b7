"""The daemon is killed, stopped, or has a bug in a callback."""

from __future__ import annotations

import time
from random import Random
from statistics import median
from typing import Any

import pytest

from tests.faults.conftest import Figures, MakeClip
from tests.faults.witness import Witness
from tests.support.daemon import Daemon, StartDaemon, last_seq, replay
from tests.support.mosquitto import Mosquitto

pytestmark = [pytest.mark.faults, pytest.mark.broker]


@pytest.fixture
def busy(clip: MakeClip) -> dict[str, Any]:
    """The configuration of a daemon that finishes several windows a second, of 10 s of a small clip each."""
    return {"camera": replay(clip(600), loop=True, pace="fast"), "window": {"duration_s": 10}}


def finish(running: Daemon, witness: Witness) -> int:
    """Let everything be delivered, stop; the number of the last window."""
    running.wait("no window waits", 600, since_s=time.monotonic())  # a quick machine leaves thousands, 20 go a second
    assert running.stop() == 0
    last = last_seq(running.folder / "outbox.sqlite")
    witness.wait(last)
    return last


@pytest.mark.row(5, "SIGKILL 5 times at random moments")
def test_a_killed_daemon_loses_no_finished_window(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, busy: dict[str, Any], figures: Figures
) -> None:
    random = Random(5)
    running = daemon(broker.port, **busy, start=False)

    for _ in range(5):
        running.start()
        time.sleep(random.uniform(0.2, 2.0))
        running.kill()
    running.start()
    last = finish(running, witness)

    account = witness.account()
    figures(**account)
    assert account["windows"] == last
    assert account["lost"] == 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.row(5, "SIGKILL 100 times at random moments, also while replaying; of the broker 20 times in between")
def test_a_hundred_kills_lose_no_finished_window(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, busy: dict[str, Any], figures: Figures
) -> None:
    random = Random(100)
    running = daemon(broker.port, **busy, start=False)
    recoveries_s = []
    lives_while_replaying = 0

    for life in range(100):
        # Every fifth life finds no broker and leaves windows, which the next ones replay while they are killed.
        if life % 5 == 4:
            broker.kill()
        began_s = time.monotonic()
        running.start()
        time.sleep(random.uniform(0.2, 2.5))
        if life % 5 == 4:
            broker.start()
        elif life % 5 == 2:
            broker.kill()
            broker.start()
            returned_s = time.monotonic()
            recoveries_s.append(witness.windows.wait(lambda _: True, 60, since_s=returned_s) - returned_s)
        running.kill()
        arrived = witness.windows.entries(began_s)
        lives_while_replaying += any(window["historical"] for window in arrived)
    running.start()
    last = finish(running, witness)

    account = witness.account()
    figures(
        recovery_s=median(recoveries_s),
        note=f"{lives_while_replaying} of the kills while replaying; back from a broker's death in "
        f"{max(recoveries_s):.1f} s at most",
        **account,
    )
    assert account["windows"] == last
    assert account["lost"] == 0
    assert len(recoveries_s) == 20
    assert lives_while_replaying > 10


@pytest.mark.slow
@pytest.mark.row(16, "SIGTERM while windows wait for a frozen broker, clip as fast as possible")
def test_a_stop_under_load_and_outage_keeps_its_time_and_its_windows(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, busy: dict[str, Any], figures: Figures
) -> None:
    running = daemon(broker.port, **busy)
    witness.wait(5)
    broker.freeze()
    running.wait_for_queue(5)

    begun_s = time.monotonic()
    status = running.stop()
    stopped_s = time.monotonic() - begun_s
    kept = running.said("wait on disk for the next start")
    broker.thaw()
    running.start()
    last = finish(running, witness)

    account = witness.account()
    figures(note=f"stopped in {stopped_s:.1f} s", **account)
    assert (status, kept) == (0, True)
    assert stopped_s < 10
    assert account["windows"] == last
    assert account["lost"] == 0


FAILING_CALLBACK = """
import sys
from edge import cli
from edge.mqtt.connection import Connection

take_in, answers = Connection._on_publish, []

def fail_once(*arguments):
    answers.append(arguments)
    if len(answers) == 8:
        raise RuntimeError("a bug in a callback")
    take_in(*arguments)

Connection._on_publish = fail_once
sys.exit(cli.main())
"""
DYING_THREAD = """
import sys
from edge import cli
from paho.mqtt.client import Client

read, packets = Client._packet_read, []

def die_once(client):
    packets.append(1)
    if len(packets) == 20:
        raise RuntimeError("a bug in the network thread")
    return read(client)

Client._packet_read = die_once
sys.exit(cli.main())
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("program", "said"),
    [(FAILING_CALLBACK, "a bug in a callback"), (DYING_THREAD, "the network thread ended")],
    ids=["callback raises", "network thread dies"],
)
@pytest.mark.row(9, "patched handler")
def test_a_bug_in_the_network_thread_is_survived(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, program: str, said: str, figures: Figures
) -> None:
    running = daemon(broker.port, program=("-c", program))
    failed_s = running.wait(said)
    recovery_s = witness.wait(witness.last_seq + 3) - failed_s
    running.wait("no window waits", 90, since_s=failed_s + 10)
    settled_s = running.wait("STATUS=running", 90, since_s=failed_s + 10) - failed_s
    last = finish(running, witness)

    account = witness.account()
    figures(recovery_s=recovery_s, note=f"no window waits after {settled_s:.0f} s, one process", **account)
    assert account["windows"] == last
    assert account["lost"] == 0
