"""Fetching a pinned model from a web server of our own."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge.cli import main
from edge.config import DetectorConfig, InferenceConfig
from edge.errors import ConfigError, DownloadError, ModelError
from edge.model.download import DOWNLOADS, YUNET, Download
from edge.parts import open_detector

CONTENT = b"weights" * 1000


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder, and keeps what it was asked for."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    """A web server with ``/net.onnx``."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "net.onnx").write_bytes(CONTENT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path / "www")))
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def net(home: ThreadingHTTPServer) -> Download:
    """The file that the server has."""
    return Download(
        name="net",
        file="net.onnx",
        url=f"http://127.0.0.1:{home.server_port}/net.onnx",
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="MIT",
    )


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ordinary user with an empty home, on a machine whose service has fetched nothing."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("edge.model.download.SYSTEM_FOLDER", tmp_path / "system")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "data" / "fer-edge"


def test_a_fetched_file_is_complete_and_readable_and_leaves_no_other_file(net: Download, tmp_path: Path) -> None:
    path = net.fetch(tmp_path / "new" / "folder")

    assert path == tmp_path / "new" / "folder" / "net.onnx"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_there_is_not_fetched_again(net: Download, home: ThreadingHTTPServer, tmp_path: Path) -> None:
    first = net.fetch(tmp_path)

    assert net.fetch(tmp_path) == first
    assert home.asked == ["/net.onnx"]  # type: ignore[attr-defined]


def test_another_file_in_its_place_is_left_alone(net: Download, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"mine")

    with pytest.raises(ModelError, match=r"net: .*net\.onnx is not the pinned file.*move it away"):
        net.fetch(tmp_path)

    assert (tmp_path / "net.onnx").read_bytes() == b"mine"


def test_a_folder_in_its_place_is_named(net: Download, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").mkdir()

    with pytest.raises(ConfigError, match=r"net: .*net\.onnx cannot be read \(Is not a file\); move it away"):
        net.fetch(tmp_path)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"!", b"", b"<html>Sign in</html>"])
@pytest.mark.row(35, "another file from the server")
def test_a_file_with_another_checksum_is_not_kept(net: Download, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "www" / "net.onnx").write_bytes(content)

    with pytest.raises(ModelError, match=r"net: http.* is not the pinned file of 7000 bytes .* nothing was kept"):
        net.fetch(tmp_path / "to")

    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/net.onnx", "Connection refused"),
        ("http://nowhere.invalid/net.onnx", ""),
        ("nonsense", "unknown url type"),
    ],
)
def test_an_unreachable_home_is_named_with_what_to_do(net: Download, tmp_path: Path, url: str, reason: str) -> None:
    with pytest.raises(
        DownloadError, match=rf"net: {url} cannot be fetched \(.*{reason}.*\); connect this machine, set"
    ):
        net.fetch(tmp_path, url)


def test_a_page_that_is_not_there_is_named(net: Download, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"absent cannot be fetched \(File not found\)"):
        net.fetch(tmp_path, net.url.replace("net.onnx", "absent"))


def test_a_place_that_cannot_be_written_is_named(net: Download, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(
        ConfigError, match=r"net: .*/file/folder cannot be written \(.*\); name another folder with --to"
    ):
        net.fetch(tmp_path / "file" / "folder")


@pytest.mark.row(35, "a link under the name of the unfinished file")
def test_a_link_under_the_name_of_the_unfinished_file_is_not_followed(net: Download, tmp_path: Path) -> None:
    """A service that may write its own folder must not make root write elsewhere."""
    folder, secret = tmp_path / "to", tmp_path / "secret"
    secret.write_bytes(b"root's own")
    secret.chmod(0o600)
    folder.mkdir()
    (folder / ".net.onnx.part").symlink_to(secret)

    net.fetch(folder)

    assert secret.read_bytes() == b"root's own"
    assert secret.stat().st_mode & 0o777 == 0o600


@pytest.mark.row(35, "a link in place of the file")
def test_a_link_in_place_of_the_file_is_replaced_and_not_followed(net: Download, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").symlink_to(tmp_path / "elsewhere")

    path = net.fetch(tmp_path)

    assert not path.is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_a_failed_write_leaves_nothing(net: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fchmod", full)

    with pytest.raises(ConfigError, match="No space left"):
        net.fetch(tmp_path / "to")

    assert list((tmp_path / "to").iterdir()) == []


def test_a_pipe_in_its_place_is_named_and_not_read(net: Download, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.onnx")

    with pytest.raises(ConfigError, match=r"net\.onnx cannot be read \(Is not a file\); move it away"):
        net.fetch(tmp_path)


@pytest.fixture
def dripping() -> Iterator[int]:
    """The port of a server that sends a byte of its answer every now and then, without end."""
    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = listener.accept()
        with line, suppress(OSError):
            line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not ended.wait(0.02):
                line.sendall(b"x")

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    ended.set()
    thread.join()
    listener.close()


def test_a_server_that_drips_is_given_up(
    net: Download, dripping: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.model.download._LIMIT_S", 0.5)

    with pytest.raises(DownloadError, match=r"cannot be fetched \(not complete after 0.5 s\)"):
        net.fetch(tmp_path / "to", f"http://127.0.0.1:{dripping}/net.onnx")

    assert not (tmp_path / "to").exists()


def test_a_proxy_of_the_environment_is_asked(
    net: Download, home: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{home.server_port}")
    monkeypatch.setenv("no_proxy", "")
    far = "http://models.example/net.onnx"

    with pytest.raises(DownloadError):  # ours serves files and is no proxy
        net.fetch(tmp_path, far)

    assert home.asked == [far]  # type: ignore[attr-defined]


def test_the_users_own_file_is_found_before_the_systems(net: Download, own_home: Path, tmp_path: Path) -> None:
    system = net.fetch(tmp_path / "system")
    assert net.find() == system

    own = net.fetch(own_home)

    assert net.find() == own


def test_a_fetched_file_that_was_changed_is_refused(net: Download, own_home: Path) -> None:
    net.fetch(own_home).write_bytes(CONTENT + b"?")

    with pytest.raises(ModelError, match=r"is not the pinned file"):
        net.find()


def test_yunet_that_was_not_fetched_names_the_command() -> None:
    with pytest.raises(
        ModelError, match=r"yunet: face_detection_yunet_2023mar\.onnx is not in .* or .*; run fer-edge "
    ):
        open_detector(DetectorConfig(kind="yunet"), InferenceConfig())


def test_the_command_fetches_into_the_users_folder_and_the_list_shows_it(
    net: Download, own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(DOWNLOADS, "yunet", replace(net, name="yunet"))

    assert main(["model"]) == 0
    assert main(["model", "fetch", "yunet"]) == 0
    assert main(["model"]) == 0

    before, fetched, after = capsys.readouterr().out.partition(
        f"{own_home}/net.onnx: yunet, sha256 {net.sha256}, licence MIT"
    )
    assert fetched
    assert "* classifier builtin " in before
    assert "  detector   haar    haar-alt2, part of OpenCV" in before
    assert "  detector   yunet   cannot run: yunet: net.onnx is not in" in before
    assert f"detector   yunet   sha256 {net.sha256}, {own_home}/net.onnx" in after


def test_a_failed_fetch_ends_with_one_sentence_and_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["model", "fetch", "yunet", "--to", str(tmp_path), "--url", "http://127.0.0.1:1/x"])

    assert status == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fer-edge: yunet: http://127.0.0.1:1/x cannot be fetched (")


def test_the_pinned_yunet_is_the_one_that_was_measured(shared: Path, own_home: Path) -> None:
    path = YUNET.fetch(own_home, (shared / "models" / YUNET.file).as_uri())

    detector, problems = open_detector(DetectorConfig(kind="yunet"), InferenceConfig())
    assert (detector.name, problems) == ("yunet", ())
    assert path.stat().st_size == YUNET.size_bytes
