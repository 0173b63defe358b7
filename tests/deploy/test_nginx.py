"""deploy/broker/nginx.conf, run as it is: the page over TLS, with its headers, connected to the broker behind it."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge.commands.demo_broker import free_port
from edge.mqtt.codec import encode
from edge.mqtt.messages import Availability
from tests.deploy.conftest import DEPLOY, Page, Site
from tests.support.waiting import eventually

MAIN = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/fer-edge.conf;
}}
"""


@pytest.fixture
def web(site: Site, tmp_path: Path) -> Iterator[int]:
    """The port of an nginx with the example, in front of the example broker."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("needs the nginx program (apt-get install nginx-light)")
    port, folder = free_port(), tmp_path / "nginx"
    folder.mkdir()
    text = (DEPLOY / "broker" / "nginx.conf").read_text("utf-8")
    for written, here in {
        "    listen [::]:443 ssl http2;\n": "",
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/nginx/fer-edge": str(site.folder),
        "/usr/share/fer-edge/dashboard": str(DEPLOY / "dashboard"),
        "127.0.0.1:8884": f"127.0.0.1:{site.websockets_port}",
    }.items():
        assert written in text
        text = text.replace(written, here)
    (folder / "fer-edge.conf").write_text(text)
    # Started as root, its workers would become another user who cannot read the test's files.
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(user + MAIN.format(folder=folder))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=log)

    def listens() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    eventually(listens, 10)
    yield port
    process.terminate()
    process.wait(10)


def test_the_page_is_served_with_its_security_headers(web: int, site: Site) -> None:
    context = ssl.create_default_context(cafile=site.folder / "ca.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", web, context=context, timeout=10)

    for path, kind in (("/index.html", "text/html"), ("/page.js", "application/javascript"), ("/absent", "text/html")):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.headers["Content-Type"].startswith(kind)
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "1." not in answer.headers["Server"]
    connection.close()


def test_the_page_connects_to_the_broker_behind_it(web: int, site: Site, page: Page) -> None:
    page.call("Security.setIgnoreCertificateErrors", ignore=True)  # our authority is in nobody's browser
    device = site.connect("fer-a")
    device.publish(encode(Availability("fer-a", online=True)))

    page.open(f"https://127.0.0.1:{web}/index.html")
    page.wait("document.querySelector('dialog[open]')")
    page.ask(
        "fields.username.value = 'dashboard'; fields.password.value = 'secret';"
        "document.querySelector('.primary').click()"
    )

    page.wait("registry.devices.get('fer-a')?.online")
