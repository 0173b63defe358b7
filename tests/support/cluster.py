"""Nodes of a real distributed broker on loopback, with the configuration of deploy/fleet."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from edge.commands.demo_broker import free_port
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE, eventually

FLEET = ROOT / "deploy" / "fleet"
UNPACKED = ROOT / "build" / "brokers"
"""Where requirements/brokers.sh puts the programs."""


class Node:
    """One node; ``port`` is where it speaks MQTT without TLS."""

    def __init__(self, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str], port: int) -> None:
        self._command, self.environment, self.port = command, environment, port
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None, "this node is not running"
        return self._process

    def start(self) -> None:
        """Start, or start again; ``wait`` tells when it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | self.environment,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it listens."""
        eventually(self._listens, 90)

    def _listens(self) -> bool:
        assert self.process.poll() is None, self._log.read_text(errors="replace")[-3000:]
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def kill(self) -> None:
        """SIGKILL, to the processes that it started too."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None


class Cluster(Protocol):
    """Three nodes, and what to start beside them."""

    nodes: tuple[Node, ...]
    protocol: str

    def start(self) -> None:
        """Start all nodes and wait until they listen."""

    def wait_until_whole(self) -> None:
        """Wait until any one node may be lost."""

    def close(self) -> None:
        """Kill everything."""


class RabbitCluster:
    """RabbitMQ with deploy/fleet/rabbitmq/rabbitmq.conf. ``etc`` has the certificates and definitions.json; without it
    there is no TLS, and one user for all.
    """

    protocol = "5"

    def __init__(self, programs: Path, folder: Path, etc: Path | None = None) -> None:
        self._programs = programs
        mapper = free_port()
        erlang = programs / "usr" / "lib" / "erlang" / "bin"
        self._mapper_command = [str(erlang / "epmd"), "-port", str(mapper), "-address", "127.0.0.1"]
        self._mapper: subprocess.Popen[bytes] | None = None
        names = [f"n{number}@localhost" for number in (1, 2, 3)]
        self.nodes = tuple(self._node(folder / name, name, names, mapper, str(erlang), etc) for name in names)

    def _node(self, folder: Path, name: str, names: list[str], mapper: int, erlang: str, etc: Path | None) -> Node:
        folder.mkdir(parents=True)
        port = free_port()
        text = (FLEET / "rabbitmq" / "rabbitmq.conf").read_text("utf-8")
        for number, each in enumerate(names, 1):
            text = text.replace(f"rabbit@broker-{number}", each)
        if etc is None:
            plain = (
                f"mqtt.listeners.tcp.1 = 127.0.0.1:{port}\nanonymous_login_user = guest\nanonymous_login_pass = guest"
            )
            text, listeners = re.subn(r"# Nobody without.*?\n\n", f"{plain}\n\n", text, flags=re.DOTALL)
            text, definitions = re.subn(r"^load_definitions.*$", "", text, flags=re.MULTILINE)
            assert (listeners, definitions) == (1, 1)
        text = text.replace("/etc/rabbitmq/fer-edge", str(etc)).replace("= 8883", f"= 127.0.0.1:{port}")
        text = text.replace("127.0.0.1:5672", f"127.0.0.1:{free_port()}")
        (folder / "rabbitmq.conf").write_text(text)
        (folder / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
        cookie = folder / ".erlang.cookie"
        cookie.write_text("OFTHISTEST")
        cookie.chmod(0o400)
        loopback = "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1"
        environment = {
            "HOME": str(folder),
            "PATH": f"{erlang}:{os.environ['PATH']}",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node, and does not wait for it
            "ERL_EPMD_PORT": str(mapper),
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback,
        }
        program = self._programs / "usr" / "lib" / "rabbitmq" / "bin" / "rabbitmq-server"
        return Node([program], folder, environment, port)

    def start(self) -> None:
        """Start all nodes and wait until they listen."""
        self._mapper = subprocess.Popen(self._mapper_command, stdin=subprocess.DEVNULL)
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait()

    def wait_until_whole(self) -> None:
        """Wait until any one node may be lost."""
        for node in self.nodes:
            eventually(lambda node=node: not self._is_critical(node), 90)  # type: ignore[misc]

    def _is_critical(self, node: Node) -> bool:
        program = self._programs / "usr" / "lib" / "rabbitmq" / "bin" / "rabbitmq-queues"
        asked = [str(program), "check_if_node_is_quorum_critical"]
        environment = os.environ | node.environment
        done = subprocess.run(asked, env=environment, capture_output=True, check=False, timeout=60 * PATIENCE)
        return done.returncode != 0

    def close(self) -> None:
        """Kill everything."""
        for node in self.nodes:
            node.kill()
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait(10)


class NatsCluster:
    """NATS with deploy/fleet/nats/nats.conf. ``etc`` holds the certificates and users.conf; without it there is no TLS,
    and no user.
    """

    protocol = "3.1.1"

    def __init__(self, programs: Path, folder: Path, etc: Path | None = None) -> None:
        names = [f"broker-{number}" for number in (1, 2, 3)]
        routes = {name: f"127.0.0.1:{free_port()}" for name in names}
        self._monitors: list[str] = []
        self._program = programs / "usr" / "sbin" / "nats-server"
        self.nodes = tuple(self._node(folder / name, name, routes, etc) for name in names)

    def _node(self, folder: Path, name: str, routes: Mapping[str, str], etc: Path | None) -> Node:
        folder.mkdir(parents=True)
        text = (FLEET / "nats" / "nats.conf").read_text("utf-8")
        port = free_port()
        changes = {
            "server_name: broker-1": f"server_name: {name}",
            "127.0.0.1:4222": f"127.0.0.1:{free_port()}",
            "127.0.0.1:8222": f"127.0.0.1:{(monitor := free_port())}",
            "0.0.0.0:6222": routes[name],
            "0.0.0.0:8883": f"127.0.0.1:{port}",
            "/var/lib/nats/jetstream": str(folder / "jetstream"),
            **{f"nats://{each}:6222": f"nats://{route}" for each, route in routes.items()},
        }
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new)
        if etc is None:
            text, listeners = re.subn(r"  # Nobody without.*?  }\n", "", text, flags=re.DOTALL)
            text, users = re.subn(r"^include.*$", "", text, flags=re.MULTILINE)
            assert (listeners, users) == (1, 1)
        else:
            shutil.copy(etc / "users.conf", folder)
        (folder / "nats.conf").write_text(text.replace("/etc/nats/fer-edge", str(etc)))
        self._monitors.append(f"http://127.0.0.1:{monitor}/healthz")
        return Node([self._program, "-c", folder / "nats.conf"], folder, {}, port)

    def start(self) -> None:
        """Start all nodes and wait until they listen."""
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait()
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Wait until any one node may be lost."""
        for address in self._monitors:
            eventually(lambda address=address: self._is_healthy(address), 90)  # type: ignore[misc]

    @staticmethod
    def _is_healthy(address: str) -> bool:
        with suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def close(self) -> None:
        """Kill everything."""
        for node in self.nodes:
            node.kill()


def find_programs(program: str) -> Path | None:
    """The root folder that holds this program with its libraries; None where there is none."""
    return UNPACKED if shutil.which(program, path=str(UNPACKED / "usr" / "sbin")) else None
