"""``fer-edge setup`` on a real terminal, and from a file of answers, with a real broker."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.camera.csi import list_cameras as list_ribbon_cameras
from edge.camera.usb import list_cameras as list_usb_cameras
from edge.commands.setup import setup
from edge.config_file import load
from edge.mqtt.nearby import find_brokers
from tests.edge.conftest import Certificates
from tests.support.mosquitto import Mosquitto, StartMosquitto
from tests.support.paths import CLIP, ROOT
from tests.support.terminal import Terminal

pytestmark = pytest.mark.broker


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that somebody has commented, with the clip as camera."""
    path = tmp_path / "etc" / "fer-edge.toml"
    path.parent.mkdir()
    path.write_text(f'# ours\n[camera]\n# a recording\nkind = "replay"\npath = {json.dumps(str(CLIP))}\n')
    return path


@pytest.fixture
def broker(tmp_path: Path, mosquitto: StartMosquitto) -> Mosquitto:
    """A broker that wants the user foyer with the password s3cret."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "foyer", "s3cret"], check=True)
    return mosquitto("allow_anonymous false", f"password_file {passwords}")


def command(config: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "edge", "setup", "--config", str(config), *options]


def run(config: Path, answers: str, *options: str) -> subprocess.CompletedProcess[str]:
    """With answers from a file."""
    file = config.parent.parent / "answers.toml"
    file.write_text(answers)
    line = command(config, "--answers", str(file), *options)
    return subprocess.run(line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def reach_broker(
    terminal: Terminal, broker: Mosquitto, *, room: str = "", context: str, in_view: str = r"Number \[1\]: "
) -> None:
    """Answer everything up to the broker's address; ``in_view`` is the question whose default is taken."""
    terminal.answer(r"Number \[2\]: ", "")
    terminal.answer("Room.*: ", room)
    terminal.answer("Number: ", context)
    terminal.answer(in_view, "")
    terminal.answer("phone: ", "")
    terminal.wait_for("Looking for MQTT brokers")
    if find_brokers(0):  # another broker on this machine
        terminal.answer(r"Number.*: ", "2")
    terminal.answer("1883.*: ", f"127.0.0.1:{broker.port}")


def reach_password(terminal: Terminal, broker: Mosquitto) -> None:
    """Answer everything up to the password."""
    reach_broker(terminal, broker, room="Foyer", context="3")
    terminal.answer(r"TLS \(y/n\) \[n\]: ", "")
    terminal.answer("User name.*: ", "foyer")


def test_answers_on_a_terminal_lead_to_a_configuration_that_works(config: Path, broker: Mosquitto) -> None:
    with Terminal(command(config)) as terminal:
        reach_password(terminal, broker)
        terminal.answer("Password: ", "s3cret")
        picture = terminal.answer(r"Write .*\(y/n\) \[y\]: ", "")
        status = terminal.end()

    assert status == 0, terminal.shown
    assert re.search(r"1 face in view, 2\d\d px high", picture)
    assert "takes and acknowledges what we publish" in terminal.shown
    assert "s3cret" not in terminal.shown
    text = config.read_text()
    assert text.startswith('# ours\n[camera]\n# a recording\nkind = "replay"\n')
    assert tomllib.loads(text)["mqtt"] == {
        "host": "127.0.0.1",
        "port": broker.port,
        "username": "foyer",
        "password_file": "fer-edge.password",
    }
    password = config.with_name("fer-edge.password")
    assert (password.read_text(), password.stat().st_mode & 0o777) == ("s3cret\n", 0o600)
    assert config.with_name("fer-edge.toml.bak").read_text().startswith("# ours")


def test_a_broker_with_certificates_is_set_up_on_a_terminal_too(
    config: Path, mosquitto: StartMosquitto, certificates: Certificates
) -> None:
    running = mosquitto(
        f"certfile {certificates.certificate}",
        f"keyfile {certificates.key}",
        f"cafile {certificates.ca}",
        "require_certificate true",
        "use_identity_as_username true",
    )

    with Terminal(command(config)) as terminal:
        reach_broker(terminal, running, context="4")
        terminal.answer("TLS.*: ", "y")
        terminal.answer("authority.*: ", "no-such-file.pem")
        told = terminal.answer("authority.*: ", str(certificates.ca))
        terminal.answer("own certificate.*: ", str(certificates.certificate))
        terminal.answer("key: ", str(certificates.key))
        terminal.answer("User name.*: ", "")
        terminal.answer("Write.*: ", "")
        terminal.end()

    assert "expected the path of a file in PEM form" in told
    assert "takes and acknowledges what we publish" in terminal.shown
    assert config.with_name("fer-edge.key.pem").stat().st_mode & 0o777 == 0o600


def test_a_second_run_offers_what_is_set_and_keeps_it(config: Path, broker: Mosquitto) -> None:
    answers = (
        f'[device]\nroom = "Foyer"\n[deployment]\ncontext = "event"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}'
    )
    run(config, f'{answers}\nusername = "foyer"\npassword = "s3cret"\n')
    before = config.read_text()

    with Terminal(command(config)) as terminal:
        terminal.answer(r"Number \[2\]: ", "")
        terminal.answer(r"Room.* \[Foyer\]: ", "")
        terminal.answer(r"Number \[3\]: ", "")
        terminal.answer(r"Number \[1\]: ", "")
        terminal.answer("phone: ", "")
        terminal.wait_for("Looking for MQTT brokers")
        if find_brokers(0):
            terminal.answer(r"Number.*: ", "")
        terminal.answer(rf"1883 \[127.0.0.1:{broker.port}\]: ", "")
        terminal.answer("TLS.*: ", "")
        terminal.answer(r"User name.* \[foyer\]: ", "")
        terminal.answer(r"Password \[unchanged\]: ", "")
        terminal.answer(r"Write .*: ", "y")
        status = terminal.end()

    assert status == 0, terminal.shown
    assert tomllib.loads(config.read_text()) == tomllib.loads(before) | {
        "deployment": {"context": "event", "contact": ""},
        "privacy": {"mode": "room"},
    }
    assert config.with_name("fer-edge.password").read_text() == "s3cret\n"


@pytest.mark.parametrize("moment", ["at the first question", "at the password", "at the last question"])
def test_ctrl_c_leaves_everything_as_it_was(config: Path, broker: Mosquitto, moment: str) -> None:
    before = config.read_text()

    with Terminal(command(config)) as terminal:
        if moment == "at the first question":
            terminal.wait_for(r"Number.*: ")
        else:
            reach_password(terminal, broker)
            terminal.wait_for("Password: ")
        if moment == "at the last question":
            terminal.press("s3cret\n")
            terminal.wait_for(r"Write .*: ")
        terminal.process.send_signal(signal.SIGINT)
        status = terminal.end()

    assert status == 130
    assert (config.read_text(), [path.name for path in config.parent.iterdir()]) == (before, [config.name])


def test_no_at_the_last_question_changes_nothing(config: Path, broker: Mosquitto) -> None:
    before = config.read_text()

    with Terminal(command(config)) as terminal:
        reach_password(terminal, broker)
        terminal.answer("Password: ", "s3cret")
        terminal.answer(r"Write .*: ", "n")
        status = terminal.end()

    assert status == 0
    assert "Nothing was changed." in terminal.shown
    assert (config.read_text(), [path.name for path in config.parent.iterdir()]) == (before, [config.name])


def test_after_a_camera_that_fails_the_default_is_to_write_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    config = tmp_path / "etc" / "fer-edge.toml"
    cameras = len(list_usb_cameras()) + len(list_ribbon_cameras())

    with Terminal(command(config)) as terminal:
        found = terminal.answer("Number.*: ", str(cameras + 1))
        terminal.answer("Its address.*: ", "http://127.0.0.1:1/")
        terminal.answer("Room.*: ", "Foyer")
        terminal.answer("Number: ", "8")
        terminal.answer("phone: ", "")
        terminal.wait_for("Looking for MQTT brokers")
        if find_brokers(0):  # another broker on this machine
            terminal.answer(r"Number.*: ", str(len(find_brokers(0)) + 1))
        terminal.answer("1883.*: ", f"127.0.0.1:{broker.port}")
        terminal.answer("TLS.*: ", "n")
        terminal.answer("User name.*: ", "-")
        picture = terminal.answer(r"Write .*\(y/n\) \[n\]: ", "")
        status = terminal.end()

    assert ("This machine finds no ribbon or USB camera" in found) == (cameras == 0)
    assert "WRONG camera" in picture
    assert "?." not in terminal.shown
    assert (status, config.exists()) == (0, False)


def test_an_answer_that_is_not_allowed_is_asked_for_again(config: Path) -> None:
    with Terminal(command(config)) as terminal:
        terminal.answer("Number.*: ", "7")
        again = terminal.answer("Number.*: ", "1")
        terminal.answer("Its address.*: ", "camera.local")
        address = terminal.wait_for("Its address")

    assert "expected a number from 1 to" in again
    assert "expected rtsp://" in address


def test_a_workplace_is_told_what_it_may_not_do(config: Path) -> None:
    with Terminal(command(config)) as terminal:
        terminal.answer("Number.*: ", "")
        terminal.answer("Room.*: ", "")
        terminal.answer("Number: ", "8")
        told = terminal.wait_for("Whom people may ask")

    assert "inferring emotions is prohibited in the European Union" in told.replace("\r\n", " ")


def test_one_person_at_a_kiosk_is_measured_by_visits(config: Path, broker: Mosquitto) -> None:
    with Terminal(command(config)) as terminal:
        reach_broker(terminal, broker, context="1", in_view=r"Who is in view\?[^:]*Number \[2\]: ")
        terminal.answer("TLS.*: ", "n")
        terminal.answer("User name.*: ", "foyer")
        terminal.answer("Password: ", "s3cret")
        terminal.answer(r"Write .*: ", "")
        terminal.end()

    assert load(config).privacy.mode == "visits"


def test_a_file_of_answers_needs_no_terminal(tmp_path: Path, broker: Mosquitto) -> None:
    config = tmp_path / "etc" / "fer-edge.toml"

    result = run(
        config,
        f'[camera]\nkind = "replay"\npath = {json.dumps(str(CLIP))}\n[device]\nid = "fer-foyer"\nroom = "Foyer"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\nusername = "foyer"\npassword = "s3cret"\n',
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert load(config).device.room == "Foyer"
    assert config.read_text().startswith("# The configuration of fer-edge.service, made by fer-edge setup.")
    assert config.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("core", "answers", "folder"),
    [
        pytest.param("Cortex-A53", "", "light", id="slow"),
        pytest.param("Cortex-A53", '[model]\nfolder = ""\n', "", id="slow, and somebody wants the standard one"),
        pytest.param(None, "", "", id="fast"),
    ],
)
def test_a_slow_processor_gets_the_light_classifier(
    config: Path, core: str | None, answers: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.commands.setup.slow_core", lambda: core)
    (config.parent / "answers.toml").write_text(answers)

    setup(config, config.parent / "answers.toml", start=False, tell=lambda findings: 0)

    assert load(config).model.folder == folder


def test_tls_files_are_copied_beside_the_configuration(config: Path, tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text(name)
    answers = '[mqtt]\ntls_ca = "ca.pem"\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n'

    result = run(config, answers, "--no-start")

    assert result.returncode == 0, result.stderr
    assert load(config).mqtt.tls_key == str(config.with_name("fer-edge.key.pem"))
    assert config.with_name("fer-edge.key.pem").read_text() == "key.pem"
    assert config.with_name("fer-edge.key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ("[mqtt]\nhots = 1\n", "key mqtt.hots is unknown; the nearest key is mqtt.host"),
        ("[brokers]\nhost = 1\n", "section brokers is unknown"),
        ("room = 1\n", "room stands outside of a section"),
        ('[mqtt]\npassword = "x"\n', "mqtt.username is needed with mqtt.password"),
        ('[mqtt]\ntls_ca = "absent.pem"\n', "mqtt.tls_ca"),
        ('[camera]\nkind = "webcam"\n', "camera.kind is 'webcam'; expected one of csi, usb, stream, replay"),
    ],
)
def test_a_wrong_file_of_answers_changes_nothing(config: Path, answers: str, sentence: str) -> None:
    before = config.read_text()

    result = run(config, answers)

    assert result.returncode == 78
    assert sentence in result.stderr
    assert (config.read_text(), [path.name for path in config.parent.iterdir()]) == (before, [config.name])


def test_answers_that_cannot_be_read_are_named_as_such(config: Path) -> None:
    absent = config.parent / "absent.toml"
    result = subprocess.run(command(config, "--answers", str(absent)), capture_output=True, text=True, check=False)

    assert result.returncode == 78
    assert f"answers {absent}: cannot be read" in result.stderr
    assert "name a TOML file with --answers" in result.stderr


def test_without_a_terminal_and_without_answers_it_says_so(config: Path) -> None:
    result = subprocess.run(command(config), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    assert result.returncode == 78
    assert "give the answers with --answers FILE" in result.stderr


def test_whoever_may_not_write_the_configuration_is_told_to_be_root(config: Path) -> None:
    config.parent.chmod(0o500)
    as_anybody = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []

    result = subprocess.run([*as_anybody, *command(config)], capture_output=True, text=True, check=False)
    config.parent.chmod(0o700)

    assert result.returncode == 78
    assert "run sudo fer-edge setup" in result.stderr


@pytest.fixture
def announced() -> Iterator[int]:
    """Another process that announces a broker in the local network."""
    pytest.importorskip("zeroconf")
    script = (
        "import socket, sys, zeroconf\n"
        "network = zeroconf.Zeroconf()\n"
        "network.register_service(zeroconf.ServiceInfo('_mqtt._tcp.local.', 'Hall._mqtt._tcp.local.', port=4321,\n"
        "    addresses=[socket.inet_aton('127.0.0.1')], server='hall-broker.local.'))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
        "network.close()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as responder:
        assert responder.stdout is not None
        if not responder.stdout.readline():
            pytest.skip("needs a network with multicast")
        yield 4321
        assert responder.stdin is not None
        responder.stdin.close()


def test_a_broker_that_announces_itself_is_found(announced: int) -> None:
    found = [broker for broker in find_brokers() if broker.port == announced]

    assert [(broker.name, broker.host, broker.tls) for broker in found] == [("Hall", "127.0.0.1", False)]
