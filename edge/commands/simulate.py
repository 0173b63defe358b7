"""``fer-edge simulate``: a fleet of simulated devices, for trying brokers, dashboards and archives.

They are spread over processes because paho waits with ``select``, which takes file numbers up to 1023 only, and each
connection uses three. Two threads per device cost little beside that; docs/fleet.md has figures.
"""

from __future__ import annotations

import heapq
import json as json_text
import logging
import math
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
from edge.mqtt.codec import STATUS_PERIOD_S, Message
from edge.mqtt.connection import Acknowledged, connect
from edge.mqtt.home_assistant import discovery
from edge.mqtt.outbox import Outbox
from edge.mqtt.sender import Sender

_DEVICES_PER_PROCESS = 250
_REPORT_EVERY_S = 1.0
_STOP_TIMEOUT_S = 3.0

_Due: TypeAlias = tuple[float, int, float, Callable[[float], None]]
"""When, a number that breaks ties, how often, and what to publish."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a fleet, or one of its processes, is doing: windows made since the start and how many of them were not
    delivered, connections lost since the start, and the longest delay of a publication since the last report.
    """

    connected: int = 0
    windows: int = 0
    waiting: int = 0
    reconnects: int = 0
    behind_s: float = 0.0


def simulate(
    plan: Plan, devices: int, *, duration_s: float = float("inf"), json: bool = False, out: TextIO | None = None
) -> int:
    """Run ``devices`` devices for ``duration_s`` or until Ctrl-C; the exit status is 1 if the pace was not kept.

    Reports once a second on stderr, and at the end on ``out``, as JSON if asked. A clean stop clears what the broker
    retains of the devices.

    Raises:
        BrokerError: the broker cannot be reached at the start; after a later loss devices connect again.
        ConfigError: the password or a TLS file cannot be used.
        FerEdgeError: a process of the fleet ended.
    """
    connect(plan.broker, f"{plan.prefix}-0000").close(1.0)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    fleet = _Fleet(plan, devices)
    passed_s = behind_s = 0.0
    try:
        last = fleet.progress()  # returns once all devices have started
        start_s = time.monotonic()
        while passed_s < duration_s:
            time.sleep(min(_REPORT_EVERY_S, duration_s - passed_s))
            progress, before_s = fleet.progress(), passed_s
            passed_s, behind_s = time.monotonic() - start_s, max(behind_s, progress.behind_s)
            rate = (progress.windows - last.windows) / (passed_s - before_s)
            last = progress
            sys.stderr.write(
                f"{passed_s:5.0f} s  {progress.connected} of {devices} connected, {rate:.0f} windows/s,"
                f" {progress.waiting} wait, at most {progress.behind_s:.2f} s late\n"
            )
    except KeyboardInterrupt:
        sys.stderr.write("stopping\n")
    finally:
        end = fleet.stop()
        signal.signal(signal.SIGTERM, before)
    kept = behind_s < plan.window_s
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
    if end.waiting:
        verdict += (
            f"; {end.waiting} were not delivered: nobody subscribes to them, or the broker is away or refuses them"
        )
    if not end.windows:
        verdict += f"; no window of {plan.window_s:g} s ended, try a shorter --window"
    sentence = (
        f"{devices} device{'s' * (devices != 1)}, {passed_s:.0f} s:"
        f" {end.windows - end.waiting} of {end.windows} windows delivered, at most {behind_s:.2f} s late; {verdict}"
    )
    (out or sys.stdout).write(f"{json_text.dumps(report) if json else sentence}\n")
    return 0 if kept and not end.waiting else 1


class _Fleet:
    """The processes of the devices. Each replies to ``progress`` with its ``Progress``, and ends after ``stop``."""

    def __init__(self, plan: Plan, devices: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Pipe] = []
        for first in range(1, devices + 1, _DEVICES_PER_PROCESS):
            ours, theirs = context.Pipe()
            numbers = range(first, min(first + _DEVICES_PER_PROCESS, devices + 1))
            context.Process(target=_run, args=(theirs, plan, numbers), daemon=True).start()
            theirs.close()
            self._pipes.append(ours)

    def progress(self) -> Progress:
        """The progress of all devices together."""
        try:
            for pipe in self._pipes:
                pipe.send("progress")
            return _sum([pipe.recv() for pipe in self._pipes])
        except (EOFError, OSError) as error:
            raise FerEdgeError("a process of the fleet ended; was there too little memory?") from error

    def stop(self) -> Progress:
        """Stop all devices; returns their final progress."""
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.send("stop")
        return _sum([_last(pipe) for pipe in self._pipes])


def _last(pipe: Pipe) -> Progress:
    """The last report of a process; an unread reply may come before it."""
    progress = Progress()
    with suppress(EOFError, OSError):
        while True:
            progress = pipe.recv()
    return progress


def _sum(parts: list[Progress]) -> Progress:
    return Progress(
        connected=sum(part.connected for part in parts),
        windows=sum(part.windows for part in parts),
        waiting=sum(part.waiting for part in parts),
        reconnects=sum(part.reconnects for part in parts),
        behind_s=max(part.behind_s for part in parts),
    )


def _run(pipe: Pipe, plan: Plan, numbers: range) -> None:
    """One process: runs the devices ``numbers`` until its parent sends ``stop`` or has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; only the parent stops us
    logging.getLogger("edge").setLevel(logging.ERROR)  # the progress report counts lost connections
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
                pipe.send(_progress(devices, behind_s))
                behind_s = 0.0
            else:
                publish(due_s)
                behind_s = max(behind_s, time.monotonic() - due_s)
                heapq.heapreplace(due, (due_s + period_s, order, period_s, publish))
    with ThreadPoolExecutor(len(devices)) as pool:
        list(pool.map(lambda device: device.publisher.stop(_STOP_TIMEOUT_S), devices))
    end = _progress(devices, behind_s)
    if any((device.publisher.health.last_ack_age_s or math.inf) < _STOP_TIMEOUT_S for device in devices):
        with suppress(BrokerError):
            _clear_retained(plan, devices)
    with suppress(OSError):
        pipe.send(end)


def _timetable(plan: Plan, devices: list[SimulatedDevice]) -> list[_Due]:
    """All publications as a heap, next one first; the devices follow each other at equal intervals."""
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


def _progress(devices: list[SimulatedDevice], behind_s: float) -> Progress:
    return Progress(
        connected=sum(device.publisher.connected for device in devices),
        windows=sum(device.windows for device in devices),
        waiting=sum(device.undelivered for device in devices),
        reconnects=sum(device.publisher.health.reconnects for device in devices),
        behind_s=behind_s,
    )


def _clear_retained(plan: Plan, devices: list[SimulatedDevice]) -> None:
    """Clear what the broker retains of the devices: an empty payload removes a retained message.

    Raises:
        BrokerError: it cannot be reached.
    """
    connection = connect(plan.broker, f"{devices[0].device.id}-clear")
    outbox = Outbox(None, devices[0].device.id)
    sender = Sender(connection, outbox)
    for device in (simulated.device for simulated in devices):
        for topic in (*map(device.topic, ("availability", "status", "info")), discovery(device).topic):
            sender.send(Message(topic, b"", retain=True))
    while not sender.idle:
        sender.advance()
        match connection.next_event(_STOP_TIMEOUT_S):
            case Acknowledged() as acknowledged:
                sender.acknowledged(acknowledged)
            case _:
                break
    connection.close(1.0)
    outbox.close()
