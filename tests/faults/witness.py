"""A consumer as docs/mqtt.md recommends one, which keeps everything and counts what is missing."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.journal import Journal
from tests.support.waiting import eventually

Window = dict[str, Any]


class Witness:
    """Durable subscriber at a port of this machine, back at once after an outage.

    A real broker that is killed forgets its subscribers. Save it once after this one has subscribed
    (``Mosquitto.save``): then it keeps for this one what a device publishes before this one is back. And with QoS 0 it
    writes to this one before it acknowledges to the device; with QoS 1 a few windows could wait for this one's own
    acknowledgements, and die with the broker (4 of 4978 in 20 kills). So every gap is the device's.
    """

    def __init__(self, port: int) -> None:
        self.windows: Journal[Window] = Journal()
        self.others: Journal[MQTTMessage] = Journal()
        """Everything else: status, availability, info, live."""
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, "witness", clean_session=False)
        self._client.reconnect_delay_set(min_delay=0.05, max_delay=0.05)  # type: ignore[arg-type]  # fractions work
        self._client.on_connect = lambda client, *_: client.subscribe("fer/v1/#", 0)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda _client, _data, message: self._keep(message)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(10)

    def _keep(self, message: MQTTMessage) -> None:
        if message.topic.endswith("/aggregate"):
            self.windows.add(json.loads(message.payload))
        else:
            self.others.add(message)

    def wait(self, seq: int, timeout_s: float = 20.0, *, since_s: float = 0.0) -> float:
        """When window ``seq`` first came."""
        return self.windows.wait(lambda window: bool(window["seq"] == seq), timeout_s, since_s=since_s)

    def status(
        self, timeout_s: float = 20.0, *, since_s: float, state: str = "", problem: str = ""
    ) -> tuple[float, dict[str, Any]]:
        """When the first status with this state or problem came from ``since_s`` on, and what it said."""
        found: list[dict[str, Any]] = []

        def fits(message: MQTTMessage) -> bool:
            if message.topic.endswith("/status"):
                found.append(json.loads(message.payload))
                codes = [each["code"] for each in found[-1]["problems"]]
                return state in ("", found[-1]["state"]) and problem in ("", *codes)
            return False

        return self.others.wait(fits, timeout_s, since_s=since_s), found[-1]

    @property
    def last_seq(self) -> int:
        return max((window["seq"] for window in self.windows.entries()), default=0)

    def account(self, wait_s: float = 20.0) -> dict[str, int]:
        """``windows`` that came, how many were ``lost`` from number 1 on, and ``duplicates`` that their id told.

        New windows overtake those that wait, so gaps have ``wait_s`` to close. Fails where two different windows have
        one id.
        """
        with suppress(AssertionError):
            eventually(lambda: not self._missing(), wait_s)
        kept: dict[str, Window] = {}
        windows = [window | {"historical": None} for window in self.windows.entries()]
        for window in windows:
            assert kept.setdefault(window["id"], window) == window
        return {"windows": len(kept), "lost": len(self._missing()), "duplicates": len(windows) - len(kept)}

    def _missing(self) -> set[int]:
        return set(range(1, self.last_seq + 1)) - {window["seq"] for window in self.windows.entries()}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
