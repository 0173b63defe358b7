"""The page and its broker: from where it comes, how it connects, and what it does when the broker is away."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from edge.labels import EMOTIONS
from tests.support.daemon import StartDaemon

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.deploy.conftest import Page, Site
    from tests.deploy.dashboard.conftest import Fleet, MakeDevice, WebBroker

DASHBOARD = Path(__file__).parents[3] / "deploy" / "dashboard"


def test_the_vendored_library_is_the_recorded_and_locked_one() -> None:
    recorded, name = (DASHBOARD / "vendor" / "SHA256SUMS").read_text().split()
    lock = json.loads((DASHBOARD / "package-lock.json").read_text())
    wanted = json.loads((DASHBOARD / "package.json").read_text())["dependencies"]["mqtt"]

    library = (DASHBOARD / "vendor" / name).read_bytes()

    assert hashlib.sha256(library).hexdigest() == recorded
    assert wanted == lock["packages"]["node_modules/mqtt"]["version"]
    assert f'"{wanted}"'.encode() in library
    assert all("integrity" in package and "resolved" not in package for at, package in lock["packages"].items() if at)


def test_the_page_asks_nobody_but_the_broker(broker: WebBroker, page: Page) -> None:
    page.enter(broker.page)

    hosts = {address.split("/")[2] for address in page.requested if not address.startswith("data:")}
    assert hosts == {f"127.0.0.1:{broker.web_port}"}
    policy = page.ask("document.querySelector('meta[http-equiv]').content")
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")


def test_the_real_daemon_is_shown_and_an_outage_told_and_survived(
    broker: WebBroker, page: Page, daemon: StartDaemon
) -> None:
    running = daemon(broker.port, device={"id": "fer-clip", "room": "Foyer"}, privacy={"min_people": 1})

    page.open(broker.page)
    page.wait("document.querySelectorAll('.bars:not([hidden])').length === 1")
    page.wait(f"{page.text_of('fer-clip/cam0', '.state')}.includes('running')")
    assert page.text("fer-clip/cam0", "h2") == "Foyer"
    assert sorted(page.text("fer-clip/cam0", ".bars").split()[::3]) == sorted(EMOTIONS)

    page.wait("registry.devices.get('fer-clip').lastSeq > 0")
    before = page.ask("registry.devices.get('fer-clip').lastSeq")
    broker.mosquitto.kill()
    page.wait("document.getElementById('connection').innerText.startsWith('disconnected')")
    broker.mosquitto.start()
    page.wait("document.getElementById('connection').innerText.startsWith('connected')")
    page.wait(f"registry.devices.get('fer-clip').lastSeq > {before + 2}")

    assert page.ask("registry.devices.get('fer-clip').missing") == 0
    running.stop()
    page.wait(f"{page.text_of('fer-clip/cam0', '.state')}.includes('offline')")


def test_opened_as_a_file_the_page_takes_the_broker_from_its_address(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice
) -> None:
    fleet.publish(*fake_device("fer-file", "Library").retained())

    page.open(f"{(DASHBOARD / 'index.html').as_uri()}?broker=ws://127.0.0.1:{broker.web_port}")

    page.wait(f"{page.text_of('fer-file/cam0', 'h2')} === 'Library'")


def test_a_broker_that_refuses_is_asked_again_with_a_password(
    web_broker: Callable[..., WebBroker], page: Page, tmp_path: Path
) -> None:
    secrets = tmp_path / "passwords"
    secrets.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", secrets, "wall", "open sesame"], check=True, capture_output=True)
    broker = web_broker("allow_anonymous false", f"password_file {secrets}")

    page.open(broker.page)
    page.wait("document.querySelector('dialog[open] #refusal')?.innerText.includes('refused this user name')")
    page.ask(
        "fields.username.value = 'wall'; fields.password.value = 'open sesame';"
        "document.querySelector('.primary').click()"
    )

    page.wait("document.getElementById('connection').innerText.startsWith('connected')")
    assert page.ask("settings.open") is False


def test_the_page_hears_a_device_through_the_example_broker_set_up_as_its_readme_says(
    site: Site, page: Page, daemon: StartDaemon
) -> None:
    readme = (DASHBOARD.parent / "broker" / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    for written, here in (
        ("fer-1a2b3c4d", "fer-a"),
        ("broker.example", "127.0.0.1"),
        ("8883", str(site.mosquitto.port)),
    ):
        assert written in example
        example = example.replace(written, here)
    sections = tomllib.loads(example)
    for key in ("tls_ca", "tls_cert", "tls_key"):
        sections["mqtt"][key] = str(site.folder / sections["mqtt"][key])
    address = f"wss://127.0.0.1:{site.websockets_port}"
    page.call("Security.setIgnoreCertificateErrors", ignore=True)  # our authority is in nobody's browser

    daemon(site.mosquitto.port, privacy={"min_people": 1}, **sections)
    page.open(f"{(DASHBOARD / 'index.html').as_uri()}?broker={address}")
    page.wait("document.querySelector('dialog[open]')")
    page.ask(
        "fields.username.value = 'dashboard'; fields.password.value = 'secret';"
        "document.querySelector('.primary').click()"
    )

    page.wait(f"{page.text_of('fer-a/cam0', '.mostly')} === 'mostly happy'")
    assert page.ask("document.getElementById('address').innerText") == f"to {address}"
