"""The broker is absent, killed, frozen, away for long, stubborn, or taken by another client."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from paho.mqtt import subscribe
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.faults.conftest import Figures, MakeClip, MakeProxy
from tests.faults.witness import Witness
from tests.support.daemon import READY, StartDaemon, replay
from tests.support.fake_broker import MakeFakeBroker
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.broker]


@pytest.mark.row(1, "the daemon starts, three windows later the broker")
def test_a_broker_that_comes_later_gets_everything(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, figures: Figures
) -> None:
    broker.kill()

    begun_s = time.monotonic()
    running = daemon(broker.port)
    ready_s = running.wait(READY) - begun_s
    problem_s = running.wait("nothing listens there") - begun_s
    running.wait_for_queue(3)
    broker.start()
    returned_s = time.monotonic()
    recovery_s = max(witness.wait(seq) for seq in (1, 2, 3)) - returned_s  # the newest comes first

    eventually(lambda: witness.account()["lost"] == 0)
    account = witness.account()
    figures(
        recovery_s=recovery_s, problem="broker_unavailable", note=f"ready {ready_s:.1f} s after the start", **account
    )
    assert ready_s < 10
    assert problem_s < 10
    assert account["lost"] == 0


@pytest.mark.row(2, "SIGKILL, started again at once")
def test_a_broker_that_was_killed_is_greeted_again(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, figures: Figures
) -> None:
    running = daemon(broker.port)
    witness.wait(2)

    broker.kill()
    broker.start()
    returned_s = time.monotonic()
    recovery_s = witness.windows.wait(lambda _: True, since_s=returned_s) - returned_s

    kept = ["fer/v1/+/availability", "fer/v1/+/status", "fer/v1/+/info", "homeassistant/#"]
    subscribe.simple("homeassistant/#", port=broker.port, hostname="127.0.0.1")  # type: ignore[no-untyped-call]
    retained = subscribe.simple(kept, msg_count=4, port=broker.port, hostname="127.0.0.1")  # type: ignore[no-untyped-call]
    account = witness.account()
    figures(recovery_s=recovery_s, note="all four retained topics are there again", **account)
    assert {message.topic.rpartition("/")[2] for message in retained} == {"availability", "status", "info", "config"}
    assert running.process.poll() is None
    assert recovery_s < 5
    assert account["lost"] == 0


@pytest.mark.slow
@pytest.mark.row(3, "SIGSTOP for 60 s")
@pytest.mark.timeout(240)
def test_a_frozen_broker_is_reported_and_costs_nothing(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, figures: Figures
) -> None:
    running = daemon(broker.port)
    witness.wait(2)

    broker.freeze()
    frozen_s = time.monotonic()
    problem_s = running.wait("has not acknowledged", 40, since_s=frozen_s) - frozen_s
    lost_s = running.wait("lost: ", 60, since_s=frozen_s) - frozen_s
    running.wait_for_queue(60, 90, since_s=frozen_s)
    broker.thaw()
    thawed_s = time.monotonic()
    recovery_s = running.wait("no window waits", 90, since_s=thawed_s) - thawed_s

    account = witness.account()
    note = f"reported after {problem_s:.1f} s, connection given up after {lost_s:.1f} s"
    figures(recovery_s=recovery_s, problem="ack_late", note=note, **account)
    assert problem_s < 15
    assert account["lost"] == 0


@pytest.mark.row(4, "120 windows in a run without a broker, room for 50")
def test_what_waited_is_bounded_paced_in_order_and_marked(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, clip: MakeClip, figures: Figures
) -> None:
    broker.kill()

    running = daemon(broker.port, camera=replay(clip(1200), pace="fast"), outbox={"max_rows": 50})
    assert running.finish(30) == 0
    broker.start()
    running.configure()
    running.start()
    begun_s = witness.wait(71)
    ended_s = witness.wait(120)

    replayed = [window for window in witness.windows.entries() if window["seq"] <= 120]
    figures(note=f"the newest 50 came in order and marked, in {ended_s - begun_s:.1f} s")
    assert [window["seq"] for window in replayed] == list(range(71, 121))
    assert all(window["historical"] for window in replayed)
    assert ended_s - begun_s > 49 / 20 - 0.1


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.row(4, "100 s without a broker, room for 60 windows of 1 s")
def test_after_a_long_outage_fresh_windows_come_first(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, figures: Figures
) -> None:
    broker.kill()

    running = daemon(broker.port, outbox={"max_rows": 60})
    running.wait(READY)
    time.sleep(100)
    broker.start()
    returned_s = time.monotonic()
    online_s = witness.windows.wait(lambda window: not window["historical"], 90)
    running.wait("no window waits", 30, since_s=online_s)
    # Said once a minute, and counted since the start.
    _, status = witness.status(70, since_s=online_s)

    timed = witness.windows.timed()
    replayed = [(at_s, window["seq"]) for at_s, window in timed if window["historical"]]
    first_fresh_s = min(at_s for at_s, window in timed if not window["historical"])
    paces = [later - at_s for (at_s, _), (later, _) in zip(replayed, replayed[20:], strict=False)]
    dropped = status["mqtt"]["dropped"]
    figures(
        recovery_s=online_s - returned_s,
        problem="broker_unavailable",
        note=f"{dropped} dropped and counted, {len(replayed)} replayed in {replayed[-1][0] - replayed[0][0]:.1f} s",
        duplicates=witness.account(0.0)["duplicates"],
    )
    assert dropped == min(window["seq"] for _, window in timed) - 1
    assert {window["seq"] for _, window in timed} == set(range(dropped + 1, witness.last_seq + 1))
    assert replayed == sorted(replayed, key=lambda entry: entry[1])
    assert first_fresh_s <= replayed[0][0]
    assert min(paces) > 0.9


@pytest.mark.row(7, "Receive Maximum 5, every PUBACK withheld for 13 s")
@pytest.mark.slow
def test_no_more_is_under_way_than_the_broker_grants(
    fake_broker: MakeFakeBroker, daemon: StartDaemon, figures: Figures
) -> None:
    broker = fake_broker(receive_maximum=5)
    broker.withholding.set()

    running = daemon(broker.port)
    asked_s = broker.publications.wait(lambda under_way: under_way == 1)
    problem_s = running.wait("has not acknowledged", 40) - asked_s
    cpu_s = running.cpu_s()
    withheld = broker.publications.entries()
    broker.withholding.clear()
    running.wait("running: ", 30, since_s=time.monotonic())

    figures(
        problem="ack_late", note=f"reported after {problem_s:.1f} s, {max(withheld)} under way, {cpu_s:.1f} s of CPU"
    )
    assert withheld == [1, 2, 3, 4, 5]
    assert problem_s < 15
    assert cpu_s < problem_s / 2
    assert len(broker.connects.entries()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("manners", "heard", "injected"),
    [
        ({"reason": 0x87}, "not authorised", "refused"),
        ({"reason": 0x88}, "Server unavailable", "refused"),
        ({"farewell": 0x93}, "Receive maximum exceeded", "sent away"),
    ],
    ids=["CONNACK 0x87", "CONNACK 0x88", "DISCONNECT 0x93"],
)
@pytest.mark.row(7, "refused or sent away for 30 s")
def test_a_broker_that_says_no_is_not_stormed(
    fake_broker: MakeFakeBroker,
    daemon: StartDaemon,
    manners: dict[str, int],
    heard: str,
    injected: str,
    figures: Figures,
) -> None:
    broker = fake_broker(**manners)

    running = daemon(broker.port)
    running.wait(heard)
    running.wait(READY)
    time.sleep(30)

    connects = [at_s for at_s, _ in broker.connects.timed()]
    figures(
        problem="broker_unavailable", note=f"{injected} {len(connects)} times in {connects[-1] - connects[0]:.0f} s"
    )
    assert len(connects) <= 12
    assert running.process.poll() is None
    assert not running.said("Another client")


@pytest.fixture
def rival(broker: Mosquitto) -> Iterator[Client]:
    """Another client with the id of the daemon, who comes back a second after it was sent away."""
    rival = Client(CallbackAPIVersion.VERSION2, "test", protocol=MQTTProtocolVersion.MQTTv5)
    rival.reconnect_delay_set(min_delay=1, max_delay=1)
    rival.connect_async("127.0.0.1", broker.port)
    yield rival
    rival.disconnect()
    rival.loop_stop()


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.row(8, "a second client with the same id, for 150 s")
def test_a_fight_for_the_client_id_is_left_and_told(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, proxy: MakeProxy, rival: Client, figures: Figures
) -> None:
    link = proxy(broker.port)
    running = daemon(link.port)
    witness.wait(2)

    rival.loop_start()
    begun_s = time.monotonic()
    detected_s = running.wait("Another client seems to use the id test", 60)
    time.sleep(150)
    ended_s = time.monotonic()
    connects = len(link.accepted.entries(detected_s))
    rival.disconnect()
    recovery_s = running.wait("connected to", 100, since_s=ended_s) - ended_s
    running.wait("no window waits", 60, since_s=ended_s + recovery_s)

    account = witness.account()
    figures(
        recovery_s=recovery_s,
        problem="client_id_conflict",
        note=f"detected after {detected_s - begun_s:.0f} s; {connects} connects in {ended_s - detected_s:.0f} s",
        **account,
    )
    assert connects <= 1 + (ended_s - detected_s) / 60
    assert account["lost"] == 0
