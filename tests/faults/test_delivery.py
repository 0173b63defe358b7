"""What must not lose a window, give an id twice or take a device off the broker, although the broker is well."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.faults.conftest import Figures, MakeClip
from tests.faults.witness import Witness
from tests.support.daemon import StartDaemon, last_seq, replay
from tests.support.fake_broker import MakeFakeBroker
from tests.support.mosquitto import Mosquitto, StartMosquitto
from tests.support.paths import ROOT
from tests.support.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.broker]


def change(outbox: Path, *statements: str) -> None:
    """Change a stopped daemon's outbox."""
    with closing(sqlite3.connect(outbox)) as database, database:
        for statement in statements:
            database.execute(statement)


ONE_BYTE = """UPDATE outbox_rows SET row = CAST(replace(row, '"people":0', '"people":1') AS BLOB) WHERE position = 7"""
NO_JSON = """UPDATE outbox_rows SET row = CAST(replace(row, '"seq"', '}seq"') AS BLOB) WHERE position = 9"""
OLD_TABLE = (
    "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, put_at_s REAL NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL)",
    "INSERT INTO outbox SELECT position, 1.0, '', CAST(substr(row, instr(row, '{')) AS BLOB) FROM outbox_rows",
    "DROP TABLE outbox_rows",
    "DROP TABLE outbox_aside",
    "DROP TABLE outbox_state",
    "PRAGMA user_version = 0",
)


@pytest.mark.parametrize(
    ("statements", "device", "arrive"),
    [((ONE_BYTE,), "test", 29), ((ONE_BYTE, NO_JSON), "test", 28), ((), "other", 0), (OLD_TABLE, "test", 30)],
    ids=["one byte flipped", "one byte flipped, one not JSON", "device renamed", "table of an older version"],
)
@pytest.mark.row(22, "30 windows wait in a stopped daemon's outbox")
def test_what_cannot_be_sent_is_set_aside_and_the_rest_arrives(
    broker: Mosquitto,
    witness: Witness,
    daemon: StartDaemon,
    clip: MakeClip,
    statements: tuple[str, ...],
    device: str,
    arrive: int,
    figures: Figures,
) -> None:
    broker.kill()
    running = daemon(broker.port, camera=replay(clip(300), pace="fast"))
    assert running.finish(30) == 0
    change(running.folder / "outbox.sqlite", *statements)

    broker.start()
    running.configure(device={"id": device})
    running.start()
    begun_s = time.monotonic()
    witness.windows.wait(lambda window: not window["historical"])
    running.wait_until_sent(since_s=begun_s)
    _, status = witness.status(since_s=begun_s)

    windows = witness.windows.entries()
    told = [problem["code"] for problem in status["problems"]]
    figures(note=f"{arrive} arrived, {status['mqtt']['set_aside']} set aside and reported")
    assert len([window for window in windows if window["historical"]]) == arrive
    assert status["mqtt"]["set_aside"] == 30 - arrive
    assert ("windows_set_aside" in told) == (arrive < 30)
    assert min(window["seq"] for window in windows if not window["historical"]) == 31


@pytest.mark.row(23, "no path configured and no state folder: five starts")
def test_without_a_state_no_id_comes_twice(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, clip: MakeClip, figures: Figures
) -> None:
    running = daemon(broker.port, camera=replay(clip(50), pace="fast"), outbox={"path": ""}, start=False)

    for _ in range(5):
        assert running.run() == 0
    witness.windows.wait(lambda _: len(witness.windows.entries()) >= 25)

    windows = witness.windows.entries()
    figures(note=f"{len(windows)} windows with {len({window['id'] for window in windows})} ids")
    assert len({window["id"] for window in windows}) == len(windows) == 25


@pytest.mark.row(23, "no path configured, the state folder of systemd: two runs, the first without a broker")
def test_under_systemd_the_state_folder_keeps_windows(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, clip: MakeClip, tmp_path: Path, figures: Figures
) -> None:
    broker.kill()
    running = daemon(
        broker.port,
        camera=replay(clip(50), pace="fast"),
        outbox={"path": ""},
        environment={"STATE_DIRECTORY": str(tmp_path / "state")},
    )
    assert running.finish() == 0

    broker.start()
    assert running.run() == 0
    witness.wait(10)
    witness.wait(5)

    account = witness.account()
    figures(**account)
    assert account == {"windows": 10, "lost": 0, "duplicates": 0}


@pytest.mark.row(23, "rm -r of the state folder in the middle of an outage")
def test_a_state_folder_removed_in_an_outage_is_written_anew(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, tmp_path: Path, figures: Figures
) -> None:
    state = tmp_path / "state"
    running = daemon(broker.port, outbox={"path": str(state / "outbox.sqlite")})
    witness.wait(2)
    broker.kill()
    running.wait_for_queue(5)

    shutil.rmtree(state)
    removed_s = time.monotonic()
    noticed_s = running.wait("it is written anew") - removed_s
    running.wait_for_queue(5, since_s=removed_s + noticed_s)
    running.kill()
    waiting = last_seq(state / "outbox.sqlite")
    broker.start()
    running.start()
    witness.wait(waiting, 60)
    running.wait("no window waits", 60, since_s=time.monotonic())

    account = witness.account()
    figures(note=f"noticed after {noticed_s:.1f} s; killed, started again", **account)
    assert waiting > 7
    assert account["windows"] >= waiting
    assert account["lost"] == 0


@pytest.mark.row(24, "killed and started again without its sessions; the subscriber comes 10 s later")
def test_windows_wait_for_a_subscriber_that_is_slower_than_the_device(
    mosquitto: StartMosquitto, daemon: StartDaemon, figures: Figures
) -> None:
    broker = mosquitto("allow_anonymous true", "persistence false", "max_queued_messages 0")
    before = Witness(broker.port)
    running = daemon(broker.port)
    before.wait(2)
    broker.kill()
    before.close()
    running.wait_for_queue(3)

    broker.start()
    started_s = time.monotonic()
    running.wait("nobody has subscribed", 30)
    time.sleep(max(0.0, started_s + 10 - time.monotonic()))
    after = Witness(broker.port)
    back_s = time.monotonic()
    recovery_s = running.wait("no window waits", 60, since_s=back_s + 2) - back_s
    after.close()

    got = {window["seq"] for witness in (before, after) for window in witness.windows.entries()}
    lost = set(range(1, max(got) + 1)) - got
    heard_late = len(after.windows.entries())
    figures(recovery_s=recovery_s, lost=len(lost), duplicates=0)
    assert heard_late > 10
    assert not lost


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """``archive(port)`` starts the archive of deploy/fleet; its database."""
    started: list[subprocess.Popen[bytes]] = []

    def start(port: int) -> Path:
        database = tmp_path / "windows.db"
        command = [sys.executable, "-m", "edge", "record", "--name", "archive", str(database), f"127.0.0.1:{port}"]
        started.append(subprocess.Popen(command, cwd=ROOT))
        return database

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.row(24, "away for 40 s, 20 devices with windows of 1 s for 150 s, persistence false; our archive")
def test_a_fleet_loses_nothing_to_a_broker_without_persistence(
    mosquitto: StartMosquitto, archive: Callable[[int], Path], figures: Figures
) -> None:
    broker = mosquitto("allow_anonymous true", "persistence false", "max_queued_messages 12000")
    database = archive(broker.port)
    time.sleep(3)
    fleet = subprocess.Popen(
        [
            *(sys.executable, "-m", "edge", "simulate", "--port", str(broker.port), "--devices", "20"),
            *("--window", "1", "--minutes", "2.5", "--no-live", "--json"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(20)
    broker.kill()
    time.sleep(40)
    broker.start()
    report = json.loads(fleet.communicate(timeout=180)[0])

    def stored() -> int:
        with closing(sqlite3.connect(database)) as table:
            ((windows,),) = table.execute("SELECT count(*) FROM windows").fetchall()
            return int(windows)

    with suppress(AssertionError):  # the archive stores what the broker has queued for it
        eventually(lambda: stored() >= report["windows"], 60)
    figures(lost=report["windows"] - stored(), note=f"{report['windows']} windows, {report['undelivered']} undelivered")
    assert report["windows"] > 2900
    assert stored() == report["windows"]


@pytest.mark.parametrize(
    "code", [0x97, pytest.param(0x80, marks=pytest.mark.slow), pytest.param(0x83, marks=pytest.mark.slow)]
)
@pytest.mark.row(25, "fake broker: every window refused for now, for 15 s")
def test_windows_refused_for_now_do_not_take_the_device_off_the_broker(
    fake_broker: MakeFakeBroker, daemon: StartDaemon, code: int, figures: Figures
) -> None:
    broker = fake_broker()
    broker.answer = lambda topic, _payload: code if topic.endswith("/aggregate") else 0
    running = daemon(broker.port)
    running.wait("broker refuses fer/v1/test/cam0/aggregate")
    begun_s = time.monotonic()

    time.sleep(15)
    offered = len([topic for topic, _ in broker.messages.entries(begun_s) if topic.endswith("/aggregate")])
    live = len([topic for topic, _ in broker.messages.entries(begun_s) if topic.endswith("/live")])
    broker.answer = lambda _topic, _payload: 0
    cured_s = time.monotonic()
    recovery_s = running.wait("no window waits", 90, since_s=cured_s + 1) - cured_s

    seqs = {json.loads(payload)["seq"] for topic, payload in broker.messages.entries() if topic.endswith("/aggregate")}
    figures(recovery_s=recovery_s, lost=max(seqs) - len(seqs), problem="publication_refused", note=f"{offered} offers")
    assert seqs == set(range(1, max(seqs) + 1))
    assert len(broker.connects.entries()) == 1
    assert live > 20
    assert offered < 80


@pytest.mark.parametrize("code", [0x87, 0x90, 0x95, 0x99], ids=["0x87", "0x90", "0x95", "0x99"])
@pytest.mark.row(25, "fake broker: one window refused for good")
def test_one_window_refused_for_good_holds_back_no_other(
    fake_broker: MakeFakeBroker, daemon: StartDaemon, code: int, figures: Figures
) -> None:
    broker = fake_broker()
    broker.answer = lambda topic, body: code if topic.endswith("/aggregate") and json.loads(body)["seq"] == 2 else 0
    running = daemon(broker.port)

    running.wait("Windows set aside: 1, the last because the broker refuses fer/v1/test/cam0/aggregate")
    broker.messages.wait(lambda sent: sent[0].endswith("/aggregate") and json.loads(sent[1])["seq"] == 5)

    offered = [json.loads(body)["seq"] for topic, body in broker.messages.entries() if topic.endswith("/aggregate")]
    figures(lost=0, note="set aside, offered once, the connection stays")
    assert offered == list(range(1, len(offered) + 1))
    assert len(broker.connects.entries()) == 1


@pytest.mark.row(25, "access list: another device's topics only, for a while")
def test_windows_refused_for_good_are_set_aside_and_told(
    mosquitto: StartMosquitto, daemon: StartDaemon, tmp_path: Path, figures: Figures
) -> None:
    rules = tmp_path / "acl"
    rules.write_text(
        "topic read #\ntopic write fer/v1/test/+\ntopic write fer/v1/test/cam0/live\ntopic write homeassistant/#\n"
    )
    rules.chmod(0o600)
    broker = mosquitto("allow_anonymous true", f"acl_file {rules}")
    witness = Witness(broker.port)

    daemon(broker.port)
    _, status = witness.status(since_s=0.0, problem="windows_set_aside")
    witness.others.wait(lambda message: message.topic.endswith("/live"), since_s=time.monotonic())
    witness.close()

    availability = [message.payload for message in witness.others.entries() if message.topic.endswith("/availability")]
    (told,) = [problem["sentence"] for problem in status["problems"] if problem["code"] == "publication_refused"]
    figures(problem="publication_refused", note=told)
    assert told == "The broker refuses fer/v1/test/cam0/aggregate: Not authorized."
    assert availability == [b"online"]


@pytest.mark.row(26, "a second daemon with the outbox of the first")
def test_a_second_daemon_on_one_state_refuses_to_start(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, figures: Figures
) -> None:
    first = daemon(broker.port)
    witness.wait(2)

    second = daemon(broker.port, outbox={"path": str(first.folder / "outbox.sqlite")})
    status = second.finish(20)
    witness.wait(witness.last_seq + 2)

    account = witness.account()
    (said,) = [line for line in second.journal.entries() if "in use by another" in line]
    figures(note=f"exit {status}: {said.partition('fer-edge: ')[2].replace(str(first.folder), '...')}", **account)
    assert status == 1
    assert account["lost"] == account["duplicates"] == 0
    assert first.process.poll() is None


@pytest.mark.row(26, "outbox.path names a file that was never an outbox")
def test_a_file_of_somebody_else_is_left_alone(
    broker: Mosquitto, daemon: StartDaemon, tmp_path: Path, figures: Figures
) -> None:
    photographs = tmp_path / "photographs.db"
    change(photographs, "CREATE TABLE photographs (name TEXT)")
    content = photographs.read_bytes()

    running = daemon(broker.port, outbox={"path": str(photographs)})
    status = running.finish(20)

    figures(note=f"exit {status}")
    assert status == 78
    assert running.said("is a file that was never an outbox")
    assert photographs.read_bytes() == content


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("max_packet_size 1800", None),
        ("retain_available false", "broker_limited"),
        ("max_qos 0", "broker_limited"),
    ],
)
@pytest.mark.row(29, "mosquitto with")
def test_a_brokers_limits_cost_no_window(
    mosquitto: StartMosquitto, daemon: StartDaemon, setting: str, problem: str | None, figures: Figures
) -> None:
    broker = mosquitto("allow_anonymous true", setting)
    witness = Witness(broker.port)

    running = daemon(broker.port)
    witness.wait(5)
    running.wait("STATUS=degraded" if problem else "STATUS=running")

    account = witness.account()
    witness.close()
    figures(**account | ({"problem": problem} if problem else {}))
    assert any(message.topic.endswith("/status") for message in witness.others.entries())
    assert account["lost"] == 0
    assert len([line for line in running.journal.entries() if "connected to" in line]) == 1
