from __future__ import annotations

import gc
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from edge.config import MqttConfig
from edge.errors import BrokerError, ConfigError
from edge.mqtt.codec import Message
from edge.mqtt.connection import MAX_PACKET_BYTES, Acknowledged, Connection, Event, Lost, Received
from edge.mqtt.credentials import check_credentials
from tests.edge.conftest import Certificates
from tests.support.dashboard import Address
from tests.support.mosquitto import StartMosquitto

pytestmark = pytest.mark.broker

PROTOCOLS = ["5", "3.1.1"]

E = TypeVar("E", bound=Event)


Connect = Callable[..., Connection]


@pytest.fixture
def connect() -> Iterator[Connect]:
    opened: list[Connection] = []

    def make(broker: MqttConfig, client_id: str = "fer-test", **options: Any) -> Connection:
        opened.append(Connection(broker, client_id, **options))
        return opened[-1]

    yield make
    for connection in opened:
        connection.close(1.0)


def address(running: Address, **changes: Any) -> MqttConfig:
    return replace(MqttConfig(running.host, running.port), **changes)


def wait_for(connection: Connection, kind: type[E], timeout_s: float = 10.0) -> E:
    """The next event of that kind."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if isinstance(event := connection.next_event(0.1), kind):
            return event
    raise AssertionError(f"no {kind.__name__} within {timeout_s} s")


def listening(connection: Connection) -> Connection:
    """The connection once its subscription stands: it has received its own message."""
    connection.subscribe("fer/#")
    connection.publish(Message("fer/ready", b""))
    assert wait_for(connection, Received).topic == "fer/ready"
    return connection


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_publication_is_acknowledged_and_heard(mosquitto: StartMosquitto, connect: Connect, protocol: str) -> None:
    broker = address(mosquitto(), protocol=protocol)
    listener = listening(connect(broker, "listener"))
    speaker = connect(broker, "speaker")

    mid = speaker.publish(Message("fer/hello", b"world"))

    assert wait_for(speaker, Acknowledged) == Acknowledged(mid)
    assert wait_for(listener, Received) == Received("fer/hello", b"world", retained=False)


def test_what_is_larger_than_anything_of_ours_does_not_reach_us(mosquitto: StartMosquitto, connect: Connect) -> None:
    broker = address(mosquitto())
    listener = listening(connect(broker, "listener"))
    stranger = connect(broker, "stranger")

    stranger.publish(Message("fer/huge", bytes(MAX_PACKET_BYTES)))
    stranger.publish(Message("fer/hello", b"world"))

    assert wait_for(listener, Received).topic == "fer/hello"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_will_speaks_for_a_client_that_vanished_but_not_for_one_that_said_goodbye(
    mosquitto: StartMosquitto, connect: Connect, protocol: str
) -> None:
    broker = address(mosquitto(), protocol=protocol)
    listener = listening(connect(broker, "listener"))
    polite = connect(broker, "polite", will=Message("fer/polite", b"gone"))
    vanishing = connect(broker, "vanishing", will=Message("fer/vanishing", b"gone"))

    polite.close(5.0)
    vanishing.cut()

    assert wait_for(listener, Received).topic == "fer/vanishing"


def test_an_mqtt_5_broker_forgets_what_has_expired(mosquitto: StartMosquitto, connect: Connect) -> None:
    broker = address(mosquitto())
    speaker = connect(broker, "speaker")
    speaker.publish(Message("fer/lasting", b"x", retain=True))
    speaker.publish(Message("fer/passing", b"x", retain=True, expiry_s=1))
    wait_for(speaker, Acknowledged)
    wait_for(speaker, Acknowledged)

    deadline_s = time.monotonic() + 10
    while True:
        listener = connect(broker, "listener")
        listener.subscribe("fer/#")
        topics = {wait_for(listener, Received).topic}
        if isinstance(second := listener.next_event(0.3), Received):
            topics.add(second.topic)
        if "fer/passing" not in topics:
            break
        assert time.monotonic() < deadline_s

    assert topics == {"fer/lasting"}


def test_a_broker_that_dies_ends_the_connection(mosquitto: StartMosquitto, connect: Connect) -> None:
    running = mosquitto()
    connection = connect(address(running))

    running.kill()

    assert wait_for(connection, Lost).contested


def test_another_client_with_our_id_takes_the_connection_over(mosquitto: StartMosquitto, connect: Connect) -> None:
    broker = address(mosquitto())
    first = connect(broker, "same")

    connect(broker, "same")

    assert wait_for(first, Lost).contested


def test_wake_ends_the_waiting(mosquitto: StartMosquitto, connect: Connect) -> None:
    connection = connect(address(mosquitto()))
    threading.Timer(0.05, connection.wake).start()

    assert connection.next_event(30.0) is None


def failing(*_: object) -> None:
    raise ZeroDivisionError("a bug in a callback")


def test_an_exception_in_a_callback_does_not_end_the_network_thread(
    mosquitto: StartMosquitto, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connect(address(mosquitto()))
    on_publish = connection._client.on_publish
    connection._client.on_publish = failing

    connection.publish(Message("fer/first", b"x"))
    while "a bug in a callback" not in caplog.text:
        assert connection.next_event(0.05) is None
    connection._client.on_publish = on_publish
    mid = connection.publish(Message("fer/second", b"x"))

    assert wait_for(connection, Acknowledged).mid == mid


def test_a_network_thread_that_ended_is_a_lost_connection(mosquitto: StartMosquitto, connect: Connect) -> None:
    connection = connect(address(mosquitto()))
    connection._client.on_disconnect = None
    connection.cut()

    assert wait_for(connection, Lost).reason == "the network thread ended"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("username", "password", "sentence"),
    [
        (None, None, "not authorised"),
        ("fer", "wrong", "not authorised|wrong user name or password"),
        ("fer", "right\n", None),
    ],
)
def test_a_password_is_asked_for_and_checked(
    mosquitto: StartMosquitto,
    connect: Connect,
    tmp_path: Path,
    protocol: str,
    username: str | None,
    password: str | None,
    sentence: str | None,
) -> None:
    accounts, secret = tmp_path / "accounts", tmp_path / "secret"
    accounts.write_text("fer:right\n")
    subprocess.run(["mosquitto_passwd", "-U", str(accounts)], check=True)
    accounts.chmod(0o644)
    secret.write_text(password or "")
    running = mosquitto("allow_anonymous false", f"password_file {accounts}")
    broker = address(running, protocol=protocol, username=username or "", password_file=str(secret) if username else "")

    if sentence is None:
        connect(broker).publish(Message("fer/x", b""))
        return
    with pytest.raises(BrokerError, match=rf"broker 127.0.0.1:{running.port} refused: ({sentence})"):
        connect(broker)


def test_tls_with_the_right_authority_works_and_with_none_is_refused(
    mosquitto: StartMosquitto, connect: Connect, certificates: Certificates
) -> None:
    running = mosquitto("allow_anonymous true", f"certfile {certificates.certificate}", f"keyfile {certificates.key}")
    trusting = address(running, tls_ca=str(certificates.ca))
    connection = connect(trusting)
    mid = connection.publish(Message("fer/x", b"secret"))
    assert wait_for(connection, Acknowledged).mid == mid

    with pytest.raises(BrokerError, match="its certificate is not accepted"):
        connect(replace(trusting, host="localhost"))
    with pytest.raises(BrokerError, match="hung up at once; is it an MQTT broker, and does it expect TLS"):
        connect(address(running))


def test_a_certificate_of_an_unknown_authority_is_refused(
    mosquitto: StartMosquitto, connect: Connect, certificates: Certificates
) -> None:
    running = mosquitto("allow_anonymous true", f"certfile {certificates.certificate}", f"keyfile {certificates.key}")

    with pytest.raises(BrokerError, match="its certificate is not accepted"):
        connect(address(running, tls_ca=str(certificates.certificate)))


def test_tls_against_a_plain_port_is_a_sentence(
    mosquitto: StartMosquitto, connect: Connect, certificates: Certificates
) -> None:
    with pytest.raises(BrokerError, match="TLS"):
        connect(address(mosquitto(), tls_ca=str(certificates.ca)))


@pytest.mark.parametrize(
    ("host", "sentence"),
    [("127.0.0.1", "nothing listens there"), ("no-such-host.invalid", "the name is not known")],
)
def test_an_absent_broker_is_named(connect: Connect, host: str, sentence: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))

        with pytest.raises(BrokerError, match=f"broker {host}:.* cannot be reached: {sentence}"):
            connect(MqttConfig(host, closed.getsockname()[1]))


def test_a_port_that_hangs_up_is_not_a_broker(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close()).start()

        with pytest.raises(BrokerError, match="hung up at once"):
            connect(MqttConfig("127.0.0.1", server.getsockname()[1]))


@pytest.mark.parametrize("key", ["password_file", "tls_ca", "tls_cert"])
def test_an_unusable_file_is_a_configuration_error_that_names_its_key(tmp_path: Path, key: str) -> None:
    broker = replace(MqttConfig(username="fer"), **cast(Any, {key: str(tmp_path / "absent")}))

    with pytest.raises(ConfigError, match=rf"mqtt\.{key} .*absent"):
        check_credentials(broker)


def test_what_is_not_a_certificate_is_a_configuration_error(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("not a certificate")

    with pytest.raises(ConfigError, match=r"mqtt\.tls_ca .*expected certificates in PEM"):
        check_credentials(MqttConfig(tls_ca=str(file)))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_a_closed_connection_leaves_no_file_open_until_the_garbage_collector_comes(mosquitto: StartMosquitto) -> None:
    broker = address(mosquitto())
    files = []

    gc.disable()
    try:
        for _ in range(3):
            Connection(broker, "fer-test").close(1.0)
            files.append(len(list(Path("/proc/self/fd").iterdir())))
    finally:
        gc.enable()

    assert len(set(files)) == 1
