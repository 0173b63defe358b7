"""The life of a device: installed, set up, rebooted, upgraded, rolled back, removed; systemd, apt and broker are real.

``make acceptance`` runs it and prints what each step took; docs/deploy.md has the figures.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.machine import BOOTS_MACHINES, Machine, make_root
from tests.support.paths import TINY

pytestmark = BOOTS_MACHINES

ROOT = Path(__file__).parents[2]
SUITES = ("bookworm", "trixie")
CLIP = "/usr/lib/fer-edge/app/site/edge/media/astronaut.mp4"
LIGHT_MODEL = "/usr/lib/fer-edge/app/site/edge/models/light"
ANSWERS = f"""\
[device]
id = "fer-acceptance"
room = "Hall"
[camera]
kind = "replay"
path = "{CLIP}"
loop = true
[privacy]
min_people = 1
[window]
duration_s = 2
[mqtt]
host = "localhost"
username = "device"
password = "a secret"
"""
BROKER = """\
listener 1883 localhost
allow_anonymous false
password_file /etc/mosquitto/passwords
autosave_interval 1
"""
WITNESS = """\
[Unit]
After=mosquitto.service
[Service]
ExecStart=mosquitto_sub -u device -P "a secret" -i witness -c -q 1 -t fer/v1/+/+/aggregate
StandardOutput=append:/var/tmp/windows
Restart=always
[Install]
WantedBy=multi-user.target
"""
APT = "apt-get install --yes --no-install-recommends --allow-downgrades --quiet"
NEWER = ("labels.py", "from __future__", "# newer\nfrom __future__")
HUNG = ("health.py", "self._notifier.alive()", 'raise RuntimeError("the reporter is broken")')
REFUSED = ("service.py", "version=__version__,", "version=str(1 / 0),")


def build(folder: Path, suite: str) -> Path:
    """The package of the sources."""

    options = [f"--suite={suite}", "--architecture=amd64", "--preset=0", f"--dist={folder}"]
    subprocess.run([sys.executable, "-m", "deploy.debian.build", *options], cwd=ROOT, check=True)
    (package,) = folder.glob("*.deb")
    return package


def later(package: Path, folder: Path, *changes: tuple[str, str, str]) -> Path:
    """A later version of a package with ``changes``: in a file of ``edge``, a text by another one."""
    before = version_of(package)
    after = re.sub(r"\+\d+", lambda stamp: f"+{int(stamp[0][1:]) + len(changes)}", before)
    root = folder / "root"
    folder.mkdir()
    subprocess.run(["dpkg-deb", "--raw-extract", package, root], check=True)
    site = root / "usr/lib/fer-edge/app/site"
    for name, text, replacement in (("__init__.py", before, after), *changes):
        path = site / "edge" / name
        assert text in path.read_text("utf-8")
        path.write_text(path.read_text("utf-8").replace(text, replacement, 1), "utf-8")
    control = root / "DEBIAN/control"
    control.write_text(control.read_text("utf-8").replace(before, after, 1), "utf-8")
    changed = folder / package.name.replace(before, after)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", root, changed], check=True)
    shutil.rmtree(root)
    return changed


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk in memory that can be filled."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class Device(Machine):
    """A machine with our package and a broker."""

    def install(self, package: Path) -> str:
        """Install a package with apt, without a network; returns what apt says."""
        self.put(package, f"/var/tmp/{package.name}")
        said = self.run(f"{APT} /var/tmp/{package.name}")
        self.run(f"rm /var/tmp/{package.name}")
        return said

    def version(self) -> str:
        """The version that runs."""
        return self.run("fer-edge --version").split()[1]

    def windows(self) -> list[int]:
        """The numbers of the windows that reached the subscriber, in their order."""
        return [json.loads(line)["seq"] for line in self.run("cat /var/tmp/windows").splitlines()]

    def model(self) -> str:
        """The classifier that made the last window."""
        model: str = json.loads(self.run("tail -n 1 /var/tmp/windows"))["model"]["id"]
        return model

    def wait_for_windows(self, number: int, timeout_s: float = 60) -> None:
        """Until so many more have arrived."""
        until_s, target = time.monotonic() + timeout_s, len(self.windows()) + number
        while len(self.windows()) < target:
            log = self.run("journalctl --no-pager -n 30 -u fer-edge; tail -n 5 /var/tmp/windows", check=False)
            assert time.monotonic() < until_s, f"no {number} windows in {timeout_s:g} s\n{log}"
            time.sleep(0.5)

    def retained(self) -> dict[str, str]:
        """What the broker keeps, by topic."""
        topics = "-t 'fer/v1/#' -t 'homeassistant/#'"
        heard = self.run(f"mosquitto_sub -u device -P 'a secret' -v -W 2 --retained-only {topics}", check=False)
        return dict(line.partition(" ")[::2] for line in heard.splitlines() if "/" in line)


def tell(suite: str, step: str, took_s: float) -> None:
    """A figure for docs/deploy.md."""
    sys.stderr.write(f"{suite}: {step} {took_s:.1f} s\n")


def version_of(package: Path) -> str:
    return package.name.split("_")[1].partition("~")[0]


@pytest.mark.parametrize("suite", SUITES)
def test_a_device_lives_from_its_installation_to_its_removal(suite: str, tmp_path: Path) -> None:
    root = make_root(suite)
    first = build(tmp_path / "dist", suite)
    second = later(first, tmp_path / "2", NEWER)
    hung = later(first, tmp_path / "3", NEWER, HUNG)
    refused = later(first, tmp_path / "4", NEWER, HUNG, REFUSED)

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        begun_s = time.monotonic()
        yield
        tell(suite, step, time.monotonic() - begun_s)

    with small_disk(tmp_path / "disk", "1200m") as disk:
        device = Device(root, disk)
        with device.booted():
            device.write("/etc/mosquitto/conf.d/acceptance.conf", BROKER)
            device.run(
                "touch /etc/mosquitto/passwords && mosquitto_passwd -b /etc/mosquitto/passwords device 'a secret'"
            )
            device.run("chown mosquitto /etc/mosquitto/passwords && systemctl restart mosquitto")
            device.write("/etc/systemd/system/witness.service", WITNESS)
            device.run("touch /var/tmp/windows && systemctl enable --now witness")
            with timed("from the package to the first window"):
                with timed("install"):
                    device.install(first)
                assert "inactive" in device.run("systemctl is-active fer-edge", check=False)
                device.write("/etc/fer-edge/answers", ANSWERS)
                with timed("setup with its doctor"):
                    findings = device.run("fer-edge setup --answers /etc/fer-edge/answers; rm /etc/fer-edge/answers")
                sys.stderr.write(findings)
                device.wait_for_windows(1)
            assert device.version() == version_of(first)
            assert device.run("stat -c '%a %U %G' /etc/fer-edge/fer-edge.toml") == "640 root fer-edge\n"
            device.run("fer-edge demo --clip --json --windows 1")  # with the broker that is installed
            exposure = device.run("systemd-analyze security --no-pager fer-edge | tail -n 1")
            assert float(re.search(r"level.*: ([\d.]+)", exposure)[1]) <= 1.5  # type: ignore[index]
            assert "fer-edge setup" in device.run("zcat /usr/share/man/man1/fer-edge.1.gz").replace("\\-", "-")

        with device.booted():  # the reboot
            device.wait_for_windows(1)

            device.run("systemctl kill --signal=KILL fer-edge")  # it is restarting while apt begins
            with timed("upgrade until it has proved itself"):
                said = device.install(second)
                device.wait("systemctl show -P ActiveState fer-edge-prove", "inactive")
            assert "the new version is being tried" in said
            assert device.version() == version_of(second)
            assert "version_rolled_back" not in device.retained()["fer/v1/fer-acceptance/status"]
            device.wait_for_windows(1)

            for name, broken in (("hung", hung), ("refused", refused)):
                with timed(f"upgrade that is broken ({name}) until the version before is back"):
                    device.install(broken)
                    device.wait("systemctl show -P ActiveState fer-edge-prove", "failed", 300)
                    device.wait("systemctl show -P SubState fer-edge", "running")
                    device.wait_for_windows(1)
                assert device.version() == version_of(second)
                status = json.loads(device.retained()["fer/v1/fer-acceptance/status"])
                problems = {problem["code"]: problem["sentence"] for problem in status["problems"]}
                assert version_of(broken) in problems["version_rolled_back"]
                assert status["version"] == version_of(second)

        with device.booted():  # what was rolled back stays so after a reboot
            device.wait_for_windows(1)
            assert device.version() == version_of(second)

            device.put(first, "/var/tmp/first.deb")
            device.run("fallocate -l $(($(df --output=avail -B1 /var | tail -n 1) - 12000000)) /var/tmp/full")
            with pytest.raises(AssertionError, match=r"No space left|not enough free space|don't have enough"):
                device.run(f"{APT} /var/tmp/first.deb")
            device.wait_for_windows(1)
            device.run("rm -f /var/tmp/full /var/tmp/first.deb")
            assert device.version() == version_of(second)
            device.wait_for_windows(1)

            device.install(first)
            device.wait("systemctl show -P ActiveState fer-edge-prove", "inactive")
            assert device.version() == version_of(first)
            assert "version_rolled_back" not in device.retained()["fer/v1/fer-acceptance/status"]

            packaged = device.model()
            with timed("model update until it has proved itself"):
                assert "works with it" in device.run(f"fer-edge model install {LIGHT_MODEL}")
            device.wait_for_windows(1)
            light = device.model()
            assert light != packaged

            shutil.copytree(TINY / "fragile", device.files / "var/tmp/fragile")
            with timed("model that ends the service until the one before is back"):
                said = device.run("fer-edge model install /var/tmp/fragile", check=False)
                assert "did not prove itself" in said, said
                device.wait_for_windows(1)
            assert device.model() == light
            assert "model_rolled_back" in device.retained()["fer/v1/fer-acceptance/status"]

        begun_s = time.monotonic()
        with device.booted("--volatile=state"):  # a read-only root, with an empty /var in memory
            assert "ro," in device.run("findmnt -no OPTIONS /")
            device.run("touch /var/tmp/windows; systemctl restart mosquitto witness", check=False)
            device.wait_for_windows(1)
            tell(suite, "read-only root, from its start to the first window", time.monotonic() - begun_s)

        with device.booted():
            device.wait_for_windows(1)
            device.run("systemctl stop mosquitto")
            device.wait("systemctl show -P StatusText fer-edge", "windows wait")
            device.run("apt-get remove --yes fer-edge")
            device.run("test -e /etc/fer-edge/fer-edge.toml && test -s /var/lib/fer-edge/outbox.sqlite")
            device.run("test ! -e /usr/lib/fer-edge && ! systemctl is-active fer-edge")
            device.run("systemctl start mosquitto")
            device.install(second)
            device.wait_for_windows(2)
            numbers = sorted(set(device.windows()))  # at least once: a killed process may send one again
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))

            assert "homeassistant/device/fer-acceptance/config" in device.retained()
            with timed("purge"):
                device.run("apt-get purge --yes fer-edge")
            assert device.retained() == {}
            left = device.run("find / -xdev -name '*fer-edge*' -not -path '/proc/*' -not -path '/var/cache/*'")
            assert left.splitlines() == []
            assert "fer-edge" not in device.run("cat /etc/passwd /etc/group")
