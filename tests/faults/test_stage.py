"""One thread of the daemon hangs, wherever it happens to be."""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from pathlib import Path

import pytest

from edge.mqtt.publisher import GIVE_UP_S, HUNG_S
from tests.faults.conftest import Compile, Figures
from tests.faults.witness import Witness
from tests.support.daemon import READY, WATCHDOG_S, StartDaemon
from tests.support.mosquitto import Mosquitto

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.slow]

# Python tells the kernel the names of its threads from 3.14 on.
NAMED_THREADS = """
import sys, threading
from pathlib import Path
from edge import cli

run = threading.Thread._bootstrap_inner

def run_named(thread):
    Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(thread.name)
    run(thread)

threading.Thread._bootstrap_inner = run_named
sys.exit(cli.main())
"""


def hang(process_id: int, thread: str) -> None:
    """Stop the thread whose name begins so; the main thread has the name of its program."""
    tasks = Path(f"/proc/{process_id}/task")
    names = {int(task.name): (task / "comm").read_text() for task in tasks.iterdir()}
    (thread_id,) = [task for task, name in names.items() if name.startswith(thread)] if thread else [process_id]
    assert ctypes.CDLL(None).tgkill(process_id, thread_id, int(signal.SIGUSR1)) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("thread", "within_s"),
    [
        ("", WATCHDOG_S),
        ("capture", WATCHDOG_S),
        ("reporter", WATCHDOG_S),
        ("publisher", HUNG_S + WATCHDOG_S),
        ("paho", GIVE_UP_S + HUNG_S + WATCHDOG_S),
    ],
    ids=["pipeline", "capture", "reporter", "publisher", "network"],
)
@pytest.mark.row(17, "signal handler that never returns, in the thread")
def test_a_hung_thread_ends_in_a_fresh_process(
    broker: Mosquitto,
    witness: Witness,
    daemon: StartDaemon,
    compiled: Compile,
    thread: str,
    within_s: float,
    figures: Figures,
) -> None:
    environment = {"LD_PRELOAD": str(compiled("hang.c", "hang.so"))}
    running = daemon(broker.port, program=("-c", NAMED_THREADS), environment=environment)
    running.supervise()
    running.wait(READY)
    witness.wait(2)

    hang(running.process.pid, thread)
    begun_s = time.monotonic()
    ended_s = running.journal.wait(
        lambda line: line.startswith(("systemd: ended", "systemd: watchdog")), within_s + 20, since_s=begun_s
    )
    recovery_s = running.wait(READY, since_s=ended_s) - ended_s
    witness.windows.wait(lambda window: not window["historical"], since_s=ended_s + recovery_s)
    running.wait("no window waits", 60, since_s=ended_s + recovery_s)

    account = witness.account()
    how = "by the watchdog" if running.said("watchdog timeout") else "by itself"
    figures(recovery_s=recovery_s, note=f"ended {how} after {ended_s - begun_s:.0f} s", **account)
    assert ended_s - begun_s < within_s + 5
    assert recovery_s < 10
    assert account["lost"] == 0
