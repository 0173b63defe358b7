"""Brokers that announce themselves in the local network (DNS-SD, ``_mqtt._tcp``), and one on this machine.

The only module that imports ``zeroconf``, which only ``fer-edge setup`` needs: apt install python3-zeroconf.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

SERVICES = {"_mqtt._tcp.local.": False, "_secure-mqtt._tcp.local.": True}
"""Service types of the registry for DNS-SD, and whether they speak TLS."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker listens; ``name`` is what it calls itself."""

    name: str
    host: str
    port: int
    tls: bool


def find_brokers(wait_s: float = 3.0) -> tuple[Broker, ...]:
    """Those that answer within ``wait_s``, the one on this machine first; nothing but that without ``zeroconf``."""
    return (*_on_this_machine(), *_announced(wait_s))


def _on_this_machine() -> tuple[Broker, ...]:
    try:
        socket.create_connection(("localhost", 1883), timeout=1).close()
    except OSError:
        return ()
    return (Broker("on this machine", "localhost", 1883, tls=False),)


def _announced(wait_s: float) -> tuple[Broker, ...]:
    try:
        from zeroconf import ServiceBrowser, ServiceListener, Zeroconf
    except ImportError:
        return ()

    class Names(ServiceListener):
        def __init__(self) -> None:
            self.seen: list[tuple[str, str]] = []

        def add_service(self, _zc: Zeroconf, type_: str, name: str) -> None:
            self.seen.append((type_, name))

        def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
            """Nothing of interest."""

        def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
            """Nobody waits for it."""

    try:
        network = Zeroconf()
    except OSError:  # no network
        return ()
    found: dict[tuple[str, int], Broker] = {}
    try:
        names = Names()
        ServiceBrowser(network, list(SERVICES), names)
        time.sleep(wait_s)
        for kind, name in names.seen:
            info = network.get_service_info(kind, name, timeout=1000)
            addresses = info.parsed_addresses() if info else []
            if info and addresses and info.port:
                host = _host(info.server or "", addresses)
                broker = Broker(name.removesuffix(f".{kind}"), host, info.port, tls=SERVICES[kind])
                found.setdefault((host, info.port), broker)
    finally:
        network.close()
    return tuple(found.values())


def _host(name: str, addresses: list[str]) -> str:
    """The announced name, if this machine resolves it; else an address, which a router may give to another one day."""
    name = name.rstrip(".")
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return addresses[0]
    return name
