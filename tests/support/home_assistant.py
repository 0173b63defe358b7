"""A real Home Assistant, as ``requirements/home-assistant.sh`` unpacks it into build/home-assistant."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from websockets.sync.client import ClientConnection, connect

from edge.commands.demo_broker import free_port
from tests.support.paths import ROOT
from tests.support.waiting import eventually

FOLDER = ROOT / "build/home-assistant"
IS_HERE = (FOLDER / "made").is_file() and os.geteuid() == 0

# Its own mounts, so that nothing of them is left behind.
_START = """
mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmp "$0/tmp" &&
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TZ=Etc/UTC \
    chroot "$0" /home-assistant/bin/hass -c /configuration --skip-pip
"""
_CONFIGURATION = """
http:
  server_host: 127.0.0.1
  server_port: {port}
frontend:
config:
history:
system_log:
automation: !include automations.yaml
lovelace:
  dashboards:
    mood-room:
      mode: yaml
      title: Mood of the room
      icon: mdi:emoticon-outline
      filename: dashboard.yaml
"""


class HomeAssistant:
    """One installation, set up by its first user, with the dashboard and blueprints of deploy/home-assistant."""

    def __init__(self, automations: Sequence[Mapping[str, Any]]) -> None:
        """Nothing of an earlier installation remains. ``automations`` are those of its configuration."""
        self.url = f"http://127.0.0.1:{free_port()}"
        self.token = ""
        self._folder, deploy = FOLDER / "configuration", ROOT / "deploy/home-assistant"
        shutil.rmtree(self._folder, ignore_errors=True)
        (self._folder / "blueprints/automation").mkdir(parents=True)
        shutil.copytree(deploy / "blueprints", self._folder / "blueprints/automation/fer-edge")
        # The test has minutes to show, not a day.
        dashboard = (deploy / "dashboard.yaml").read_text("utf-8").replace("hours_to_show: 24", "hours_to_show: 0.05")
        (self._folder / "dashboard.yaml").write_text(dashboard, "utf-8")
        (self._folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=self.url.rpartition(":")[2]))
        (self._folder / "automations.yaml").write_text(json.dumps(automations))  # JSON is YAML
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: ClientConnection | None = None
        self._calls = 0

    def start(self) -> None:
        """Start, and wait until it answers; the first time, also go through the questions of a new installation."""
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--propagation=private", "sh", "-c", _START, str(FOLDER)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        eventually(self._answers, 120)
        if not self.token:
            self._set_up()
        self._socket = connect(f"{self.url.replace('http', 'ws')}/api/websocket", max_size=None, ping_interval=None)
        self._socket.recv()
        self._socket.send(json.dumps({"type": "auth", "access_token": self.token}))
        assert json.loads(self._socket.recv())["type"] == "auth_ok"
        self.command("http/config/promote")  # else it asks whether it may keep its port

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "output").read_text()
        try:
            return bool(self.get("/api/onboarding"))
        except OSError:
            return False

    def _set_up(self) -> None:
        client = f"{self.url}/"
        owner = {"name": "Owner", "username": "owner", "password": "a test's password", "language": "en"}
        code = self.post("/api/onboarding/users", owner | {"client_id": client})["auth_code"]
        form = f"grant_type=authorization_code&code={code}&client_id={client}".encode()
        with urllib.request.urlopen(f"{self.url}/auth/token", form, timeout=30) as answer:
            self.token = json.load(answer)["access_token"]
        self.post("/api/onboarding/core_config", {})
        self.post("/api/onboarding/analytics", {})
        self.post("/api/onboarding/integration", {"client_id": client, "redirect_uri": client})

    def add_broker(self, port: int) -> None:
        """Set up the integration MQTT as a person does in the browser."""
        flow = self.post("/api/config/config_entries/flow", {"handler": "mqtt"})
        answers = {
            "broker": "127.0.0.1",
            "port": port,
            "other_settings": {"set_client_cert": False, "set_ca_cert": "off"},
        }
        made = self.post(f"/api/config/config_entries/flow/{flow['flow_id']}", answers)
        assert made["type"] == "create_entry", made

    def get(self, path: str) -> Any:
        """What its REST API answers."""
        return self._ask(urllib.request.Request(f"{self.url}{path}"))

    def post(self, path: str, body: object) -> Any:
        """The same, to ``body`` as JSON."""
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), headers))

    def _ask(self, request: urllib.request.Request) -> Any:
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def command(self, kind: str, **arguments: Any) -> Any:
        """The result of a command of its WebSocket API."""
        assert self._socket is not None
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "type": kind, **arguments}))
        while (message := json.loads(self._socket.recv(60))).get("id") != self._calls:
            pass
        assert message["success"], message
        return message["result"]

    def state(self, entity: str) -> str | None:
        """What an entity shows; None if there is no such entity."""
        states = {each["entity_id"]: str(each["state"]) for each in self.get("/api/states")}
        return states.get(entity)

    def entities(self) -> set[str]:
        """The entities of MQTT devices."""
        registry = self.command("config/entity_registry/list")
        return {entity["entity_id"] for entity in registry if entity["platform"] == "mqtt"}

    def complaints(self) -> list[str]:
        """Warnings and errors that it has logged about MQTT, automations and dashboards."""
        told = self.command("system_log/list")
        return [
            str(entry["message"])
            for entry in told
            if any(part in entry["name"] for part in ("mqtt", "automation", "lovelace", "blueprint", "template"))
        ]

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(10)
