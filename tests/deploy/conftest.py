"""A real Chromium, driven through its DevTools protocol, the broker example of deploy/broker, run as it is, and a real
PostgreSQL with the schema of deploy/grafana.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from edge.commands.demo_broker import free_port
from edge.config import MqttConfig
from edge.mqtt.connection import Connection
from tests.support.grafana import Database, Server
from tests.support.mosquitto import Mosquitto, StartMosquitto
from tests.support.waiting import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"

READERS = ("dashboard", "home-assistant", "operator", "archive-1", "telegraf")

SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]


class Page:
    """One tab: speaks to it, and remembers what it asked the network for and what went wrong in it."""

    def __init__(self, debugger: str) -> None:
        self._socket = connect(debugger, max_size=None, ping_interval=None)  # a busy machine is slow to answer
        self._calls = 0
        self.requested: list[str] = []
        self.errors: list[str] = []
        self._downloads = 0
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Send one command and return its result, taking in the events that come before it."""
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while (message := json.loads(self._socket.recv(60))).get("id") != self._calls:
            self._note(message["method"], message["params"])
        assert "error" not in message, (method, message)
        return message["result"]

    def _note(self, event: str, told: Any) -> None:
        if event == "Network.requestWillBeSent":
            self.requested.append(told["request"]["url"])
        elif event == "Network.webSocketCreated":
            self.requested.append(told["url"])
        elif event == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(told["exceptionDetails"]))
        elif event == "Log.entryAdded" and told["entry"]["source"] in ("security", "violation"):
            self.errors.append(told["entry"]["text"])
        elif event == "Page.downloadProgress" and told["state"] == "completed":
            self._downloads += 1

    def open(self, address: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=address)

    def enter(self, address: str) -> None:
        """Go there and wait until the page is connected to its broker."""
        self.open(address)
        self.wait("document.getElementById('connection').innerText === 'connected'")

    @staticmethod
    def text_of(room: str, part: str) -> str:
        """The JavaScript expression of a text in the card or on the page of a room."""
        return f"document.querySelector('[data-room=\"{room}\"] {part}')?.innerText"

    def text(self, room: str, part: str) -> str:
        """A text in the card or on the page of a room."""
        return str(self.ask(self.text_of(room, part)))

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, or of what it promises."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition: str, timeout_s: float = 20) -> None:
        """Wait until a JavaScript expression holds; fail with what the page shows instead."""
        until_s = time.monotonic() + timeout_s
        while not self.ask(f"(() => {{ try {{ return Boolean({condition}) }} catch {{ return false }} }})()"):
            assert time.monotonic() < until_s, (condition, self.ask("document.body?.innerText"), self.errors)
            self.ask("new Promise((resolve) => setTimeout(resolve, 50))")

    def wait_for_download(self, timeout_s: float = 10) -> None:
        """Wait until the tab's first download is complete."""
        until_s = time.monotonic() + timeout_s
        while not self._downloads:
            assert time.monotonic() < until_s, "nothing was downloaded"
            self.ask("new Promise((resolve) => setTimeout(resolve, 20))")

    def press(self, key: str) -> None:
        """A key of the keyboard."""
        codes = {"Tab": 9, "ArrowLeft": 37, "Enter": 13, "Escape": 27}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], **text)

    def look(self, width: int, height: int, *, scheme: str, reduced_motion: bool = False) -> None:
        """As on a screen of this size, in ``light`` or ``dark``."""
        phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        motion = "reduce" if reduced_motion else "no-preference"
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        self.call("Emulation.setEmulatedMedia", features=[{"name": k, "value": v} for k, v in features.items()])

    def picture(self, file: Path) -> None:
        """What the screen shows, as PNG."""
        self.ask("new Promise((resolve) => setTimeout(resolve, 400))")  # transitions of the style sheet
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        """Close the tab."""
        self.call("Page.close")
        self._socket.close()


@contextmanager
def run_chromium(profile: Path, *switches: str) -> Iterator[str]:
    """The address of a running Chromium's DevTools, with a profile of its own in ``profile``."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs Chromium: apt-get install chromium")
        pytest.skip("needs Chromium (apt-get install chromium)")
    with (profile / "log").open("wb") as log:
        command = [program, *SWITCHES, *switches, f"--user-data-dir={profile}"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    port = profile / "DevToolsActivePort"

    def listens() -> bool:
        assert process.poll() is None, (profile / "log").read_text()
        return port.is_file() and "\n" in port.read_text()

    eventually(listens, 30)
    yield f"http://127.0.0.1:{port.read_text().splitlines()[0]}"
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Chromium without a camera."""
    with run_chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    """A new tab; a script error or a breach of the content security policy fails the test."""
    with open_page(chromium) as tab:
        yield tab


@contextmanager
def open_page(chromium: str) -> Iterator[Page]:
    """A new tab, see ``page``."""
    request = urllib.request.Request(f"{chromium}/json/new?about:blank", method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        tab = Page(json.load(answer)["webSocketDebuggerUrl"])
    try:
        yield tab
    finally:
        tab.close()
    assert not tab.errors


Certify = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def certify() -> Certify:
    """``certify(folder, broker, *names)`` runs make-certificates.sh."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program")
    return lambda *arguments: subprocess.run(
        [DEPLOY / "broker" / "make-certificates.sh", *arguments], capture_output=True, text=True, check=False
    )


@dataclass
class Site:
    """A running example broker with its certificates, and connections to it."""

    folder: Path
    mosquitto: Mosquitto
    websockets_port: int
    connections: list[Connection]

    def broker(self, name: str | None) -> MqttConfig:
        """How ``name`` connects; None has no certificate."""
        plain = MqttConfig("127.0.0.1", self.mosquitto.port, tls_ca=str(self.folder / "ca.pem"))
        if name is None:
            return plain
        return replace(plain, tls_cert=str(self.folder / f"{name}.pem"), tls_key=str(self.folder / f"{name}.key"))

    def connect(self, name: str | None) -> Connection:
        """A connection of ``name``."""
        self.connections.append(Connection(self.broker(name), f"client-{name}"))
        return self.connections[-1]


@pytest.fixture
def site(mosquitto: StartMosquitto, certify: Certify, tmp_path: Path) -> Iterator[Site]:
    """The example with certificates for fer-a, fer-b and ``READERS``, and dashboard's password secret."""
    folder, example = tmp_path / "etc", DEPLOY / "broker"
    made = certify(folder, "127.0.0.1", "fer-a", "fer-b", *READERS)
    assert made.returncode == 0, made.stderr
    program = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
    subprocess.run([program, "-b", "-c", folder / "passwords", "dashboard", "secret"], check=True, capture_output=True)
    shutil.copy(example / "access.acl", folder)
    settings = (example / "mosquitto.conf").read_text("utf-8").replace("/etc/mosquitto/fer-edge", str(folder))
    assert settings.count("\nlistener 8883\n") == settings.count("\nlistener 8884\n") == 1
    port = free_port()
    settings = settings.replace("\nlistener 8883\n", "\n").replace("listener 8884", f"listener {port} 127.0.0.1")
    site = Site(folder, mosquitto(*settings.splitlines()), port, [])
    yield site
    for connection in site.connections:
        connection.close(1.0)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    found = shutil.which("initdb") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None)
    if found is None:
        pytest.skip("needs the PostgreSQL server (apt-get install postgresql)")
    # The server refuses to run as root, and nobody else may look into root's folders.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as name:
        if user:
            shutil.chown(name, user)
        running = Server(Path(found).resolve().parent, Path(name), user)
        yield running
        running.stop()


@pytest.fixture
def database(postgres: Server) -> Database:
    return Database(postgres)
