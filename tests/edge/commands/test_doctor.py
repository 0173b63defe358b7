"""What ``fer-edge check`` and ``fer-edge doctor`` say of the troubles that people have, each made for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge.commands.check import Finding
from edge.commands.doctor import doctor
from edge.commands.doctor_machine import look_at_machine
from edge.host.systemd import Unit
from edge.model.release import MODEL_FILE
from edge.mqtt.outbox import Outbox
from edge.vision.classifier import PACKAGED_MODEL
from tests.edge.conftest import Certificates
from tests.support.daemon import configuration
from tests.support.mosquitto import StartMosquitto


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "fer-edge.toml"


def found(config: Path, part: str) -> Finding:
    """What the doctor finds of one part, with what systemd does not have to tell."""
    return next(finding for finding in doctor(config) if finding.part == part)


def printed(config: Path, part: str, *before: str, environment: Mapping[str, str] | None = None) -> Finding:
    """What ``check`` prints of one part, from a process of its own, with a command ``before`` it."""
    command = [*before, sys.executable, "-m", "edge", "check", "--json", "--config", str(config)]
    environment = {**os.environ, **(environment or {})}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    findings = [Finding(**json.loads(line)) for line in run.stdout.splitlines()]
    assert findings, run.stderr
    return next(finding for finding in findings if finding.part == part)


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def test_a_camera_that_this_user_may_not_open(config: Path, tmp_path: Path) -> None:
    camera = tmp_path / "video0"
    camera.touch(0o600)
    camera.chmod(0)
    config.write_text(configuration(1, camera={"kind": "usb", "device": str(camera)}))
    # Root may open everything, but for what it gave away.
    as_anybody = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.geteuid() == 0 else ()

    finding = printed(config, "camera", *as_anybody)

    assert finding.exit_code == 1
    assert "may not open it; add the user to the group video" in finding.sentence


@pytest.mark.broker
def test_a_wrong_password(config: Path, tmp_path: Path, mosquitto: StartMosquitto) -> None:
    passwords, password = tmp_path / "passwords", tmp_path / "mqtt-password"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "room", "right"], check=True)
    password.write_text("wrong\n")
    running = mosquitto("allow_anonymous false", f"password_file {passwords}")
    config.write_text(configuration(running.port, mqtt={"username": "room", "password_file": "mqtt-password"}))

    finding = found(config, "broker")

    assert finding.exit_code == 1
    assert "not authorised" in finding.sentence
    assert finding.remedy == "sudo fer-edge setup"


@pytest.mark.broker
def test_an_expired_certificate_of_the_broker_and_one_of_ours(
    config: Path, tmp_path: Path, mosquitto: StartMosquitto, certificates: Certificates
) -> None:
    authority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "-1", "-extfile", "names"]
    openssl(tmp_path, "x509", "-req", "-in", "broker.csr", *authority, "-out", "old.pem")
    running = mosquitto("allow_anonymous true", f"certfile {tmp_path / 'old.pem'}", f"keyfile {certificates.key}")
    tls = {"tls_ca": str(certificates.ca)}
    config.write_text(configuration(running.port, mqtt=tls))

    theirs, valid = found(config, "broker"), found(config, "tls")
    config.write_text(
        configuration(running.port, mqtt={**tls, "tls_cert": "old.pem", "tls_key": str(certificates.key)})
    )
    ours = found(config, "tls")

    assert "certificate has expired" in theirs.sentence
    assert theirs.remedy.startswith(f"openssl s_client -connect 127.0.0.1:{running.port} ")
    assert (valid.exit_code, "mqtt.tls_ca is valid until" in valid.sentence) == (0, True)
    assert (ours.exit_code, "expired on" in ours.sentence) == (78, True)


def test_a_name_that_nobody_knows(config: Path) -> None:
    config.write_text(configuration(1883, mqtt={"host": "broker.invalid"}))

    finding = found(config, "dns")

    assert finding.exit_code == 1
    assert "the name broker.invalid is not known" in finding.sentence
    assert finding.remedy


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, cc")
@pytest.mark.skipif(Path("/run/systemd/timesync").is_dir(), reason="systemd-timesyncd's word counts more than the year")
def test_a_clock_that_was_never_set(config: Path, tmp_path: Path) -> None:
    shim = tmp_path / "wallclock.so"
    source = Path(__file__).parents[2] / "faults" / "wallclock_shim.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl", "-lpthread"], check=True)
    (tmp_path / "ahead").write_text(f"-{50 * 365 * 86400}\n")
    config.write_text(configuration(1))

    run = subprocess.run(
        [sys.executable, "-m", "edge", "doctor", "--json", "--config", config],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LD_PRELOAD": str(shim), "WALL_AHEAD": str(tmp_path / "ahead")},
    )

    clock = Finding(**json.loads(run.stdout.splitlines()[0]))
    assert (clock.part, clock.exit_code) == ("clock", 1)
    assert clock.sentence.startswith("197")
    assert "timedatectl set-ntp true" in clock.remedy


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root, to mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk(config: Path, small_disk: Path) -> None:
    config.write_text(configuration(1, outbox={"path": str(small_disk / "outbox.sqlite")}))
    before = found(config, "outbox")
    (small_disk / "photographs").write_bytes(bytes(1020 * 1024))

    outbox = found(config, "outbox")
    disk = next(finding for finding in look_at_machine(state=small_disk) if finding.part == "disk")

    assert before.exit_code == 0
    assert (outbox.exit_code, "No space left on device" in outbox.sentence) == (1, True)
    assert (disk.exit_code, disk.sentence) == (1, f"0 MB are free at {small_disk}")
    assert "journalctl --vacuum-size" in outbox.remedy
    assert outbox.remedy == disk.remedy


def test_a_damaged_model(config: Path, tmp_path: Path) -> None:
    model = shutil.copytree(PACKAGED_MODEL, tmp_path / "model", ignore=shutil.ignore_patterns("face", "light"))
    content = bytearray((model / MODEL_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (model / MODEL_FILE).write_bytes(content)
    config.write_text(configuration(1, model={"folder": "model"}))

    finding = found(config, "model")

    assert finding.exit_code == 78
    assert "sha256 of its" in finding.sentence
    assert finding.remedy.startswith("sudo apt install --reinstall fer-edge")


def test_libraries_that_were_built_for_another_python(config: Path, tmp_path: Path) -> None:
    # As after an upgrade from Bookworm to Trixie: numpy is there, its compiled half is that of the Python before.
    installed = Path(np.__file__).parent
    shutil.copytree(installed, tmp_path / "other" / "numpy", copy_function=os.symlink)
    for library in (tmp_path / "other").rglob("_multiarray_umath.cpython-3*"):
        library.rename(library.with_name(library.name.replace("cpython-3", "cpython-2")))
    config.write_text(configuration(1))

    finding = printed(config, "runtime", environment={"PYTHONPATH": str(tmp_path / "other")})

    assert finding.exit_code == 78
    assert "they were built for another Python or numpy, or are missing" in finding.sentence


def test_an_outbox_that_a_daemon_started_by_hand_keeps_from_the_service(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = Unit("fer-edge.service", "masked", "inactive", "dead", "masked", "", 0, "")
    monkeypatch.setattr("edge.commands.doctor.read_unit", lambda _: stopped)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    config.write_text(configuration(1, outbox={"path": "outbox.sqlite"}))

    with closing(Outbox(tmp_path / "outbox.sqlite", "test")):
        finding = found(config, "outbox")

    assert finding.exit_code == 1
    assert "in use by a running fer-edge, which was started by hand" in finding.sentence
    assert finding.remedy.startswith("sudo fuser -v")


def test_a_camera_that_is_not_there_is_mended_by_looking_for_it(config: Path, tmp_path: Path) -> None:
    config.write_text(configuration(1, camera={"kind": "usb", "device": str(tmp_path / "video0")}))

    finding = found(config, "camera")

    assert finding.exit_code == 1
    assert finding.remedy == "ls -l /dev/v4l/by-id; sudo fer-edge setup"


@pytest.mark.parametrize(
    ("flags", "exit_code", "sentence"),
    [
        ("0", 0, "enough"),
        ("50005", 1, "the voltage is too low now"),
        ("50000", 1, "the voltage was too low since the last boot"),
        ("4", 1, "the processor is slowed down now, by heat"),
        ("40000", 0, "enough; heat slowed the processor since the last boot"),
    ],
)
def test_the_flags_of_the_pi_about_its_power(tmp_path: Path, flags: str, exit_code: int, sentence: str) -> None:
    (tmp_path / "get_throttled").write_text(f"{flags}\n")

    findings = list(look_at_machine(throttled=tmp_path / "get_throttled"))

    power = next(finding for finding in findings if finding.part == "power")
    assert power.exit_code == exit_code
    assert sentence in power.sentence


def test_a_configuration_that_cannot_be_read_is_a_finding(config: Path) -> None:
    config.write_text("[mqtt]\nhots = 1\n")

    finding = found(config, "config")

    assert finding.exit_code == 78
    assert "mqtt.hots is unknown" in finding.sentence


def test_without_a_configuration_it_names_the_command_that_makes_one(config: Path) -> None:
    finding = found(config, "config")

    assert finding.exit_code == 78
    assert "No such file or directory" in finding.sentence
    assert finding.remedy == f"sudo fer-edge setup --config {config}"


def test_without_systemd_it_says_that_no_service_was_looked_at(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.commands.doctor.read_unit", lambda _: None)

    assert found(config, "service").sentence == "systemd does not run here; what follows was tried as this user"
