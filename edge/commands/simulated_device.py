"""A simulated device: people and moods are random walks, everything from the publisher on is the real code.

Every fourth device has no privacy threshold, every fifth is a kiosk, every tenth publishes counts only, and one in
twenty is too hot, so that a dashboard has each case to show.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from random import Random

from edge import __version__
from edge.config import MqttConfig
from edge.labels import EMOTIONS
from edge.mqtt.messages import Context, Deployment, Device, Model, Privacy
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.wallclock import WallClock
from edge.records import (
    Basis,
    CameraHealth,
    CountsOnly,
    EmotionScores,
    Health,
    HostHealth,
    InferenceHealth,
    Percentiles,
    PrivacyMode,
    Problem,
    RoomReading,
    RoomSuppression,
    Suppression,
    WindowSummary,
)

FPS = 10

_DAY_S = 86_400.0
_WALK_S = 900.0
"""Half-life of the random walks."""
_STAY_S = 120.0
"""How long a person stays."""
_USUAL = dict.fromkeys(EMOTIONS, 0.02) | {"happy": 0.25, "neutral": 0.5, "sad": 0.06, "surprise": 0.08}


@dataclass(frozen=True, slots=True)
class Plan:
    """What every simulated device does: a window every ``window_s``, a live reading every ``live_s`` (0: none).

    Devices are named ``<prefix>-0001`` and so on; the same ``seed`` gives the same rooms.
    """

    broker: MqttConfig
    window_s: float = 60.0
    live_s: float = 0.5
    prefix: str = "sim"
    seed: int = 0
    discoverable: bool = False
    labels: tuple[str, ...] = EMOTIONS


class SimulatedRoom:
    """People and moods as slow random walks around a daily cycle; each room has its own noon, so some are busy."""

    def __init__(
        self,
        random: Random,
        *,
        min_people: int = 3,
        counts_only: CountsOnly | None = None,
        mode: PrivacyMode = "room",
        labels: tuple[str, ...] = EMOTIONS,
    ) -> None:
        self._labels = labels
        self._random, self._min_people, self._counts_only = random, min_people, counts_only
        self._is_kiosk, self._gathered = mode == "visits", 0
        self._size = random.uniform(2.0, 12.0)
        self._noon_s = random.uniform(0.0, _DAY_S)
        self._crowd = random.gauss(0.0, 1.0)
        self._mood = [random.gauss(0.0, 1.0) for _ in labels]
        self._walked_s: float | None = None

    def read(self, now_s: float) -> RoomReading:
        """The room at ``now_s``; with a privacy threshold a live reading has no emotions."""
        people = round(self._present(now_s))
        shown = people > 0 and self._min_people == 1 and not self._counts_only
        why: RoomSuppression = self._counts_only or "windows_only"
        return RoomReading(people, self._emotions() if shown else None, why if people and not shown else None)

    def summarise(self, start_s: float, end_s: float) -> WindowSummary:
        """The window, after moving the random walks on to its end."""
        at_once, random = self._present(end_s), self._random
        most = math.ceil(at_once + random.random() * at_once / 3) if at_once >= 0.5 else 0
        mean = min(at_once, most)
        people = most + round(mean * (end_s - start_s) / _STAY_S)
        captured = round((end_s - start_s) * FPS)
        at_least = visits = gathered = None
        if self._is_kiosk:
            visits = people
            self._gathered += visits
            at_least, gathered = (
                self._gathered // self._min_people * self._min_people,
                self._gathered % self._min_people,
            )
            self._gathered = gathered
        fewest = max(at_least if at_least is not None else most - 1, self._min_people)
        enough = most >= self._min_people if at_least is None else at_least > 0
        shown = enough and not self._counts_only
        why: Suppression = self._counts_only or ("gathering" if self._is_kiosk else "too_few_people")
        parts = 20 if self._min_people > 1 else 1000
        return WindowSummary(
            start_s=start_s,
            end_s=end_s,
            captured=captured,
            analysed=captured - (random.random() < 0.1 and captured > 0),
            people=people,
            max_at_once=most,
            mean_at_once=mean,
            emotions=self._emotions().rounded(parts) if shown else None,
            uncertain=round(random.uniform(0.0, 0.3) * parts) / parts if shown else None,
            suppressed=why if people and not shown else None,
            basis=Basis("visits" if self._is_kiosk else "room", fewest, start_s, end_s) if shown else None,
            visits=visits,
            gathered=None if self._counts_only else gathered,
        )

    def _present(self, now_s: float) -> float:
        """How many people are there around now, on average."""
        self._walk(now_s)
        daylight = math.cos((now_s - self._noon_s) / _DAY_S * math.tau)
        return self._size * max(0.0, 0.4 + daylight) * math.exp(0.4 * self._crowd)

    def _walk(self, now_s: float) -> None:
        """An Ornstein-Uhlenbeck process: its spread does not depend on how often it is read."""
        kept = 0.5 ** ((now_s - (now_s if self._walked_s is None else self._walked_s)) / _WALK_S)
        step = math.sqrt(1 - kept**2)
        self._walked_s = now_s
        self._crowd = kept * self._crowd + step * self._random.gauss(0.0, 1.0)
        self._mood = [kept * value + step * self._random.gauss(0.0, 1.0) for value in self._mood]

    def _emotions(self) -> EmotionScores:
        moods = zip(self._labels, self._mood, strict=True)
        weights = [_USUAL.get(name, 0.1) * math.exp(0.7 * value) for name, value in moods]
        return EmotionScores(tuple(weight / sum(weights) for weight in weights), self._labels)


class SimulatedDevice:
    """Device ``number`` of a plan. Its ids are new in every run."""

    def __init__(self, plan: Plan, number: int) -> None:
        min_people = 1 if number % 4 == 0 else 3
        mode: PrivacyMode = "visits" if number % 5 == 0 else "room"
        at_work = number % 20 == 0
        counts_only: CountsOnly | None = "context" if at_work else "counts_only" if number % 10 == 0 else None
        self.device = Device(
            id=f"{plan.prefix}-{number:04d}",
            source="cam0",
            version=__version__,
            camera="simulated",
            detector="simulated",
            model=Model("simulated", "0" * 64, "simulated", "cpu"),
            window_s=plan.window_s,
            labels=plan.labels,
            privacy=Privacy(min_people, counts_only is not None, mode),
            context=Context("simulation", f"room {number}"),
            deployment=Deployment("workplace" if at_work else "event"),
        )
        # Of a fleet that nobody listens to, no more than this waits in memory.
        self.outbox = Outbox(None, self.device.id, window_s=plan.window_s, max_rows=500)
        self.publisher = Publisher(plan.broker, self.device, self.outbox, WallClock(), discoverable=plan.discoverable)
        self._window_s = plan.window_s
        random = Random(f"{plan.seed} {number}")
        self._room = SimulatedRoom(
            random, min_people=min_people, counts_only=counts_only, mode=mode, labels=plan.labels
        )
        self._is_hot = number % 20 == 7
        self._started_s = time.monotonic()
        self.windows = 0
        """Windows made so far."""

    @property
    def undelivered(self) -> int:
        """Windows that wait or were given up."""
        outbox = self.outbox
        return outbox.depth + outbox.dropped + outbox.unheard + outbox.set_aside

    def publish_window(self, due_s: float) -> None:
        """The window that ended at ``due_s``."""
        self.windows += 1
        self.publisher.publish_window(self._room.summarise(due_s - self._window_s, due_s))

    def publish_live(self, due_s: float) -> None:
        """The room at ``due_s``."""
        self.publisher.publish_live(self._room.read(due_s))

    def publish_status(self, _due_s: float) -> None:
        """The health, as it is when it is sent."""
        problems = (Problem("throttled", "The processor is slowed down by heat."),) if self._is_hot else ()
        self.publisher.publish_status(
            lambda: Health(
                state="degraded" if self._is_hot else "running",
                problems=problems + self.publisher.problems,
                camera=CameraHealth("simulated", FPS, 0.05, 0, 0, 0),
                inference=InferenceHealth("cpu", Percentiles(30.0, 45.0), Percentiles(4.0, 6.0)),
                mqtt=self.publisher.health,
                host=HostHealth(82.0 if self._is_hot else 55.0, self._is_hot, None, None),
                uptime_s=time.monotonic() - self._started_s,
                version=__version__,
            )
        )
