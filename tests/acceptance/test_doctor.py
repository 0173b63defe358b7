"""A device with a real systemd that is set up, gets into trouble, and is mended by the command that the doctor tells.

Also every command of docs/quickstart.md, typed one after the other.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.commands.check import Finding
from quantize.pack import pack
from tests.acceptance.machine import BOOTS_MACHINES, Machine, make_root
from tests.support.paths import CLIP, ROOT, TINY

pytestmark = BOOTS_MACHINES

ANSWERS = """\
[device]
id = "fer-doctor"
room = "Hall"
[camera]
kind = "replay"
path = "/opt/clip.mp4"
loop = true
[deployment]
context = "event"
contact = "hall@example.org"
[window]
duration_s = 2
[mqtt]
host = "localhost"
username = "device"
password = "a secret"
"""
BROKER = "listener 1883 localhost\nallow_anonymous false\npassword_file /etc/mosquitto/passwords\n"
INSTALL = "apt-get install --yes --no-install-recommends --allow-downgrades ./*.deb"
NOT_HERE = ("python3-picamera2", "rpicam-hello", "/dev/v4l")
"""Commands of the quick start that need a camera or a network."""


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package for Trixie and this processor: the one of ``make deb``, or made now."""
    pattern = "fer-edge_*~trixie_amd64.deb"
    if made := sorted((ROOT / "dist").glob(pattern), key=lambda path: path.stat().st_mtime):
        return made[-1]
    folder = tmp_path_factory.mktemp("dist")
    options = ["--suite=trixie", "--architecture=amd64", f"--dist={folder}"]
    subprocess.run([sys.executable, "-m", "deploy.debian.build", *options], cwd=ROOT, check=True)
    return next(folder.glob(pattern))


@pytest.fixture
def bare(tmp_path: Path, package: Path) -> Iterator[Machine]:
    """A machine with a broker; the package, answers and two models lie in /var/tmp."""
    machine = Machine(make_root("trixie"), tmp_path / "machine")
    with machine.booted():
        machine.put(package, f"/var/tmp/{package.name}")
        machine.put(CLIP, "/opt/clip.mp4")
        machine.write("/var/tmp/answers.toml", ANSWERS)
        machine.write("/etc/mosquitto/conf.d/device.conf", BROKER)
        pack(ROOT / "edge" / "models" / "light", tmp_path / "classifier.tar", counter=1, edgetpu=None, key=None)
        pack(TINY / "fragile", tmp_path / "fragile.tar", counter=2, edgetpu=None, key=None)
        for name in ("classifier.tar", "fragile.tar"):
            machine.put(tmp_path / name, f"/var/tmp/{name}")
        machine.run("mosquitto_passwd -b -c /etc/mosquitto/passwords device 'a secret'")
        machine.run("chown mosquitto /etc/mosquitto/passwords && systemctl restart mosquitto")
        yield machine


@pytest.fixture
def device(bare: Machine) -> Machine:
    """The same, installed and set up."""
    bare.run(f"cd /var/tmp && {INSTALL}")
    bare.run("fer-edge setup --answers /var/tmp/answers.toml")
    return bare


def wrong(machine: Machine) -> dict[str, Finding]:
    """What the doctor finds wrong, by part."""
    lines = machine.run("fer-edge doctor --json", check=False).splitlines()
    findings = [Finding(**json.loads(line)) for line in lines if line.startswith("{")]
    assert len(findings) > 3, lines
    return {finding.part: finding for finding in findings if finding.exit_code}


def mend(machine: Machine, finding: Finding) -> None:
    """Type what the doctor tells."""
    machine.run(finding.remedy.replace("sudo ", ""))


def change(machine: Machine, pattern: str, line: str) -> None:
    """Replace a line of the configuration."""
    path = machine.files / "etc/fer-edge/fer-edge.toml"
    text = re.sub(pattern, line, path.read_text("utf-8"), flags=re.MULTILINE)
    machine.write("/etc/fer-edge/fer-edge.toml", text)


def test_a_device_that_was_set_up_from_answers_works_and_the_doctor_finds_nothing(device: Machine) -> None:
    heard = device.run("mosquitto_sub -u device -P 'a secret' -t fer/v1/+/+/aggregate -C 1 -W 30")

    assert json.loads(heard)["device"] == "fer-doctor"
    assert wrong(device) == {}
    assert device.run("stat -c %a /etc/fer-edge/fer-edge.password").strip() == "600"


def test_a_service_in_any_trouble_is_mended_by_the_command_that_is_told(device: Machine) -> None:
    for trouble in ("disable fer-edge", "stop fer-edge", "mask --now fer-edge"):
        device.run(f"systemctl {trouble}")

        found = wrong(device)

        assert set(found) == {"service"}, trouble
        mend(device, found["service"])
        device.wait("systemctl is-active fer-edge", "active")
        assert wrong(device) == {}, trouble


def test_a_wrong_configuration_is_named_where_the_service_failed(device: Machine) -> None:
    change(device, r"^loop = .*", "lop = true")
    device.run("systemctl restart fer-edge", check=False)

    found = wrong(device)

    assert "fer-edge failed with status 78 (configuration or model is wrong)" in found["service"].sentence
    assert "key camera.lop is unknown; the nearest key is camera.loop" in found["config"].sentence


def test_a_wrong_password_is_told_with_the_command_that_asks_again(device: Machine) -> None:
    device.write("/var/tmp/wrong.toml", ANSWERS.replace("a secret", "another"))
    device.run("fer-edge setup --answers /var/tmp/wrong.toml", check=False)
    device.wait("systemctl show fer-edge -P StatusText", "not authorised")

    finding = wrong(device)["service"]

    assert finding.remedy == "sudo fer-edge setup"
    device.run("fer-edge setup --answers /var/tmp/answers.toml")
    assert wrong(device) == {}


def test_a_camera_that_root_may_open_and_the_service_may_not_is_found_in_its_sandbox(device: Machine) -> None:
    device.run("systemctl stop fer-edge; mknod /dev/video9 c 81 9; chmod 600 /dev/video9")
    change(device, r"^kind = .*", 'kind = "usb"\ndevice = "/dev/video9"')

    as_root = device.run("fer-edge check --config /etc/fer-edge/fer-edge.toml", check=False)
    finding = wrong(device)["camera"]
    mend(device, finding)

    assert "this user may not open it" not in as_root
    assert "this user may not open it" in finding.sentence
    assert "this user may not open it" not in wrong(device)["camera"].sentence


def test_a_model_proves_itself_and_one_that_ends_the_service_is_followed_by_the_one_before(device: Machine) -> None:
    proven = device.run("fer-edge model install /var/tmp/classifier.tar")
    failed = device.run("fer-edge model install /var/tmp/fragile.tar", check=False)
    status = device.run("systemctl show fer-edge -P StatusText")
    old = device.run("fer-edge model install /var/tmp/classifier.tar", check=False)

    assert "fer-edge.service works with it" in proven
    assert "did not prove itself in fer-edge.service, and the one before it is back" in failed
    assert "did not prove itself; release 0001-" in status
    assert "its counter is 1, and 2 was installed before" in old
    assert "light-0-" in device.run("fer-edge model list | grep current")


def test_every_command_of_the_quick_start_works(bare: Machine) -> None:
    page = (ROOT / "docs" / "quickstart.md").read_text("utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("sudo ") for kind, block in blocks if not kind for line in block.splitlines()]

    typed = 0
    for line in lines:
        if any(word in line for word in NOT_HERE):
            continue
        line = re.sub(r"^apt install .*\.deb$", INSTALL, line).replace("apt ", "apt-get --yes ")
        line = re.sub(r"^fer-edge setup$", "fer-edge setup --answers answers.toml", line)
        line = line.replace("fer-edge watch", "fer-edge watch --count 1")
        # status of a trial that is over has an exit status of its own.
        bare.run(f"cd /var/tmp && {line}", check="systemctl status" not in line)
        typed += 1

    assert typed > 12
    assert bare.run("ls /etc/fer-edge /var/lib/fer-edge 2>&1", check=False).count("No such file") == 2
