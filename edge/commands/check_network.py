"""The network's part of ``fer-edge check``: names, certificates, and a message to each broker."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import time
from ipaddress import ip_address
from pathlib import Path

from edge.config import Config, MqttConfig
from edge.errors import BrokerError, ConfigError
from edge.mqtt.codec import Message
from edge.mqtt.connection import Acknowledged, Connection, Lost
from edge.mqtt.messages import BASE_TOPIC

DISCOVERY_BYTES = 13_000
"""Home Assistant's discovery of the shipped labels with everything around it; a test holds it against the message."""

_ANSWER_S = 10.0


def hosts(config: Config) -> list[str]:
    """Names or addresses of the brokers and of a network camera."""
    from edge.camera.address import parse_address

    camera = [parse_address(config.camera.url).host] if config.camera.kind == "stream" else []
    return [*(broker.host for broker in config.mqtt.brokers()), *camera]


def names(config: Config) -> str:
    """The addresses behind the names of brokers and network camera; empty where no name is configured.

    Raises:
        BrokerError: a name is not known.
    """
    named = [host for host in hosts(config) if host != "localhost" and not _is_address(host)]
    return "; ".join(f"{host} is {' and '.join(resolve(host))}" for host in named)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def resolve(host: str) -> list[str]:
    """The addresses of a host.

    Raises:
        BrokerError: its name is not known.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BrokerError(f"the name {host} is not known ({reason}); compare getent hosts {host}") from error
    return sorted({str(address[0]) for *_, address in found})


def certificates(config: Config) -> str:
    """Until when the configured certificates hold; empty without any.

    Raises:
        ConfigError: one has expired, is not valid yet, or is none.
    """
    named = {"mqtt.tls_ca": config.mqtt.tls_ca, "mqtt.tls_cert": config.mqtt.tls_cert}
    return "; ".join(_validity(key, Path(path)) for key, path in named.items() if path)


def _validity(key: str, certificate: Path) -> str:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-startdate", "-enddate"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
        begin, end = (ssl.cert_time_to_seconds(date) for date in re.findall(r"=(.*)", told))
    except OSError:
        return f"{key}: the program openssl is absent, which tells its dates"
    except (subprocess.SubprocessError, ValueError) as error:
        raise ConfigError(f"{key} {certificate}: is not a certificate in PEM form") from error
    shown = time.strftime("%Y-%m-%d", time.gmtime(end if time.time() >= begin else begin))
    if time.time() < begin:
        raise ConfigError(f"{key} {certificate}: is valid from {shown} on; is this machine's clock right?")
    if time.time() >= end:
        raise ConfigError(f"{key} {certificate}: expired on {shown}; get a new one")
    return f"{key} is valid until {shown}"


def probe(device: str) -> Message:
    """A message of no meaning, on a topic that nobody needs."""
    return Message(f"{BASE_TOPIC}/{device}/check", b"fer-edge check", content_type="text/plain")


def publish(broker: MqttConfig, device: str) -> str:
    """Publish below the device's own topic, as windows are published; what the broker made of it.

    Raises:
        BrokerError: it cannot be reached, or refuses.
    """
    connection = Connection(broker, f"{device}-check")
    try:
        answer = ask(connection, probe(device))
    finally:
        connection.close(timeout_s=1.0)
    owner = _common_name(broker.tls_cert) if broker.tls_cert else None
    foreign = f"the certificate is that of {owner}, device.id is {device}" if owner not in (None, device) else ""
    if answer.refused:
        why = foreign or "see its access list"
        raise BrokerError(f"{connection.name} refuses to let {device} publish: {answer.reason}; {why}")
    notes = [foreign] if foreign else []
    if broker.protocol != "5":
        notes.append(
            "MQTT 3.1.1 does not say whether it throws away what we publish, by its access list or for want of a"
            ' subscriber; use mqtt.protocol = "5" if it speaks that'
        )
        if foreign:
            raise BrokerError(f"{connection.name}: {'; '.join(notes)}")
    limits = connection.limits
    notes += [f"{sentence}" for sentence in limits.sentences]
    if limits.packet_bytes < DISCOVERY_BYTES:
        notes.append(f"It takes {limits.packet_bytes} bytes at once: Home Assistant's discovery goes out in parts.")
    return "; ".join([f"{connection.name} takes and acknowledges what we publish, MQTT {broker.protocol}", *notes])


def _common_name(certificate: str) -> str | None:
    """The name by which the broker knows who has this certificate; None where the openssl program cannot say."""
    command = ["openssl", "x509", "-in", certificate, "-noout", "-subject", "-nameopt", "multiline,utf8,-esc_msb"]
    try:
        subject = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    name = re.search(r"^ *commonName *= (.*)$", subject, re.MULTILINE)
    return name and name[1]


def ask(connection: Connection, message: Message) -> Acknowledged:
    """Publish a message and wait for the broker's answer.

    Raises:
        BrokerError: it ends the connection, or does not answer.
    """
    mid, until_s = connection.publish(message), time.monotonic() + _ANSWER_S
    while (left_s := until_s - time.monotonic()) > 0:
        match connection.next_event(left_s):
            case Acknowledged() as answer if answer.mid == mid:
                return answer
            case Lost() as lost:
                raise BrokerError(
                    f"{connection.name} ended the connection when we published: {lost.reason}; "
                    "see its access list, or is a client with this id already connected?"
                )
    raise BrokerError(f"{connection.name} has not acknowledged a message for {_ANSWER_S:.0f} s")
