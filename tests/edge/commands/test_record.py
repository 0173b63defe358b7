"""The record of days as a file; tests/deploy/test_fleet.py runs recorders against a broker."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.commands.record_file import RecordFile, read_devices, read_windows
from edge.config import MqttConfig
from edge.errors import ConfigError, DataError, FerEdgeError, MessageError
from edge.mqtt.codec import encode
from edge.mqtt.compose import aggregate
from edge.mqtt.connection import Connection
from edge.mqtt.messages import Aggregate, Device
from edge.mqtt.wallclock import WallClock
from edge.records import WindowSummary
from tests.support.mosquitto import StartMosquitto
from tests.support.recorder import StartRecorder
from tests.support.waiting import eventually

NOW = datetime.now(UTC).replace(microsecond=0)
EVER = NOW - timedelta(days=4000), NOW + timedelta(days=4000)


def window(device: Device, seq: int, end: datetime | None) -> Aggregate:
    made = aggregate(device, "5eed0001", seq, WindowSummary(0, 60, 600, 600, 0, 0, 0.0, None, None, None), WallClock())
    return replace(made, window=replace(made.window, start=end and end - timedelta(minutes=1), end=end))


def keep(file: RecordFile, *windows: Aggregate) -> None:
    for each in windows:
        message = encode(each)
        file.keep(message.topic, message.payload)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "windows.db"


def kept(path: Path, device: Device) -> list[int]:
    return [each.seq for each in read_windows(path, device.id, device.source, *EVER)]


def test_a_window_that_comes_twice_is_kept_once_and_in_the_order_of_time(path: Path, device: Device) -> None:
    with closing(RecordFile(path)) as file:
        keep(file, window(device, 2, NOW), window(device, 1, NOW - timedelta(hours=1)), window(device, 2, NOW))

        assert kept(path, device) == [1, 2]


def test_windows_older_than_asked_for_are_forgotten(path: Path, device: Device) -> None:
    with closing(RecordFile(path)) as file:
        keep(file, *(window(device, seq, NOW - timedelta(days=30 - seq)) for seq in range(1, 30)))

        assert file.forget((NOW - timedelta(days=7)).timestamp()) == 22
        assert kept(path, device) == list(range(23, 30))


def test_a_window_from_the_far_future_becomes_old_too(path: Path, device: Device) -> None:
    with closing(RecordFile(path)) as file:
        keep(file, window(device, 1, NOW + timedelta(days=3000)), window(device, 2, None))

        assert file.forget(time.time() + 1) == 2


def test_the_description_of_a_device_is_kept_and_renewed(path: Path, device: Device) -> None:
    with closing(RecordFile(path)) as file:
        for version in ("1.0", "1.1"):
            message = encode(replace(device, version=version))
            file.keep(message.topic, message.payload)

        (found,) = read_devices(path).values()

    assert found is not None
    assert (found.version, found.context.site) == ("1.1", "foyer")


def test_a_message_of_another_kind_is_refused(path: Path, device: Device) -> None:
    with closing(RecordFile(path)) as file, pytest.raises(MessageError, match="neither a window nor a device"):
        file.keep(device.topic("availability"), b"online")


def test_the_table_of_the_earlier_archive_is_taken_over(path: Path, device: Device) -> None:
    message = encode(window(device, 7, NOW - timedelta(days=2)))
    with closing(sqlite3.connect(path)) as earlier, earlier:
        earlier.execute(
            "CREATE TABLE windows"
            " (device TEXT, id TEXT, source TEXT, seq INTEGER, body TEXT, PRIMARY KEY (device, id)) WITHOUT ROWID"
        )
        row = (device.id, f"{device.id}-000000000007", device.source, 7, message.payload.decode())
        earlier.execute("INSERT INTO windows VALUES (?, ?, ?, ?, ?)", row)

    with closing(RecordFile(path)) as file:
        assert kept(path, device) == [7]
        assert file.forget((NOW - timedelta(days=1)).timestamp()) == 1


def test_what_is_no_record_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database" * 100)

    with pytest.raises(ConfigError, match=r"notes.txt: cannot be used .*; name another file"):
        RecordFile(tmp_path / "notes.txt")
    with pytest.raises(DataError, match=r"absent.db: does not exist; name one that fer-edge record made"):
        read_devices(tmp_path / "absent.db")
    with pytest.raises(DataError, match=r"expected a file of fer-edge record"):
        read_devices(tmp_path / "notes.txt")


def test_a_full_disk_is_told_and_the_window_is_not_acknowledged(path: Path, device: Device) -> None:
    with closing(RecordFile(path)) as file:
        file._table.execute("PRAGMA max_page_count = 1")

        with pytest.raises(FerEdgeError, match="is the disk full"):
            keep(file, *(window(device, seq, NOW) for seq in range(1, 400)))


def test_a_window_that_could_not_be_written_comes_again_with_the_next_start(
    mosquitto: StartMosquitto, recorder: StartRecorder, device: Device, path: Path
) -> None:
    broker = mosquitto()
    running = recorder(path, broker)
    eventually(lambda: "listens to" in running.log.read_text())
    with closing(sqlite3.connect(path)) as table, table:
        table.execute("CREATE TRIGGER full BEFORE INSERT ON windows BEGIN SELECT raise(ABORT, 'disk full'); END")
    connection = Connection(MqttConfig(broker.host, broker.port), "speaker")

    connection.publish(encode(window(device, 1, NOW)))
    assert running.process.wait(20) == 1
    with closing(sqlite3.connect(path)) as table, table:
        table.execute("DROP TRIGGER full")
    recorder(path, broker)

    eventually(lambda: kept(path, device) == [1])
    connection.close(1.0)


def test_a_broker_that_refuses_the_recorder_is_named(
    mosquitto: StartMosquitto, recorder: StartRecorder, path: Path
) -> None:
    broker = mosquitto("allow_anonymous false")

    running = recorder(path, broker)

    eventually(lambda: f"broker {broker.host}:{broker.port} refuses us: Not authorized" in running.log.read_text())


def test_sigterm_ends_a_recorder_with_0(mosquitto: StartMosquitto, recorder: StartRecorder, path: Path) -> None:
    running = recorder(path, mosquitto())
    eventually(lambda: "listens to" in running.log.read_text())

    running.process.terminate()

    assert running.process.wait(10) == 0
