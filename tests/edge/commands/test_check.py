"""``fer-edge check``: what it says of broker and outbox."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from edge.commands.check import Finding, check
from edge.commands.check_network import DISCOVERY_BYTES
from edge.config import Config, DeploymentConfig, DeviceConfig, MqttConfig, OutboxConfig, PrivacyConfig
from edge.mqtt.home_assistant import discovery
from edge.mqtt.messages import Device
from edge.mqtt.outbox import Outbox
from tests.edge.conftest import Certificates
from tests.support.dashboard import Address
from tests.support.fake_broker import FakeBroker
from tests.support.mosquitto import StartMosquitto

DEVICE = "fer-1a2b3c4d"


def finding(part: str, config: Config, *, beside_service: bool = False) -> Finding:
    """What is found of one part."""
    return next(found for found in check(config, beside_service=beside_service) if found.part == part)


def broker_of(running: Address, **changes: str) -> Finding:
    mqtt = replace(MqttConfig(running.host, running.port), **changes)  # type: ignore[arg-type]
    return finding("broker", Config(device=DeviceConfig(DEVICE), mqtt=mqtt))


def outbox_at(path: Path | str, *, beside_service: bool = False) -> Finding:
    config = Config(device=DeviceConfig(DEVICE), outbox=OutboxConfig(str(path)))
    return finding("outbox", config, beside_service=beside_service)


@pytest.fixture(autouse=True)
def only_broker_and_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other parts have tests of their own."""
    for part in ("_runtime", "_model", "_detector", "_camera"):
        monkeypatch.setattr(f"edge.commands.check.{part}", lambda _config: "")


@pytest.mark.broker
def test_a_broker_that_takes_what_we_publish_is_well(mosquitto: StartMosquitto) -> None:
    running = mosquitto()

    found = broker_of(running)

    assert found.exit_code == 0
    assert found.sentence == f"broker 127.0.0.1:{running.port} takes and acknowledges what we publish, MQTT 5"


@pytest.mark.broker
def test_every_one_of_several_brokers_is_tried(mosquitto: StartMosquitto) -> None:
    first, second = mosquitto(), mosquitto()
    hosts = tuple(f"{running.host}:{running.port}" for running in (first, second))
    config = Config(device=DeviceConfig(DEVICE), mqtt=MqttConfig(hosts=hosts))

    well = finding("broker", config)
    second.kill()
    wrong = finding("broker", config)

    assert (well.exit_code, wrong.exit_code) == (0, 1)
    assert all(f"127.0.0.1:{running.port} takes and acknowledges" in well.sentence for running in (first, second))
    assert f"127.0.0.1:{second.port} cannot be reached" in wrong.sentence
    assert wrong.sentence.endswith("; see mqtt.hosts")


@pytest.mark.broker
@pytest.mark.row(34, "access list without this device")
def test_a_broker_whose_access_list_refuses_us_is_wrong(mosquitto: StartMosquitto, tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic write fer/v1/fer-other/#\n")
    rules.chmod(0o600)

    found = broker_of(mosquitto("allow_anonymous true", f"acl_file {rules}"))

    assert found.exit_code == 1
    assert f"refuses to let {DEVICE} publish: Not authorized; see its access list" in found.sentence


@pytest.mark.broker
@pytest.mark.parametrize(("protocol", "exit_code"), [("5", 0), ("3.1.1", 1)])
@pytest.mark.row(34, "certificate of another device")
def test_a_certificate_of_another_device_is_told_and_wrong_where_the_broker_does_not_answer_for_it(
    mosquitto: StartMosquitto, certificates: Certificates, protocol: str, exit_code: int
) -> None:
    running = mosquitto("allow_anonymous true", f"certfile {certificates.certificate}", f"keyfile {certificates.key}")

    found = broker_of(
        running,
        protocol=protocol,
        tls_ca=str(certificates.ca),
        tls_cert=str(certificates.certificate),
        tls_key=str(certificates.key),
    )

    assert found.exit_code == exit_code
    assert f"the certificate is that of 127.0.0.1, device.id is {DEVICE}" in found.sentence


@pytest.mark.broker
def test_mqtt_3_1_1_is_told_to_have_no_reasons(mosquitto: StartMosquitto) -> None:
    found = broker_of(mosquitto(), protocol="3.1.1")

    assert found.exit_code == 0
    assert "MQTT 3.1.1 does not say whether it throws away what we publish" in found.sentence


@pytest.mark.broker
@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("retain_available false", "The broker keeps no retained messages"),
        ("max_qos 0", "The broker acknowledges nothing (maximum QoS 0)"),
        ("max_packet_size 2000", "It takes 2000 bytes at once: Home Assistant's discovery goes out in parts."),
    ],
)
@pytest.mark.row(34, "mosquitto with")
def test_what_a_brokers_limits_mean_is_told(mosquitto: StartMosquitto, setting: str, sentence: str) -> None:
    found = broker_of(mosquitto("allow_anonymous true", setting))

    assert found.exit_code == 0
    assert sentence in found.sentence


def test_a_broker_that_ends_the_connection_or_says_nothing_is_wrong(
    fake_broker: Callable[..., FakeBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.commands.check_network._ANSWER_S", 1.0)
    silent = fake_broker()
    silent.withholding.set()

    assert (
        "ended the connection when we published: Administrative action"
        in broker_of(fake_broker(farewell=0x98)).sentence
    )
    assert "has not acknowledged a message for 1 s" in broker_of(silent).sentence


def test_the_discovery_is_as_large_as_check_believes(device: Device) -> None:
    longest = msgspec.structs.replace(device, id="d" * 32, source="s" * 32, commands=("pause",))

    assert DISCOVERY_BYTES / 2 < len(discovery(device).payload) < len(discovery(longest).payload) < DISCOVERY_BYTES


def test_an_outbox_that_can_be_written_is_well_and_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "state" / "outbox.sqlite"

    found = outbox_at(path)

    assert (found.exit_code, found.sentence) == (0, f"{path} will be made at the start")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("systemd", [True, False], ids=["as the service", "by hand"])
def test_beside_a_running_daemon_its_outbox_is_well_and_its_camera_is_not_opened(tmp_path: Path, systemd: bool) -> None:
    path = tmp_path / "outbox.sqlite"
    config = Config(device=DeviceConfig(DEVICE), outbox=OutboxConfig(str(path)))
    with closing(Outbox(path, DEVICE)):
        running = outbox_at(path, beside_service=systemd)
        camera = finding("camera", config, beside_service=systemd)
    stopped = outbox_at(path)

    assert (running.exit_code, running.sentence) == (0, f"{path} is in use by a running fer-edge")
    assert (camera.exit_code, camera.sentence) == (0, "csi, in use by the running fer-edge")
    assert (stopped.exit_code, stopped.sentence) == (0, f"{path} can be written")


@pytest.mark.parametrize("systemd", [True, False], ids=["as the service", "by hand"])
@pytest.mark.row(34, "beside a running daemon with the same account")
def test_the_account_of_a_running_daemon_is_not_used_a_second_time(tmp_path: Path, systemd: bool) -> None:
    account = replace(MqttConfig("127.0.0.1", 1), username="fer")
    config = Config(device=DeviceConfig(DEVICE), outbox=OutboxConfig(str(tmp_path / "outbox.sqlite")), mqtt=account)
    with closing(Outbox(tmp_path / "outbox.sqlite", DEVICE)):
        running = finding("broker", config, beside_service=systemd)
    stopped = finding("broker", config)

    assert running.exit_code == 0
    assert running.sentence.startswith("not tried: fer-edge runs, and a second connection with its account may end")
    assert "cannot be reached" in stopped.sentence


def test_an_outbox_that_cannot_be_written_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    found = outbox_at(tmp_path / "file" / "state" / "outbox.sqlite")

    assert found.exit_code == 1
    assert "windows would wait in memory only" in found.sentence


def test_a_file_that_is_no_outbox_is_wrong_for_good(tmp_path: Path) -> None:
    other = tmp_path / "photographs.db"
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE photographs (name TEXT)")

    assert outbox_at(other).exit_code == 78


def test_the_state_folder_of_systemd_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "windows wait in memory, until a restart" in outbox_at("").sentence

    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}:/elsewhere")

    assert outbox_at("").sentence == f"{tmp_path}/outbox.sqlite will be made at the start"


def parts_of(config: Config) -> dict[str, Finding]:
    """All findings but those of the broker, which is not there."""
    config = replace(config, device=DeviceConfig(DEVICE), mqtt=replace(config.mqtt, port=1))
    return {found.part: found for found in check(config) if found.part not in ("dns", "broker")}


@pytest.mark.parametrize(
    ("context", "told", "reminder"),
    [
        (
            "",
            "deployment.context is not set; say what kind of place this is",
            True,
        ),
        ("workplace", "moods are withheld and people only counted: deployment.context is 'workplace'", False),
        ("kiosk", "context kiosk", False),
    ],
)
def test_what_follows_from_the_kind_of_place_is_told(context: str, told: str, reminder: bool) -> None:
    place = parts_of(Config(deployment=DeploymentConfig(context)))["place"]

    assert place.sentence.startswith(told)
    assert place.reminder == reminder


def test_without_anything_that_pauses_nothing_is_said_of_pauses() -> None:
    assert "pause" not in parts_of(Config())


def test_what_can_close_the_camera_is_told_and_who_may() -> None:
    told = parts_of(Config(privacy=PrivacyConfig(quiet_hours=("22:00-06:00",)), mqtt=MqttConfig(commands=True)))[
        "pause"
    ]

    assert (told.exit_code, told.reminder) == (0, True)
    assert "quiet hours 22:00-06:00 by " in told.sentence
    assert "who may write fer/v1/fer-1a2b3c4d/command/pause, and that may be anybody" in told.sentence


def test_a_button_that_cannot_be_used_is_wrong_unless_the_service_holds_it() -> None:
    config = Config(device=DeviceConfig(DEVICE), privacy=PrivacyConfig(pause_button="GPIO99"))

    assert finding("pause", config).exit_code == 78
    assert finding("pause", config, beside_service=True).sentence == "the camera can be closed by a button on GPIO99"
