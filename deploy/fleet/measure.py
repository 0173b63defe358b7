"""Measures what one mosquitto carries on this machine: a simulated fleet, a subscriber that checks every window, and
a table in Markdown.

``make fleet`` runs it. The fleet and the subscriber, both in Python, share the machine's cores with the broker.
"""

from __future__ import annotations

import argparse
import getpass
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Self

import psutil
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge.commands.demo_broker import free_port, mosquitto
from edge.mqtt.codec import decode
from edge.mqtt.messages import Aggregate, Availability

_SETTINGS = """\
user {user}
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
max_queued_messages 12000
set_tcp_nodelay {nodelay}
"""


class Mosquitto:
    """The broker on a free loopback port, with the queue limit of deploy/broker; runs inside ``with``."""

    def __init__(self, folder: str, *, nodelay: bool = True) -> None:
        program = mosquitto()
        if program is None:
            sys.exit("measure.py needs the mosquitto program (apt install mosquitto)")
        self.port = free_port()
        settings = Path(folder, "mosquitto.conf")
        values = {"user": getpass.getuser(), "port": self.port, "folder": folder, "nodelay": str(nodelay).lower()}
        settings.write_text(_SETTINGS.format(**values))
        self._command = [program, "-c", str(settings)]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and wait until it listens."""
        self.process = psutil.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.01)

    def stop(self) -> None:
        """Stop it cleanly, so that it saves its sessions."""
        self.process.terminate()
        self.process.wait()


@dataclass
class Subscriber:
    """Receives everything that the fleet sends, and counts windows by device and number."""

    port: int
    messages: int = 0
    duplicates: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    online_at_s: dict[str, float] = field(default_factory=dict)
    _numbers: dict[str, set[int]] = field(default_factory=dict)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Subscribed inside ``with``, through restarts of the broker."""
        client = Client(CallbackAPIVersion.VERSION2, "measure", clean_session=False)
        client.reconnect_delay_set(0.1, 0.1)  # type: ignore[arg-type]  # fractions work
        client.on_message = self._take
        client.on_connect = lambda client, *_: client.subscribe("fer/v1/#", 1)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        yield
        client.disconnect()
        client.loop_stop()

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.messages += 1
        if not message.payload:  # a retained message is being cleared
            return
        match decode(message.topic, bytes(message.payload)):
            case Availability(device, online=True) if not message.retain:
                self.online_at_s.setdefault(device, time.monotonic())
            case Aggregate() as window:
                known = self._numbers.setdefault(window.device, set())
                self.duplicates += window.seq in known
                known.add(window.seq)
                if not window.historical and window.window.end is not None:
                    self.latencies_ms.append(1000 * (time.time() - window.window.end.timestamp()))

    def wait_for(self, devices: int) -> None:
        """Wait until this many devices have come online since ``online_at_s`` was cleared."""
        until_s = time.monotonic() + 120
        while len(self.online_at_s) < devices:
            if time.monotonic() > until_s:
                sys.exit(f"only {len(self.online_at_s)} of {devices} devices came within 120 s")
            time.sleep(0.1)

    @property
    def windows(self) -> int:
        """Different windows received."""
        return sum(map(len, self._numbers.values()))

    def lost(self, report: dict[str, int]) -> int:
        """Windows that the broker acknowledged and that did not arrive within ten seconds."""
        until_s = time.monotonic() + 10
        while (lost := report["windows"] - report["undelivered"] - self.windows) and time.monotonic() < until_s:
            time.sleep(0.1)
        return lost


@contextmanager
def fleet(port: int, devices: int, *, live: bool = True) -> Iterator[psutil.Popen]:
    """``fer-edge simulate``: of each device a window a second and, if ``live``, two live readings."""
    command = [sys.executable, "-m", "edge", "simulate", "--host", "127.0.0.1", "--port", str(port), "--json"]
    with psutil.Popen(
        [*command, "--devices", str(devices), "--window", "1", *([] if live else ["--no-live"])],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process


def end(process: psutil.Popen) -> dict[str, int]:
    """Stop a fleet; returns its own report."""
    process.terminate()
    report: dict[str, int] = json.loads(process.communicate()[0].splitlines()[-1])
    return report


def cpu_s(*processes: psutil.Process) -> float:
    """Processor time of these processes and their children."""
    family = [each for process in processes for each in (process, *process.children(recursive=True))]
    return sum(sum(each.cpu_times()[:2]) for each in family)


def measure(devices: int, seconds: float, *, live: bool, nodelay: bool) -> str:
    """One line of the first table."""
    with tempfile.TemporaryDirectory() as folder, Mosquitto(folder, nodelay=nodelay) as broker:
        subscriber = Subscriber(broker.port)
        with subscriber.listening(), fleet(broker.port, devices, live=live) as simulation:
            subscriber.wait_for(devices)
            time.sleep(3)  # connecting is measured elsewhere
            subscriber.latencies_ms.clear()
            before, start_s = (subscriber.messages, cpu_s(broker.process), cpu_s(simulation)), time.monotonic()
            time.sleep(seconds)
            took_s, rss_mb = time.monotonic() - start_s, broker.process.memory_info().rss / 1e6
            after = (subscriber.messages, cpu_s(broker.process), cpu_s(simulation))
            late_ms = quantiles(subscriber.latencies_ms, n=100)
            report = end(simulation)
            lost = subscriber.lost(report)
    rate, broker_cpu, fleet_cpu = ((now - then) / took_s for now, then in zip(after, before, strict=True))
    kept = "yes" if report["kept_pace"] else f"no, {report['behind_s']} s late"
    return (
        f"{devices} | {'yes' if live else 'no'} | {rate:.0f} | {subscriber.windows} | {lost} | {subscriber.duplicates} "
        f"| {late_ms[49]:.0f}, {late_ms[94]:.0f}, {late_ms[98]:.0f} | {broker_cpu:.0%} | {rss_mb:.0f} "
        f"| {fleet_cpu:.0%} | {kept}"
    )


def storm(devices: int, outage_s: float) -> str:
    """One line of the second table: the broker goes away and comes back."""
    with tempfile.TemporaryDirectory() as folder, Mosquitto(folder) as broker:
        subscriber = Subscriber(broker.port)
        with subscriber.listening(), fleet(broker.port, devices) as simulation:
            subscriber.wait_for(devices)
            time.sleep(5)
            broker.stop()
            subscriber.online_at_s.clear()
            time.sleep(outage_s)
            broker.start()
            start_s = time.monotonic()
            subscriber.wait_for(devices)
            time.sleep(outage_s + 5)  # replay
            report = end(simulation)
            lost = subscriber.lost(report)
    back_s = [at_s - start_s for at_s in subscriber.online_at_s.values()]
    busiest = max(sum(0 <= other - one < 1 for other in back_s) for one in back_s)
    return (
        f"{devices} | {outage_s:.0f} s | {min(back_s):.1f} s | {max(back_s):.1f} s | {busiest} "
        f"| {subscriber.windows} | {lost} | {subscriber.duplicates}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--devices", type=int, nargs="*", metavar="N", default=[200, 500, 1000], help="fleets with live readings"
    )
    parser.add_argument(
        "--windows-only", type=int, nargs="*", metavar="N", default=[500, 1000, 1500], help="fleets without"
    )
    parser.add_argument("--seconds", type=float, default=30, help="to measure each (default: 30)")
    parser.add_argument("--outages", type=float, nargs="*", default=[1, 30], metavar="S", help="of 200 devices")
    parser.add_argument("--delay", action="store_true", help="leave mosquitto's set_tcp_nodelay off, as it comes")
    options = parser.parse_args()
    print_row(
        "devices | live | messages/s | windows | lost | twice | ms late: 50, 95, 99 % | broker | MB | fleet | pace kept"
    )
    print_row("|".join(["---"] * 11))
    for devices in options.devices:
        print_row(measure(devices, options.seconds, live=True, nodelay=not options.delay))
    for devices in options.windows_only:
        print_row(measure(devices, options.seconds, live=False, nodelay=not options.delay))
    sys.stdout.write("\n")
    print_row("devices | broker away | first back | last back | most in a second | windows | lost | twice")
    print_row("|".join(["---"] * 8))
    for outage_s in options.outages:
        print_row(storm(200, outage_s))


def print_row(row: str) -> None:
    """A row of a table."""
    sys.stdout.write(f"| {row} |\n".replace("| ---|", "|---|").replace("--- |", "---|"))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
