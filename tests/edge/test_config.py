"""The configuration file: what it accepts, and what it says to what it does not."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from edge.config import Config, DeviceConfig, MqttConfig, device_id, load
from edge.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]


def write(folder: Path, text: str) -> Path:
    file = folder / "fer-edge.toml"
    file.write_text(text, "utf-8")
    return file


def test_the_documented_file_names_every_key_with_its_default() -> None:
    documented = tomllib.loads((REPOSITORY / "deploy" / "fer-edge.toml").read_text("utf-8"))

    assert documented == json.loads(json.dumps(asdict(Config())))


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load(write(tmp_path, "")) == Config()


def test_a_whole_number_is_accepted_where_a_number_is_asked(tmp_path: Path) -> None:
    duration_s = load(write(tmp_path, "[window]\nduration_s = 5")).window.duration_s

    assert duration_s == 5.0
    assert isinstance(duration_s, float)


def test_relative_paths_are_meant_from_the_folder_of_the_file(tmp_path: Path) -> None:
    config = load(write(tmp_path, '[camera]\nkind = "replay"\npath = "clips/a.mp4"\n[outbox]\npath = "/var/box"'))

    assert config.camera.path == str(tmp_path / "clips/a.mp4")
    assert config.outbox.path == "/var/box"


@pytest.mark.parametrize(("folder", "named"), [("light", "light"), ("./light", "{}/light"), ("", "")])
def test_the_light_model_of_the_package_is_named_by_a_word_and_a_folder_by_its_path(
    folder: str, named: str, tmp_path: Path
) -> None:
    config = load(write(tmp_path, f'[model]\nfolder = "{folder}"'))

    assert config.model.folder == named.format(tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[camra]", "section camra is unknown; the nearest section is camera"),
        ("[camera]\nkinds = 'usb'", "key camera.kinds is unknown; the nearest key is camera.kind"),
        ("[camera]\nkind = 'webcam'", "camera.kind is 'webcam'; expected one of csi, usb, stream, replay"),
        ("[camera]\nfps = 0", "camera.fps is 0; expected a number from 1 to 60"),
        ("[camera]\nloop = 1", "camera.loop is 1; expected true or false"),
        ("[camera]\nurl = ['rtsp://me:secret@cam']", "camera.url is ...; expected text in quotes"),
        ("[camera]\nkind = 'stream'", "camera.url is needed for camera.kind 'stream'"),
        ("[camera]\nkind = 'replay'", "camera.path is needed for camera.kind 'replay'"),
        ("[camera]\nsource = 'a/b'", "camera.source is 'a/b'; expected 1 to 32 characters of a-z"),
        ("camera = 3", "[camera] is 3; expected a section with keys"),
        ("[detector]\nkind = 'face'", "detector.kind is 'face'; expected one of builtin, haar, yunet"),
        ("[detector]\nkind = 'fer'", "detector.kind is 'fer'; expected one of builtin, haar, yunet"),
        ("[model]\ndevice = 'edgetpu'", "[model] device is now [inference] device; move the line there"),
        ("[model]\npublic_key = 3", "[model] public_key is now [inference] public_key"),
        ("[device]\nid = 'Küche'", "device.id is 'Küche'; expected 3 to 32 characters of a-z"),
        ("[window]\nduration_s = 'long'", "window.duration_s is 'long'; expected a number"),
        ("[window]\nduration_s = nan", "window.duration_s is nan; expected a number from 1 to 3600"),
        ("[window]\nduration_s = true", "window.duration_s is True; expected a number"),
        ("[privacy]\nmin_people = 0", "privacy.min_people is 0; expected a whole number from 1 to 100"),
        ("[privacy]\nmin_people = 2.5", "privacy.min_people is 2.5; expected a whole number"),
        ("[mqtt]\nport = 70000", "mqtt.port is 70000; expected a whole number from 1 to 65535"),
        ("[mqtt]\nhosts = 'a'", "mqtt.hosts is 'a'; expected a list of texts in quotes"),
        ("[mqtt]\nhosts = ['a', 3]", "mqtt.hosts is ['a', 3]; expected a list of texts in quotes"),
        ("[mqtt]\nhosts = ['a:b']", "mqtt.hosts has 'a:b'; expected a host, or host:port"),
        ("[mqtt]\nhosts = ['a:70000']", "mqtt.hosts has 'a:70000'; expected a host, or host:port"),
        ("[mqtt]\nhosts = ['::1']", "mqtt.hosts has '::1'; expected a host, or host:port"),
        ("[mqtt]\ntls_cert = 'a.pem'", "mqtt.tls_cert and mqtt.tls_key belong together"),
        ("[mqtt]\nusername = 'u'\npassword_file = 'absent'", "which cannot be read"),
        ("[mqtt]\npassword_file = 'absent'", "mqtt.username is empty but mqtt.password_file is set"),
        ("not toml", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key_and_what_is_accepted(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)) as refusal:
        load(write(tmp_path, text))

    assert refusal.value.exit_code == 78


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(write(tmp_path, "[camera]\nfps = 0\nkind = 'x'\n[mqtt]\nhosst = 'h'"))

    lines = str(refusal.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"config {tmp_path}/fer-edge.toml: ") for line in lines)


def test_a_contradiction_is_said_beside_mistakes_elsewhere_and_not_beside_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(write(tmp_path, "[camera]\nkind = 'replay'\npath = 3\n[mqtt]\nport = 0\ntls_cert = 'a.pem'"))

    assert [line.split()[2] for line in str(refusal.value).splitlines()] == [
        "camera.path",
        "mqtt.port",
        "mqtt.tls_cert",
        "mqtt.tls_cert",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("[camera]\nfps = 1" + "0" * 5000, "is not TOML (Exceeds the limit", id="a number without end"),
        pytest.param("[camera]\nfps = 1" + "0" * 400, "0000...; expected a number from 1 to 60", id="a long number"),
        pytest.param("x = " + "[" * 20_000, "is not TOML that can be read (nested too deeply)", id="brackets"),
        pytest.param(
            '[mqtt]\nusername = "u"\npassword_file = "a\\u0000b"',
            "mqtt.password_file is 'a\\x00b'; expected text in quotes without control characters",
            id="no name of a file",
        ),
        pytest.param('["a\\nb"]', "section 'a\\nb' is unknown", id="a name of two lines"),
        pytest.param(f"{'a' * 5000} = 1", f"section {'a' * 80} is unknown", id="a long name"),
    ],
)
def test_absurd_values_are_refused_in_one_short_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)) as refusal:
        load(write(tmp_path, text))

    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 300 + len(str(tmp_path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read \(No such file or directory\)"):
        load(tmp_path / "absent.toml")


def test_a_folder_instead_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        load(tmp_path)


def test_the_default_device_id_hides_the_machine_id(tmp_path: Path) -> None:
    machine = tmp_path / "machine-id"
    machine.write_text("0123456789abcdef0123456789abcdef\n", "ascii")

    identity = device_id(DeviceConfig(), machine)

    assert re.fullmatch(r"fer-[0-9a-f]{8}", identity)
    assert identity[4:] not in machine.read_text("ascii")
    assert identity == device_id(DeviceConfig(), machine)


def test_a_configured_device_id_wins(tmp_path: Path) -> None:
    assert device_id(DeviceConfig(id="kitchen"), tmp_path / "absent") == "kitchen"


def test_without_a_machine_id_the_key_to_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"set device\.id"):
        device_id(DeviceConfig(), tmp_path / "absent")


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
