"""``fer-edge demo``: the whole product on one machine, with nothing simulated.

An embedded broker and the real daemon run as subprocesses, the daemon with its own configuration; ``watch`` is a second
MQTT client. The daemon is ``demo_sensor``, which also serves a page with the picture.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from json import dumps as quoted
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.commands.arguments import CLIP
from edge.commands.demo_broker import mosquitto
from edge.commands.watch import watch
from edge.config import MqttConfig
from edge.errors import BrokerError, ConfigError, FerEdgeError
from edge.streams import native_code_silenced

WEBCAM = Path("/dev/video0")
WINDOW_S = 3.0

_DAEMON = (sys.executable, "-m", "edge.commands.demo_sensor")
ADDRESS_FILE = "page"
"""Where the daemon leaves the address of its page, beside its configuration."""
_STILL = "; faces count once they have moved, as those on photographs hardly do: play a film to see people"
_POLL_S = 0.05
_STOP_TIMEOUT_S = 10.0
_LAST_LINES = 15


def run_demo(
    *, windows: int | None, json: bool, clip: Path | None, browse: bool = False, daemon: Sequence[str] = _DAEMON
) -> int:
    """Show what a subscriber receives, ``windows`` aggregates (None: until Ctrl-C); returns the exit status.

    ``clip`` is played again and again; None is the machine's first camera, or the packaged clip. ``browse`` opens the
    pages in the browser of this desktop, if it is one. ``daemon`` is the command to run; the path of a configuration
    and the broker's port for pages are appended to it.

    Raises:
        ConfigError: the embedded broker is not installed, or the name of ``clip`` cannot be written.
        CameraError: ``clip`` holds no image that can be read.
        FerEdgeError: the daemon ended; the message holds its last lines.
    """
    if find_spec("amqtt") is None and mosquitto() is None:
        raise ConfigError(
            "the demo needs a broker; sudo apt install mosquitto, or install the wheel again with its extra: "
            "pip install 'fer_edge-VERSION-py3-none-any.whl[demo]'"
        )
    camera = _playable(clip) if clip else WEBCAM if WEBCAM.exists() else CLIP
    sys.stderr.write(
        f"camera: {camera}\n"
        "privacy.min_people is 1 here, so that a single face shows emotions. The default is 3, because the mood of a\n"
        "room with one person in it is that person's mood.\n"
    )
    sys.stderr.flush()
    # SIGTERM ends the daemon too, as Ctrl-C does.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="fer-edge-") as folder, _embedded_broker() as (broker, web_port):
            config = Path(folder) / "fer-edge.toml"
            config.write_text(_configuration(camera, broker), "utf-8")
            with _Daemon([*daemon, str(config), str(web_port)], Path(folder) / "daemon.log") as running:
                address = Path(folder) / ADDRESS_FILE
                while not address.exists():
                    running.check()
                    time.sleep(_POLL_S)
                note = _offer(address.read_text("ascii"), browse=browse) + (_STILL if clip and _is_still(clip) else "")
                if not sys.stdout.isatty():
                    count = f"{windows} window{'s' * (windows != 1)}"
                    until = f"; the demo ends after {count}, --windows N shows more" if windows else ""
                    sys.stderr.write(f"{note}{until}\n")
                    sys.stderr.flush()
                return watch(broker, json=json, count=windows, tick=running.check, note=note)
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)


def _playable(clip: Path) -> Path:
    """Its path from the root, once its first image was decoded: the daemon would end with more lines."""
    from edge.camera.luma import shown_name
    from edge.camera.replay import ReplayCamera

    with native_code_silenced():
        ReplayCamera(clip, pace="fast", loop=False).close()
    path = clip.resolve()
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"--clip {shown_name(path)}: is not UTF-8, which a configuration has to be; rename it"
        ) from error
    return path


def _is_still(clip: Path) -> bool:
    """Whether it may be of photographs: an image, or a folder of images."""
    from edge.camera.replay import IMAGE_SUFFIXES

    return clip.is_dir() or clip.suffix.lower() in IMAGE_SUFFIXES - {".gif"}


def _offer(address: str, *, browse: bool) -> str:
    """Open the page of the picture, and with it that of the room; returns what a person may do with the address."""
    if browse and has_display() and webbrowser.open(address):
        return f"pictures in your browser, or at {address}"
    return f"pictures at {address}"


def has_display() -> bool:
    """Whether somebody sits before this machine who could look at a browser."""
    if os.environ.get("CI"):
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _configuration(camera: Path, broker: MqttConfig) -> str:
    # A JSON string is a valid TOML string, if characters beyond 16 bits are not written as two.
    path = quoted(str(camera), ensure_ascii=False)
    source = f'kind = "usb"\ndevice = {path}' if camera == WEBCAM else f'kind = "replay"\npath = {path}\nloop = true'
    return f"""\
[device]
id = "fer-demo"

[camera]
{source}

[privacy]
min_people = 1

[window]
duration_s = {WINDOW_S}

[mqtt]
host = "{broker.host}"
port = {broker.port}
protocol = "{broker.protocol}"
"""


@contextmanager
def _embedded_broker() -> Iterator[tuple[MqttConfig, int]]:
    """How the daemon connects, and the port for pages."""
    command = [sys.executable, "-m", "edge.commands.demo_broker"]
    # In a session of its own it outlives Ctrl-C until the daemon has published its last messages.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        assert process.stdout is not None
        ports = process.stdout.readline().split()
        if not ports:
            raise BrokerError("the embedded broker does not start; python -m edge.commands.demo_broker shows why")
        yield MqttConfig("127.0.0.1", int(ports[0]), protocol="3.1.1"), int(ports[1])


class _Daemon:
    """The daemon as a subprocess, from ``with`` to its end; its output goes to a file."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        self._command = command

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def check(self) -> None:
        """Raise an error if it has ended.

        Raises:
            FerEdgeError: with the exit status and the last lines.
        """
        if (status := self._process.poll()) is not None:
            last = self._log.read_text("utf-8", errors="replace").splitlines()[-_LAST_LINES:]
            raise FerEdgeError("\n".join([f"the daemon ended with status {status}; its last lines:", *last]))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
