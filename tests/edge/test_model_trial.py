"""The real daemon with installed models: one that works here, and one that passes every check and does not."""

from __future__ import annotations

import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edge.commands.catalog import chosen, list_models
from edge.commands.model_install import install, roll_back
from edge.config import Config, DetectorConfig, ModelConfig
from edge.errors import DownloadError, ModelError
from edge.model import store as stores
from edge.model.store import Store
from edge.model.trial import TRIAL_FILE, read_trial
from edge.vision.classifier import PACKAGED_LIGHT_MODEL, PACKAGED_MODEL, load_release
from edge.vision.detector.builtin import load_detector
from tests.support.daemon import StartDaemon
from tests.support.dashboard import OpenDashboard
from tests.support.mosquitto import StartMosquitto
from tests.support.paths import TINY

pytestmark = pytest.mark.broker

PROGRAM = """\
import sys
from pathlib import Path
import edge.model.store
folder = Path(sys.argv.pop(1))
edge.model.store.folders = lambda: (folder,)
from edge.cli import main
sys.exit(main())
"""
"""The daemon, with a store of the test's own."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's models are installed."""
    path = tmp_path / "var"
    monkeypatch.setattr(stores, "folders", lambda: (path,))
    return path


@pytest.fixture
def store(folder: Path) -> Store:
    return stores.own_store("classifier")


def models(messages: list[Any]) -> list[str]:
    return [message["model"]["id"] for message in messages]


def test_a_model_that_ends_the_daemon_gives_way_to_the_one_before_and_status_says_so(
    mosquitto: StartMosquitto, daemon: StartDaemon, dashboard: OpenDashboard, store: Store, folder: Path
) -> None:
    broker = mosquitto()
    hears = dashboard(broker)
    list(install(str(PACKAGED_LIGHT_MODEL), None))
    list(install(str(TINY / "fragile"), None))
    before = load_release(PACKAGED_LIGHT_MODEL).manifest.id

    running = daemon(broker.port, program=("-c", PROGRAM, str(folder)))
    running.supervise()
    running.wait("did not prove itself; release 0001-", 60)
    hears.wait(lambda: before in models(hears.payloads("/aggregate")))

    crashes = [line for line in running.journal.entries() if line.startswith("systemd: ended with")]
    assert crashes == ["systemd: ended with 1"] * 3
    assert running.said("gather index out of bounds")
    hears.wait(lambda: any("model_rolled_back" in str(status["problems"]) for status in hears.payloads("/status")))


def test_a_model_that_works_for_a_watchdog_period_and_a_window_has_proved_itself(
    mosquitto: StartMosquitto, daemon: StartDaemon, folder: Path, store: Store
) -> None:
    list(install(str(PACKAGED_LIGHT_MODEL), None))
    assert store.current is not None

    environment = {"WATCHDOG_USEC": "1000000"}
    running = daemon(mosquitto().port, program=("-c", PROGRAM, str(folder)), environment=environment)
    running.wait(f"the new classifier {store.current.name} has proved itself")

    known = read_trial(running.folder / TRIAL_FILE, "classifier")
    assert (known["proven"], known["attempts"]) == (True, 0)


def test_a_model_that_cannot_be_opened_here_gives_way_at_once(
    mosquitto: StartMosquitto, daemon: StartDaemon, folder: Path, store: Store
) -> None:
    list(install(str(PACKAGED_LIGHT_MODEL), None))
    assert store.current is not None
    (store.current / "model.tflite").write_bytes(b"damaged on the card")

    running = daemon(mosquitto().port, program=("-c", PROGRAM, str(folder)))
    running.wait("did not prove itself; the one in the package runs instead")

    assert running.process.poll() is None


def test_a_configuration_that_names_its_own_model_takes_no_part(
    mosquitto: StartMosquitto, daemon: StartDaemon, folder: Path, store: Store
) -> None:
    list(install(str(TINY / "fragile"), None))

    running = daemon(
        mosquitto().port, program=("-c", PROGRAM, str(folder)), model={"folder": str(PACKAGED_LIGHT_MODEL)}
    )
    running.wait("READY=1")

    assert not (running.folder / TRIAL_FILE).exists()


@pytest.mark.usefixtures("folder")
def test_what_is_installed_is_listed() -> None:
    list(install(str(PACKAGED_LIGHT_MODEL), None))
    list(install(str(TINY / "grey"), None))

    listed = {(entry.part, entry.kind): entry.sentence for entry in list_models(Config())}

    assert listed["classifier", "current"].startswith("grey, sha256 ")
    assert listed["classifier", "previous"].startswith(f"{load_release(PACKAGED_LIGHT_MODEL).manifest.id}, sha256 ")


@pytest.mark.usefixtures("folder")
def test_the_list_knows_what_a_configuration_chooses() -> None:
    list(install(str(TINY / "grey"), None))
    light = replace(Config(), model=ModelConfig("light"), detector=DetectorConfig("haar"))
    yunet = replace(Config(), detector=DetectorConfig("yunet", model="/nowhere/yunet.onnx"))
    own = replace(Config(), model=ModelConfig("/nowhere"), detector=DetectorConfig(model="/nowhere"))

    assert chosen(Config()) == {"detector": "builtin", "classifier": "current"}
    assert chosen(light) == {"detector": "haar", "classifier": "light"}
    assert chosen(own) == {"detector": "own", "classifier": "own"}
    listed = {(entry.part, entry.kind): entry.sentence for entry in list_models(own)}
    assert listed["classifier", "own"].startswith("cannot run: model /nowhere/model.json")
    named = {(entry.part, entry.kind): entry.sentence for entry in list_models(yunet)}
    assert named["detector", "yunet"].startswith("cannot run: yunet /nowhere/yunet.onnx: cannot be read")
    assert listed["detector", "own"].startswith("cannot run: ")


def test_a_rollback_makes_the_one_before_current(store: Store) -> None:
    list(install(str(TINY / "grey"), None))

    (told, *_) = roll_back("classifier")

    assert told == "classifier: the release in the package is current"
    assert store.current is None


@pytest.mark.parametrize("sudo", ["", "sudo "])
def test_a_rollback_of_the_other_kind_names_the_command_for_what_was_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sudo: str
) -> None:
    list(install(str(TINY / "face"), None))
    if sudo:
        monkeypatch.setattr(stores, "folders", lambda: (folder / "home", folder))

    with pytest.raises(ModelError) as caught:
        list(roll_back("classifier"))

    assert str(caught.value) == (
        "classifier: no model was installed before; there is none to go back to. "
        f"Run: {sudo}fer-edge model rollback detector"
    )


@pytest.mark.usefixtures("folder")
def test_a_rollback_without_any_installed_model_names_no_command() -> None:
    with pytest.raises(ModelError, match=r"there is none to go back to$"):
        list(roll_back("classifier"))


def test_a_damaged_release_is_not_installed(tmp_path: Path, store: Store) -> None:
    release = tmp_path / "release"
    release.mkdir()
    for name in ("model.json", "model.tflite"):
        (release / name).write_bytes((TINY / "grey" / name).read_bytes())
    (release / "model.tflite").write_bytes(b"x" * 5000)

    with pytest.raises(ModelError, match="sha256 of its 5000 bytes"):
        list(install(str(release), None))

    assert (store.current, store.can_roll_back) == (None, False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a web server that has ``tmp_path``."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join(10)


def test_a_release_is_fetched_from_a_server_and_only_if_it_is_of_a_models_size(
    tmp_path: Path, server: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "grey.tar.gz", "w:gz") as archive:
        archive.add(TINY / "grey", "grey")

    list(install(f"{server}/grey.tar.gz", None))

    assert store.current is not None
    assert load_release(store.current).manifest.id == "grey"
    monkeypatch.setattr("edge.commands.model_install.MAX_BYTES", 100)
    with pytest.raises(DownloadError, match="has more than 100 bytes"):
        list(install(f"{server}/grey.tar.gz", None))
    (tmp_path / "damaged.tar").write_bytes(b"x")
    with pytest.raises(ModelError, match=rf"^model {server}/damaged\.tar: is not a whole tar archive"):
        list(install(f"{server}/damaged.tar", None))
    with pytest.raises(DownloadError, match="absent cannot be fetched"):
        list(install(f"{server}/absent", None))


def test_a_detector_is_installed_with_its_refiner_and_rolled_back(folder: Path) -> None:
    list(install(str(TINY / "face"), None))
    (told, *_) = install(str(TINY / "refined"), None)

    assert told.startswith("detector refined with refiner refiner is installed as ")
    store = stores.own_store("detector")
    assert store.current is not None
    assert load_detector(store.current).refiner is not None
    listed = {(entry.part, entry.kind): entry.sentence for entry in list_models(Config())}
    assert listed["detector", "current"].startswith("refined with refiner refiner, sha256 ")
    (store.current / "refiner" / "model.tflite").unlink()
    listed = {(entry.part, entry.kind): entry.sentence for entry in list_models(Config())}
    assert "refiner/model.tflite: cannot be read" in listed["detector", "current"]
    list(roll_back("detector"))
    assert store.current is not None
    assert load_detector(store.current).manifest.id == "face"


def test_signed_and_counted_releases_are_installed_in_their_order_only(tmp_path: Path, store: Store) -> None:
    pytest.importorskip("cryptography", reason="needs fer-edge[sign]")
    pack = pytest.importorskip("quantize.pack", reason="needs the workstation's half")
    for command in ("genpkey -algorithm ed25519 -out key.pem", "pkey -in key.pem -pubout -out public.pem"):
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    config = tmp_path / "fer-edge.toml"
    config.write_text('[inference]\npublic_key = "public.pem"\n')
    first, second, unsigned = tmp_path / "first.tar", tmp_path / "second.tar", tmp_path / "unsigned.tar"
    pack.pack(TINY / "grey", first, counter=1, edgetpu=None, key=tmp_path / "key.pem")
    pack.pack(PACKAGED_MODEL, second, counter=2, edgetpu=None, key=tmp_path / "key.pem")
    pack.pack(PACKAGED_MODEL, unsigned, counter=3, edgetpu=None, key=None)

    list(install(str(first), config))
    list(install(str(second), config))

    with pytest.raises(ModelError, match="its counter is 1, and 2 was installed before"):
        list(install(str(first), config))
    with pytest.raises(ModelError, match="signature"):
        list(install(str(unsigned), config))
    assert store.current is not None
    assert load_release(store.current, tmp_path / "public.pem").manifest.counter == 2
