"""fer-edge.service, judged by systemd's own tools; needs no running systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.errors import EXIT_CONFIG

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = (SYSTEMD / "fer-edge.service").read_text("utf-8")

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs the program systemd-analyze")


@pytest.fixture(params=["fer-edge", "fer-edge@door"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The unit, or an instance of it as a template, and its drop-in, with a program that exists here: verify looks."""
    path = tmp_path / f"{request.param}.service"
    path.write_text(re.sub(r"^(ExecStart(?:Pre)?=\+?)\S+", r"\1/bin/true", UNIT, flags=re.MULTILINE))
    drop_ins = tmp_path / f"{request.param}.service.d"
    drop_ins.mkdir()
    shutil.copy(SYSTEMD / "mqtt-password.conf", drop_ins)
    return path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


@needs_systemd
def test_systemd_accepts_the_unit_without_a_warning(unit: Path) -> None:
    result = analyze("verify", "--man=no", unit)

    assert (result.returncode, result.stdout) == (0, "")


@needs_systemd
def test_the_exposure_of_the_unit_is_one_and_a_half_of_ten_or_less(unit: Path) -> None:
    result = analyze("security", "--offline=true", "--no-pager", unit)

    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", result.stdout)
    assert level is not None, result.stdout
    assert float(level[1]) <= 1.5


def test_the_template_for_further_cameras_is_the_unit_itself() -> None:
    assert (SYSTEMD / "fer-edge@.service").read_text("utf-8") == UNIT


def test_every_instance_has_a_configuration_and_a_state_folder_of_its_own() -> None:
    for directive in ("ExecStart=.* --config /etc/fer-edge/%N.toml", "StateDirectory=%N"):
        assert re.search(f"^{directive}$", UNIT, re.MULTILINE), directive


def test_systemd_does_not_restart_what_only_a_person_can_cure() -> None:
    assert f"RestartPreventExitStatus={EXIT_CONFIG}\n" in UNIT


def test_a_system_call_that_is_not_allowed_is_refused_and_does_not_kill() -> None:
    # numpy's OpenBLAS calls mbind, one of @resources, when it is imported.
    assert "SystemCallErrorNumber=EPERM\n" in UNIT


@pytest.mark.parametrize("directive", ["LimitCORE=0", "MemorySwapMax=0"])
def test_the_kernel_writes_no_frame_to_disk_either(directive: str) -> None:
    assert f"{directive}\n" in UNIT


def test_systemd_does_not_restart_without_the_password_file() -> None:
    drop_in = (SYSTEMD / "mqtt-password.conf").read_text("utf-8")

    assert "RestartPreventExitStatus=CREDENTIALS\n" in drop_in


def test_the_daemon_starts_without_a_network() -> None:
    directives = [line for line in UNIT.splitlines() if not line.startswith("#")]

    assert not [line for line in directives if "network-online.target" in line]


@pytest.mark.parametrize("usb_id", [("1a6e", "089a"), ("18d1", "9302")], ids=["before first use", "after first use"])
def test_udev_knows_both_faces_of_a_usb_coral(usb_id: tuple[str, str]) -> None:
    vendor, product = usb_id

    rules = (SYSTEMD / "60-fer-edge-coral.rules").read_text("utf-8")

    assert f'ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}", GROUP="video"' in rules
