"""The daemon of the demo, run as ``python -m edge.commands.demo_sensor CONFIG WEB_PORT``.

It is the real daemon with a guest: the page of ``fer-edge preview``. Beside the configuration it leaves the address of
that page. ``WEB_PORT`` is where the broker speaks MQTT over WebSockets, for the dashboard page.
"""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from urllib.parse import quote

from edge.commands.demo import ADDRESS_FILE
from edge.commands.preview.server import PreviewServer
from edge.commands.preview.view import View
from edge.config_file import load
from edge.errors import FerEdgeError
from edge.host.sdnotify import SystemdNotifier
from edge.service import Service
from edge.streams import native_code_silenced

DASHBOARD = Path(__file__).parents[2] / "deploy" / "dashboard"
"""In a checkout; an installed package has no dashboard page."""


def serve(path: Path, web_port: int) -> None:
    """Sense and publish until SIGTERM or Ctrl-C."""
    config = load(path)
    dashboard = DASHBOARD if DASHBOARD.is_dir() else None
    broker = quote(f"ws://127.0.0.1:{web_port}", safe=":/")
    room = f"dashboard/index.html?broker={broker}#{config.device.id}/{config.camera.source}"
    view = View(config, room if dashboard else "")
    server = PreviewServer(view, "127.0.0.1", 0, dashboard=dashboard)
    server.start()
    address = path.with_name(ADDRESS_FILE)
    address.with_suffix(".new").write_text(server.url, "ascii")
    address.with_suffix(".new").replace(address)
    with native_code_silenced():
        service = Service(config, SystemdNotifier(), view)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: service.stop())
        service.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        serve(Path(sys.argv[1]), int(sys.argv[2]))
    except FerEdgeError as error:
        sys.exit(f"fer-edge: {error}")
