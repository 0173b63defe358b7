"""The way to the broker: half-open, slow, cut, or not trustworthy."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from edge.commands.demo_broker import free_port
from edge.mqtt.connection import KEEPALIVE_S
from tests.faults.conftest import Figures, MakeClip, MakeProxy
from tests.faults.witness import Witness
from tests.support.daemon import StartDaemon, replay
from tests.support.mosquitto import Mosquitto, StartMosquitto

pytestmark = [pytest.mark.faults, pytest.mark.broker]

FIRST_PAUSE_S = 2.0
"""The longest that a daemon waits before its first attempt to connect again, see edge/mqtt/backoff.py."""


@pytest.mark.slow
@pytest.mark.row(6, "proxy: the other end vanishes without a word")
def test_a_half_open_connection_is_given_up(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, proxy: MakeProxy, figures: Figures
) -> None:
    link = proxy(broker.port)
    running = daemon(link.port)
    witness.wait(2)

    link.vanish()
    vanished_s = time.monotonic()
    problem_s = running.wait("has not acknowledged", 60) - vanished_s
    connected_s = running.wait("connected to", 60, since_s=vanished_s)
    recovery_s = witness.windows.wait(lambda _: True, since_s=connected_s) - vanished_s

    running.wait("no window waits", 60, since_s=time.monotonic())
    account = witness.account()
    figures(recovery_s=recovery_s, problem="ack_late", note=f"reported after {problem_s:.1f} s", **account)
    assert problem_s < 15
    assert recovery_s < 2 * KEEPALIVE_S + FIRST_PAUSE_S + 1
    assert account["lost"] == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.row(6, "proxy: 1 kB/s each way, 30 windows wait already, one more every 10 s")
def test_a_slow_link_delivers_without_a_break(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, proxy: MakeProxy, clip: MakeClip, figures: Figures
) -> None:
    broker.kill()
    link = proxy(broker.port)
    running = daemon(link.port, camera=replay(clip(300), pace="fast"))
    assert running.finish(30) == 0
    broker.start()
    link.rate_bytes_s = 1000

    running.configure(window={"duration_s": 10})
    started_s = time.monotonic()
    running.start()
    begun_s = running.wait("connected to", 60, since_s=started_s)
    witness.wait(31, 120)
    witness.wait(30, 120)
    ended_s = running.wait("no window waits", 60, since_s=time.monotonic())

    account = witness.account()
    figures(note=f"all delivered in {ended_s - begun_s:.0f} s", **account)
    assert len(link.accepted.entries(started_s)) == 1
    assert account["lost"] == 0
    assert running.process.poll() is None


@pytest.mark.row(6, "proxy: connection reset in the middle of a PUBLISH")
def test_a_packet_cut_in_the_middle_is_sent_again(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, proxy: MakeProxy, figures: Figures
) -> None:
    link = proxy(broker.port)
    running = daemon(link.port)
    witness.wait(2)

    link.cut_next_publication()
    cut_s = link.cut.wait(lambda sent: sent > 0)
    recovery_s = witness.windows.wait(lambda _: True, since_s=cut_s) - cut_s

    witness.wait(witness.last_seq + 2)
    account = witness.account()
    figures(recovery_s=recovery_s, **account)
    assert running.said("lost: the connection broke")
    assert recovery_s < 5
    assert account["lost"] == 0


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_authority(folder: Path, name: str) -> None:
    openssl(
        folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}", "-days", "2",
    )  # fmt: skip


def sign(folder: Path, name: str, *, authority: str = "ca", host: str = "IP:127.0.0.1", days: str = "1") -> None:
    """A key and a certificate ``name`` for a broker at ``host``."""
    (folder / "names").write_text(f"subjectAltName={host}\n")
    openssl(
        folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=broker",
    )  # fmt: skip
    openssl(
        folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
        "-CAcreateserial", "-extfile", "names", "-days", days, "-out", f"{name}.pem",
    )  # fmt: skip


@pytest.fixture
def plain_port() -> int:
    """Where the broker with TLS listens for the witness."""
    return free_port()


@pytest.fixture
def tls_broker(mosquitto: StartMosquitto, plain_port: int, tmp_path: Path) -> Mosquitto:
    """A broker with TLS, and without at ``plain_port``; its certificate is still to be made."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program")
    return mosquitto(
        f"certfile {tmp_path}/broker.pem",
        f"keyfile {tmp_path}/broker.key",
        f"listener {plain_port} 127.0.0.1",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {tmp_path}/",
        "queue_qos0_messages true",
        start=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"days": "-1"}, "certificate has expired"),
        ({"host": "DNS:other.example"}, "IP address mismatch"),
        ({"authority": "stranger"}, "unable to get local issuer certificate"),
    ],
    ids=["expired", "wrong host", "unknown CA"],
)
@pytest.mark.row(10, "openssl; three windows later the broker gets a proper certificate")
def test_a_broker_that_cannot_prove_itself_gets_nothing(
    tls_broker: Mosquitto,
    plain_port: int,
    daemon: StartDaemon,
    tmp_path: Path,
    fault: dict[str, str],
    said: str,
    figures: Figures,
) -> None:
    for authority in ("ca", "stranger"):
        make_authority(tmp_path, authority)
    sign(tmp_path, "broker", **fault)
    tls_broker.start()
    witness = Witness(plain_port)
    tls_broker.save(tmp_path / "mosquitto.db")

    running = daemon(tls_broker.port, mqtt={"tls_ca": f"{tmp_path}/ca.pem"})
    running.journal.wait(lambda line: line.startswith("STATUS=degraded") and said in line)
    running.wait_for_queue(3)
    told_before = witness.windows.entries() + witness.others.entries()
    sign(tmp_path, "broker")
    tls_broker.kill()
    tls_broker.start()
    returned_s = time.monotonic()
    recovery_s = witness.wait(3) - returned_s

    account = witness.account()
    witness.close()
    figures(recovery_s=recovery_s, problem="broker_unavailable", note=f"said: {said}", **account)
    assert told_before == []
    assert account["lost"] == 0
