"""``fer-edge simulate``: a fleet of simulated devices, for trying brokers, dashboards and archives.

They are spread over processes because paho waits with ``select``, which knows no file beyond number 1023, and each
connection takes three. The two threads of each device are cheap beside that; docs/fleet.md has figures.
"""

from __future__ import annotations

import heapq
import json as json_text
import logging
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import TextIO, TypeAlias

from edge.commands.simulated_device import Plan, SimulatedDevice
from edge.errors import BrokerError, FerEdgeError
from edge.mqtt.connection import Acknowledged, Connection
from edge.mqtt.home_assistant import discovery
from edge.mqtt.messages import STATUS_PERIOD_S, Message
from edge.mqtt.outbox import Outbox
from edge.mqtt.sender import Session

_DEVICES_PER_PROCESS = 250
_PULSE_S = 1.0
_STOP_TIMEOUT_S = 3.0

_Due: TypeAlias = tuple[float, int, float, Callable[[float], None]]
"""When, which of them, how often, and what to publish."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a fleet, or a process of it, is doing: windows made since the start and how many of them still wait for the
    broker, connections lost since the start, and the delay of the latest publication since the last pulse.
    """

    connected: int = 0
    windows: int = 0
    waiting: int = 0
    reconnects: int = 0
    behind_s: float = 0.0


def simulate(
    plan: Plan, devices: int, *, duration_s: float = float("inf"), json: bool = False, out: TextIO | None = None
) -> int:
    """Run ``devices`` devices for ``duration_s`` or until Ctrl-C; the exit status is 1 where the pace was lost.

    Says once a second on stderr how it goes, and in the end on ``out``, as JSON if wished. A clean stop takes all that
    is retained of the devices from the broker.

    Raises:
        BrokerError: the broker cannot be reached at the start; a later loss is waited out as a device does.
        ConfigError: the password or a TLS file cannot be used.
        FerEdgeError: a process of the fleet ended.
    """
    Connection(plan.broker, f"{plan.prefix}-0000").close(1.0)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    fleet = _Fleet(plan, devices)
    passed_s = behind_s = 0.0
    try:
        last = fleet.pulse()  # the first answer comes when all have started
        start_s = time.monotonic()
        while passed_s < duration_s:
            time.sleep(min(_PULSE_S, duration_s - passed_s))
            pulse, before_s = fleet.pulse(), passed_s
            passed_s, behind_s = time.monotonic() - start_s, max(behind_s, pulse.behind_s)
            rate = (pulse.windows - last.windows) / (passed_s - before_s)
            last = pulse
            sys.stderr.write(
                f"{passed_s:5.0f} s  {pulse.connected} of {devices} connected, {rate:.0f} windows/s,"
                f" {pulse.waiting} wait, at most {pulse.behind_s:.2f} s late\n"
            )
    except KeyboardInterrupt:
        sys.stderr.write("stopping\n")
    finally:
        end = fleet.stop()
        signal.signal(signal.SIGTERM, before)
    kept = behind_s < plan.window_s and not end.waiting
    report = {
        "devices": devices,
        "seconds": round(passed_s, 1),
        "windows": end.windows,
        "undelivered": end.waiting,
        "reconnects": end.reconnects,
        "behind_s": round(behind_s, 3),
        "kept_pace": kept,
    }
    verdict = "the pace was kept" if kept else "THE PACE WAS NOT KEPT, try fewer devices or longer windows"
    sentence = (
        f"{devices} devices, {passed_s:.0f} s: {end.windows - end.waiting} of {end.windows} windows delivered,"
        f" at most {behind_s:.2f} s late; {verdict}"
    )
    (out or sys.stdout).write(f"{json_text.dumps(report) if json else sentence}\n")
    return 0 if kept else 1


class _Fleet:
    """The processes of the devices. Each answers a word with its pulse, and ends after ``stop``."""

    def __init__(self, plan: Plan, devices: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Pipe] = []
        for first in range(1, devices + 1, _DEVICES_PER_PROCESS):
            ours, theirs = context.Pipe()
            numbers = range(first, min(first + _DEVICES_PER_PROCESS, devices + 1))
            context.Process(target=_run, args=(theirs, plan, numbers), daemon=True).start()
            theirs.close()
            self._pipes.append(ours)

    def pulse(self) -> Pulse:
        """How it goes."""
        try:
            for pipe in self._pipes:
                pipe.send("pulse")
            return _sum([pipe.recv() for pipe in self._pipes])
        except (EOFError, OSError) as error:
            raise FerEdgeError("a process of the fleet ended; was there too little memory?") from error

    def stop(self) -> Pulse:
        """Stop all devices; their last pulse."""
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.send("stop")
        return _sum([_last(pipe) for pipe in self._pipes])


def _last(pipe: Pipe) -> Pulse:
    """What a process says before it ends; an answer that nobody waited for may come first."""
    pulse = Pulse()
    with suppress(EOFError, OSError):
        while True:
            pulse = pipe.recv()
    return pulse


def _sum(pulses: list[Pulse]) -> Pulse:
    return Pulse(
        connected=sum(pulse.connected for pulse in pulses),
        windows=sum(pulse.windows for pulse in pulses),
        waiting=sum(pulse.waiting for pulse in pulses),
        reconnects=sum(pulse.reconnects for pulse in pulses),
        behind_s=max(pulse.behind_s for pulse in pulses),
    )


def _run(pipe: Pipe, plan: Plan, numbers: range) -> None:
    """One process: devices ``numbers`` until the word ``stop``, or the end of who could say it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; our parent says when
    logging.getLogger("edge").setLevel(logging.ERROR)  # the pulse tells of lost connections
    devices = [SimulatedDevice(plan, number) for number in numbers]
    for device in devices:
        device.publisher.start()
    due = _timetable(plan, devices)
    behind_s = 0.0
    with suppress(EOFError):
        while True:
            due_s, order, period_s, publish = due[0]
            if pipe.poll(max(due_s - time.monotonic(), 0.0)):
                if pipe.recv() == "stop":
                    break
                pipe.send(_pulse(devices, behind_s))
                behind_s = 0.0
            else:
                publish(due_s)
                behind_s = max(behind_s, time.monotonic() - due_s)
                heapq.heapreplace(due, (due_s + period_s, order, period_s, publish))
    with ThreadPoolExecutor(len(devices)) as pool:
        list(pool.map(lambda device: device.publisher.stop(_STOP_TIMEOUT_S), devices))
    end = _pulse(devices, behind_s)
    if not end.waiting:
        with suppress(BrokerError):
            _forget(plan, devices)
    with suppress(OSError):
        pipe.send(end)


def _timetable(plan: Plan, devices: list[SimulatedDevice]) -> list[_Due]:
    """What is to be published first, as a heap; devices follow each other at equal distances."""
    now_s = time.monotonic()
    due: list[_Due] = []
    for turn, device in enumerate(devices, 1):
        for period_s, publish in (
            (plan.window_s, device.publish_window),
            (plan.live_s, device.publish_live),
            (STATUS_PERIOD_S, device.publish_status),
        ):
            if period_s:
                first_s = now_s + min(period_s, plan.window_s) * turn / len(devices)
                due.append((first_s, len(due), period_s, publish))
    heapq.heapify(due)
    return due


def _pulse(devices: list[SimulatedDevice], behind_s: float) -> Pulse:
    return Pulse(
        connected=sum(device.publisher.connected for device in devices),
        windows=sum(device.windows for device in devices),
        waiting=sum(device.outbox.depth for device in devices),
        reconnects=sum(device.publisher.reconnects for device in devices),
        behind_s=behind_s,
    )


def _forget(plan: Plan, devices: list[SimulatedDevice]) -> None:
    """Take what is retained of the devices from the broker.

    Raises:
        BrokerError: it cannot be reached.
    """
    connection = Connection(plan.broker, f"{devices[0].described.id}-forget")
    outbox = Outbox(None)
    session = Session(connection, outbox)
    for device in (device.described for device in devices):
        for topic in (*map(device.topic, ("availability", "status", "info")), discovery(device).topic):
            session.send(Message(topic, b"", retain=True))
    while not session.idle:
        session.advance()
        match connection.next_event(_STOP_TIMEOUT_S):
            case Acknowledged() as answer:
                session.acknowledged(answer)
            case _:
                break
    connection.close(1.0)
    outbox.close()
