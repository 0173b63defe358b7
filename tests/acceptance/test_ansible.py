"""The Ansible role on a machine with a real systemd: once it sets the device up, the second time it changes nothing."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.machine import BOOTS_MACHINES, Machine, make_root
from tests.acceptance.test_life import CLIP, build
from tests.support.paths import ROOT

ANSIBLE = shutil.which("ansible-playbook", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
INVENTORY = {
    "sensors": {
        "hosts": {"hall-sensor": {}},
        "vars": {
            "room": 'The "Hall"',
            "camera": {"kind": "replay", "path": CLIP, "loop": True},
            "broker": "localhost",
            "vault_mqtt_password": "a secret",
            "fer_edge_csi": False,
            "ansible_become": False,
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_transfer_method": "piped",
        },
    }
}

pytestmark = [
    *BOOTS_MACHINES,
    pytest.mark.skipif(ANSIBLE is None, reason="needs the program ansible-playbook (pip install ansible-core)"),
]


def play(machine: Machine, folder: Path) -> dict[str, int]:
    """Run the playbook on the machine; how many tasks were ok, changed, failed and so on.

    What ansible takes for ssh enters the machine instead, which has no network.
    """
    ssh = folder / "ssh"
    entered = shlex.join(machine.entered("COMMAND")).replace("COMMAND", '"$command"')
    ssh.write_text(f"#!/bin/bash\ncommand=${{@: -1}}\nexec {entered}\n")
    ssh.chmod(0o755)
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps(INVENTORY))
    options: list[str | Path] = [
        "-i",
        inventory,
        "-e",
        f"fer_edge_dist={folder / 'dist'}",
        "-e",
        f"ansible_ssh_executable={ssh}",
    ]
    done = subprocess.run(
        [str(ANSIBLE), *options, ROOT / "deploy" / "ansible" / "site.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", done.stdout)}


def test_the_role_sets_a_device_up_and_then_has_nothing_to_change(tmp_path: Path) -> None:
    build(tmp_path / "dist", "trixie")
    machine = Machine(make_root("trixie"), tmp_path / "machine")
    with machine.booted():
        machine.write("/etc/mosquitto/conf.d/device.conf", "listener 1883 localhost\nallow_anonymous true\n")
        machine.run("systemctl restart mosquitto")

        first, second = play(machine, tmp_path), play(machine, tmp_path)
        heard = machine.run("mosquitto_sub -t fer/v1/+/+/aggregate -C 1 -W 90")

        assert (first["failed"], second["failed"]) == (0, 0)
        assert first["changed"] > 0
        assert second["changed"] == 0
        assert json.loads(heard)["source"] == "cam0"
        assert 'room = "The \\"Hall\\""' in machine.run("cat /etc/fer-edge/fer-edge.toml")
        assert machine.run("stat -c '%a %U' /etc/fer-edge/.answers.toml").strip() == "600 root"
