"""What is sent to systemd."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.host.sdnotify import SystemdNotifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The service manager's end of the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        yield listener


def test_ready_alive_status_and_stopping_are_sent_to_systemd(manager: socket.socket) -> None:
    notifier = SystemdNotifier(manager.getsockname())

    notifier.ready()
    notifier.alive()
    notifier.status("running: 10 frames/s")
    notifier.stopping()

    heard = [manager.recv(200) for _ in range(4)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"STATUS=running: 10 frames/s", b"STOPPING=1"]


def test_the_environment_names_the_socket(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())

    SystemdNotifier().ready()

    assert manager.recv(200) == b"READY=1"


def test_an_abstract_socket_address_works() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")  # Linux picks a free abstract name
        listener.settimeout(5)
        name = listener.getsockname().decode()

        SystemdNotifier("@" + name[1:]).ready()

        assert listener.recv(200) == b"READY=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    SystemdNotifier().ready()


def test_a_service_manager_that_is_gone_is_a_warning_and_not_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    SystemdNotifier(str(tmp_path / "absent")).ready()

    assert "systemd cannot be notified of READY=1" in caplog.text
