"""Addresses in the configuration: those of brokers, and the passwords that people write into them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.config import MqttConfig
from edge.config_file import load
from edge.errors import ConfigError
from tests.support.configuration import write


def test_hosts_replace_the_host_and_may_bring_a_port_of_their_own(tmp_path: Path) -> None:
    text = (
        '[mqtt]\nhost = "other"\nhosts = ["broker-1", "broker-2:8883", "[fd00::1]:1884"]\nport = 1885\nusername = "u"'
    )

    brokers = load(write(tmp_path, text)).mqtt.brokers()

    assert [(broker.host, broker.port) for broker in brokers] == [
        ("broker-1", 1885),
        ("broker-2", 8883),
        ("fd00::1", 1884),
    ]
    assert {broker.username for broker in brokers} == {"u"}


def test_without_hosts_there_is_one_broker() -> None:
    assert MqttConfig("broker", 1884).brokers() == (MqttConfig("broker", 1884),)


PASSWORD = "SeCrEt77"
ADDRESS = f"rtsp://cam:{PASSWORD}@127.0.0.1:8554/cam"


@pytest.mark.parametrize(
    "text",
    [
        f'[camera]\nkind = "{ADDRESS}"',
        f'[camera]\nkind = "usb"\ndevice = "{ADDRESS}"',
        f'[camera]\nkind = "replay"\npath = "{ADDRESS}"',
        f'[camera]\nsource = "{ADDRESS}"',
        f'[camera]\nfps = "{ADDRESS}"',
        f'[camera]\nurl = ["{ADDRESS}"]',
        f'[camera]\nkind = "stream"\nurl = "cam:{PASSWORD}@127.0.0.1"',
        f'[camera]\n"{ADDRESS}" = 1',
        f'"{ADDRESS}" = 1',
        f'camera = "{ADDRESS}"',
        f'camera.url = "{ADDRESS}',
        f'"{ADDRESS}" = 1\n"{ADDRESS}" = 2',
        f'[device]\nid = "{ADDRESS}"',
        f'[device]\nsite = "{ADDRESS}"',
        f'[mqtt]\nhost = "mqtt://iot:{PASSWORD}@127.0.0.1:1883"',
        f'[mqtt]\nhost = "iot:{PASSWORD}@127.0.0.1"',
        f'[mqtt]\nhosts = ["iot:{PASSWORD}@127.0.0.1"]',
        f'[mqtt]\nhosts = "iot:{PASSWORD}@127.0.0.1"',
        f'[mqtt]\nusername = "u"\npassword_file = "{PASSWORD}"',
        f'[mqtt]\npassword_file = "{PASSWORD}"',
        f'[mqtt]\nusername = "u"\npassword_file = ["{PASSWORD}"]',
        f'[mqtt]\npassword = "{PASSWORD}"',
        f'[outbox]\npath = "{ADDRESS}"',
    ],
)
def test_a_password_in_the_wrong_place_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(write(tmp_path, text))

    assert PASSWORD not in str(refusal.value)


def test_a_path_with_an_at_sign_is_no_address(tmp_path: Path) -> None:
    secret = tmp_path / "credentials" / "fer-edge@door.service" / "mqtt-password"
    secret.parent.mkdir(parents=True)
    secret.write_text("secret")
    clip = tmp_path / "room@noon.mp4"

    config = load(
        write(
            tmp_path,
            f'[camera]\nkind = "replay"\npath = "{clip}"\n[mqtt]\nusername = "u"\npassword_file = "{secret}"',
        )
    )

    assert (config.camera.path, config.mqtt.password_file) == (str(clip), str(secret))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ('host = "broker.local:1884"', "broker.local", 1884),
        ('host = "[fd00::5]:1884"', "fd00::5", 1884),
        ('host = "fd00::5"', "fd00::5", 1883),
        ('host = "mqtt://broker.local"', "broker.local", 1883),
        ('host = "mqtt://broker.local/"', "broker.local", 1883),
        ('host = "tcp://10.0.0.5:1884"', "10.0.0.5", 1884),
        ('host = "mqtt://[fd00::5]"\nport = 1885', "fd00::5", 1885),
        ('host = "mqtts://broker.local"\ntls_ca = "fer-edge.toml"', "broker.local", 8883),
    ],
)
def test_an_address_of_the_broker_is_understood(tmp_path: Path, text: str, host: str, port: int) -> None:
    mqtt = load(write(tmp_path, f"[mqtt]\n{text}")).mqtt

    assert (mqtt.host, mqtt.port) == (host, port)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('host = "https://broker.local"', "mqtt.host is an address that is not understood; expected the host alone"),
        ('host = "mqtt://broker.local/topic"', "mqtt.host is an address that is not understood"),
        ('host = "broker local"', "mqtt.host is an address that is not understood"),
        ('host = "broker.local:1884"\nport = 1885', "mqtt.host and mqtt.port name two ports, 1884 and 1885"),
        ('host = "mqtt://broker.local:1884"\nport = 1885', "mqtt.host and mqtt.port name two ports, 1884 and 1885"),
        ('host = "mqtts://broker.local"', "mqtt.tls_ca is needed for mqtts://"),
        ('host = "mqtt://u:p@broker.local"', "mqtt.host holds a user or password; expected the host alone"),
    ],
)
def test_an_address_of_the_broker_that_cannot_be_used_is_explained(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        load(write(tmp_path, f"[mqtt]\n{text}"))
