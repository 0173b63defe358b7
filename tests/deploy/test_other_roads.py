"""The container, the add-on, the Ansible role and cloud-init, as far as they can be tested without running them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.config_file import load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ADD_ON = DEPLOY / "home-assistant/addon/fer-edge"


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def test_the_container_is_read_only_without_privileges_and_keeps_its_windows() -> None:
    service = read_yaml(DEPLOY / "container/compose.yaml")["services"]["fer-edge"]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert "windows:/var/lib/fer-edge" in service["volumes"]


def test_the_image_does_not_run_as_root() -> None:
    lines = (DEPLOY / "container/Containerfile").read_text("utf-8").splitlines()

    assert [line for line in lines if line.startswith("USER ")] == ["USER fer-edge"]


def test_the_configuration_of_the_container_is_accepted() -> None:
    config = load(DEPLOY / "container/fer-edge.toml")

    assert config.mqtt.host == "mosquitto"
    assert config.device.id


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs the program jq")
@pytest.mark.parametrize(
    ("camera", "address", "key"), [("usb", "/dev/video0", "device"), ("stream", "rtsp://camera.local/1", "url")]
)
def test_the_add_on_turns_its_options_and_the_supervisors_broker_into_a_configuration(
    camera: str, address: str, key: str, tmp_path: Path
) -> None:
    data, programs = tmp_path / "data", tmp_path / "bin"
    data.mkdir()
    programs.mkdir()
    options = read_yaml(ADD_ON / "config.yaml")["options"]
    (data / "options.json").write_text(
        json.dumps(options | {"camera": camera, "address": address, "room": 'The "Hall"'})
    )
    broker = {"data": {"host": "core-mosquitto", "port": 1883, "username": "addons", "password": "a secret"}}
    for name, body in {"curl": f"echo '{json.dumps(broker)}'", "fer-edge": "exit 0"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    script = tmp_path / "run.sh"
    script.write_text((ADD_ON / "run.sh").read_text("utf-8").replace("/data/", f"{data}/"))

    environment = {"PATH": f"{programs}:/usr/bin:/bin", "SUPERVISOR_TOKEN": "token"}
    subprocess.run(["sh", script], env=environment, check=True)
    first = load(data / "fer-edge.toml")
    subprocess.run(["sh", script], env=environment, check=True)

    config = load(data / "fer-edge.toml")
    assert (config.camera.kind, getattr(config.camera, key)) == (camera, address)
    assert (config.mqtt.host, config.mqtt.username, config.device.room) == ("core-mosquitto", "addons", 'The "Hall"')
    assert Path(config.mqtt.password_file).read_text() == "a secret\n"
    assert config.device.id == first.device.id  # not another device after a restart


def test_the_answers_of_the_ansible_role_become_toml(tmp_path: Path) -> None:
    jinja2 = pytest.importorskip("jinja2")
    environment = jinja2.Environment(trim_blocks=True)
    environment.filters["to_json"] = json.dumps
    template = (DEPLOY / "ansible/roles/fer_edge/templates/answers.toml.j2").read_text("utf-8")
    answers = {
        "device": {"room": 'The "Hall"'},
        "mqtt": {"host": "broker", "port": 8883},
        "privacy": {"counts_only": True},
    }

    written = environment.from_string(template).render(fer_edge_answers=answers)

    assert tomllib.loads(written) == answers


def test_ansible_accepts_the_playbook() -> None:
    ansible = shutil.which("ansible-playbook", path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin")
    if ansible is None:
        pytest.skip("needs the program ansible-playbook")

    checked = subprocess.run(
        [ansible, "--syntax-check", "-i", "localhost,", DEPLOY / "ansible/site.yml"], capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stderr


def test_cloud_init_writes_answers_that_are_a_configuration(tmp_path: Path) -> None:
    text = (DEPLOY / "cloud-init/user-data").read_text("utf-8")
    document = yaml.safe_load(text)

    (tmp_path / "answers.toml").write_text(document["write_files"][0]["content"])

    assert text.startswith("#cloud-config\n")
    assert load(tmp_path / "answers.toml").mqtt.host == "broker.example"
    assert ["fer-edge", "setup", "--answers", document["write_files"][0]["path"]] in document["runcmd"]
