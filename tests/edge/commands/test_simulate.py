"""A simulated fleet against a real broker: every window arrives once, and nothing is left behind."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import closing
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from edge.cli import main
from edge.commands.simulate import simulate
from edge.commands.simulated_device import Plan, SimulatedDevice, SimulatedRoom
from edge.config import MqttConfig
from edge.errors import BrokerError, FerEdgeError
from edge.mqtt.codec import encode
from edge.mqtt.compose import aggregate, live
from edge.mqtt.messages import Device
from edge.mqtt.wallclock import WallClock
from edge.records import WindowSummary
from tests.edge.conftest import Contract
from tests.support.dashboard import Address, Dashboard, OpenDashboard
from tests.support.mosquitto import StartMosquitto

DAY_S = 86_400


def plan_for(broker: Address) -> Plan:
    return Plan(MqttConfig(broker.host, broker.port), window_s=1.0)


def removed(listener: Dashboard) -> list[str]:
    """Topics that were taken from the broker; what remains in ``listener`` are payloads of the contract."""
    topics = [message.topic for message in listener.messages if not message.payload]
    listener.messages = [message for message in listener.messages if message.payload]
    return topics


def a_day(seed: int, **privacy: Any) -> list[WindowSummary]:
    """The windows of a room, a minute each."""
    room = SimulatedRoom(Random(seed), **privacy)
    return [room.summarise(end_s - 60.0, end_s) for end_s in range(60, DAY_S + 60, 60)]


@pytest.mark.parametrize("seed", range(3))
def test_a_day_in_a_simulated_room_keeps_the_contract(seed: int, device: Device, contract: Contract) -> None:
    for seq, window in enumerate(a_day(seed)[::5], 1):
        message = encode(aggregate(device, "5eed0001", seq, window, WallClock()))

        contract(message.topic, message.payload)
        assert window.mean_at_once <= window.max_at_once <= window.people
        assert (window.emotions is not None) == (window.max_at_once >= 3)
        assert (window.suppressed is None) == (window.emotions is not None or window.people == 0)


@pytest.mark.parametrize(
    ("privacy", "withheld"),
    [
        ({}, {None, "windows_only"}),
        ({"min_people": 1}, {None}),
        ({"counts_only": "counts_only"}, {None, "counts_only"}),
    ],
)
def test_a_live_reading_of_a_simulated_room_keeps_the_contract(
    device: Device, contract: Contract, privacy: dict[str, Any], withheld: set[str | None]
) -> None:
    room = SimulatedRoom(Random(1), **privacy)
    readings = [room.read(float(now_s)) for now_s in range(0, DAY_S, 600)]

    for reading in readings:
        message = encode(live(device, reading, WallClock()))
        contract(message.topic, message.payload)
    assert {reading.suppressed for reading in readings} == withheld
    assert any(reading.emotions for reading in readings) == (withheld == {None})


def test_a_simulated_room_has_the_labels_that_it_is_given() -> None:
    labels = ("confused", "bored", "attentive")

    windows = a_day(1, labels=labels)

    shown = [window.emotions for window in windows if window.emotions is not None]
    assert {emotions.labels for emotions in shown} == {labels}
    assert {emotions.dominant for emotions in shown} == set(labels)


def test_a_label_that_cannot_be_one_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--labels", "bored", "unknown"]) == 78

    assert "--labels: label 2, 'unknown', is not allowed: Home Assistant shows" in capsys.readouterr().err


def test_a_simulated_room_has_busy_and_empty_hours_and_changes_slowly() -> None:
    windows = a_day(2)

    crowds = [window.mean_at_once for window in windows]
    assert min(crowds) == 0.0
    assert max(crowds) > 4.0
    steps = [abs(after - before) for before, after in pairwise(crowds)]
    assert sorted(steps)[len(steps) // 2] < max(crowds) / 20
    assert len({window.emotions.dominant for window in windows if window.emotions}) > 1


def test_the_same_seed_makes_the_same_room() -> None:
    assert a_day(3) == a_day(3)
    assert a_day(3) != a_day(4)


def test_a_simulated_room_that_only_counts_has_no_emotions() -> None:
    assert {window.suppressed for window in a_day(2, counts_only="counts_only")} == {None, "counts_only"}


def test_a_later_run_goes_on_with_new_ids() -> None:
    plan = Plan(MqttConfig("127.0.0.1", 1), window_s=1.0)

    with closing(SimulatedDevice(plan, 1).outbox) as outbox:
        earlier = outbox.epoch
    with closing(SimulatedDevice(plan, 1).outbox) as outbox:
        later = outbox.epoch

    assert earlier != later


def test_a_fleet_delivers_every_window_once_and_leaves_nothing_behind(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = mosquitto()
    listener = dashboard(broker)
    report = io.StringIO()

    status = simulate(plan_for(broker), 30, duration_s=3.0, json=True, out=report)

    result = json.loads(report.getvalue())
    listener.wait(lambda: sum(not message.payload for message in listener.messages) == 4 * 30)
    assert len(set(removed(listener))) == 4 * 30
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for window in listener.payloads("/aggregate"):
        numbers[window["device"]].append(window["seq"])
    assert status == 0
    assert sum(map(len, numbers.values())) == result["windows"]
    assert len(numbers) == 30
    assert all(given == list(range(given[0], given[0] + len(given))) for given in numbers.values())
    assert min(map(len, numbers.values())) >= 2
    assert listener.payloads("/live")
    assert Counter(listener.payloads("/availability"))["online"] == 30
    assert not [message for message in listener.messages if message.topic.startswith("homeassistant/")]
    assert "30 of 30 connected" in capsys.readouterr().err
    late = dashboard(broker)
    late.publish("done", "yes")
    late.wait(lambda: bool(late.messages))
    assert [message.topic for message in late.messages] == ["done"]


def test_ctrl_c_ends_a_fleet_cleanly(mosquitto: StartMosquitto, dashboard: OpenDashboard) -> None:
    broker = mosquitto()
    listener = dashboard(broker)
    command = [sys.executable, "-m", "edge", "simulate", "--port", str(broker.port), "--host", broker.host]
    fleet = subprocess.Popen(
        [*command, "--devices", "3", "--window", "1", "--no-live", "--discovery"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        listener.wait(lambda: len(listener.payloads("/aggregate")) > 3, timeout_s=60.0)

        os.killpg(fleet.pid, signal.SIGINT)
        said, _ = fleet.communicate(timeout=60)
    finally:
        fleet.kill()
        fleet.communicate()

    listener.wait(lambda: sum(not message.payload for message in listener.messages) == 4 * 3)
    assert fleet.returncode == 0
    assert said.startswith("3 devices, ")
    assert said.endswith("; the pace was kept\n")
    assert sum(topic.endswith("/config") for topic in removed(listener)) == 3
    assert not listener.payloads("/live")
    assert listener.payloads("/availability").count("offline") == 3


def test_windows_that_a_frozen_broker_did_not_acknowledge_are_reported(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = mosquitto()
    report = io.StringIO()
    pause = time.sleep

    def freeze(pause_s: float) -> None:
        broker.freeze()
        pause(pause_s)

    monkeypatch.setattr("edge.commands.simulate.time.sleep", freeze)

    status = simulate(plan_for(broker), 2, duration_s=2.0, out=report)

    broker.thaw()
    assert status == 1
    assert "were not delivered: nobody subscribes to them" in report.getvalue()


def test_windows_that_nobody_has_subscribed_to_are_told_and_nothing_is_left_behind(
    mosquitto: StartMosquitto, dashboard: OpenDashboard
) -> None:
    broker = mosquitto()
    report = io.StringIO()

    status = simulate(plan_for(broker), 2, duration_s=2.5, json=True, out=report)

    result = json.loads(report.getvalue())
    late = dashboard(broker, "fer/#")
    late.publish("fer/end", "x")
    late.wait(lambda: late.payloads("/end") == ["x"])
    assert status == 1
    assert (result["undelivered"], result["kept_pace"]) == (result["windows"], True)
    assert len(late.messages) == 1


def test_a_process_of_the_fleet_that_is_killed_is_one_sentence(
    mosquitto: StartMosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = mosquitto()
    monkeypatch.setattr("edge.commands.simulate.time.sleep", lambda _s: multiprocessing.active_children()[0].kill())

    with pytest.raises(FerEdgeError, match=r"^a process of the fleet ended; was there too little memory\?$"):
        simulate(plan_for(broker), 2, duration_s=9.0)


def test_an_absent_broker_is_one_sentence() -> None:
    with pytest.raises(BrokerError, match=r"^broker 127.0.0.1:1 cannot be reached: nothing listens there$"):
        simulate(Plan(MqttConfig("127.0.0.1", 1)), 2)


@pytest.mark.parametrize("wrong", ["--devices 0", "--window 0", "--window soon", "--live nan", "--prefix a/+"])
def test_wrong_usage_ends_with_2(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["simulate", *wrong.split()])

    assert ending.value.code == 2
    assert "is not allowed; give " in capsys.readouterr().err


def test_simulate_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["simulate", "--help"])

    assert ending.value.code == 0
    assert "Connects simulated devices" in capsys.readouterr().out
