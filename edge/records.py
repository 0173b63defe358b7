"""The records of the pipeline, from image to window summary, and of the daemon's health.

All are frozen; pixels are numpy arrays, small vectors are tuples. A time named ``*_s`` is in seconds on the monotonic
clock, or on the clip's own clock if a clip is replayed as fast as possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from msgspec import Meta

from edge.labels import EMOTIONS

if TYPE_CHECKING:  # commands that only use MQTT start without numpy
    import numpy as np
    import numpy.typing as npt

Count: TypeAlias = Annotated[int, Meta(ge=0, le=10**12)]
Amount: TypeAlias = Annotated[float, Meta(ge=0, le=1e12)]
"""Bounds of what is published; records with descriptions are published as they are."""

Pixels: TypeAlias = "npt.NDArray[np.uint8]"
"""Luma, shape (height, width), 0 black to 255 white."""

CountsOnly: TypeAlias = Literal["counts_only", "context"]
"""Why a device never publishes emotions: it is set so, or inferring them is prohibited where it stands."""
DeploymentContext: TypeAlias = Literal[
    "kiosk", "retail", "event", "home", "research", "healthcare", "education", "workplace"
]
"""Kinds of places that a device can stand in."""
PrivacyMode: TypeAlias = Literal["room", "visits"]
"""Whose moods are averaged: the people in view at the same moment, or the last visitors of a kiosk."""
Suppression: TypeAlias = Literal["too_few_people", "unreadable", "gathering", CountsOnly]
"""Why a window withholds its emotions."""
RoomSuppression: TypeAlias = Literal["windows_only", "unreadable", CountsOnly]
"""Why the room's newest state does."""
Unreadable: TypeAlias = Literal["too_small", "blurred", "dark", "turned"]
"""Why a face is not classified."""


@dataclass(frozen=True, slots=True)
class Image:
    """One grey image as a camera delivers it."""

    captured_at_s: float
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Frame:
    """An image that ``Capture`` has numbered: ``sequence`` grows by one per image read; a gap means lost frames."""

    sequence: int
    captured_at_s: float
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Face:
    """A box in whole pixels, never empty, with the detector's confidence 0..1. It may leave the frame as a head may.

    Left and top lie inside the box, right and bottom just outside, as in a slice. ``turn`` is how far the nose is from
    between the eyes, in distances of the eyes; 0 where the detector finds no eyes.
    """

    left_px: int
    top_px: int
    right_px: int
    bottom_px: int
    confidence: float
    turn: float = 0.0

    def __post_init__(self) -> None:
        if self.left_px >= self.right_px or self.top_px >= self.bottom_px:
            raise ValueError(f"face box {self} is empty")

    @property
    def width_px(self) -> int:
        """Columns of the box."""
        return self.right_px - self.left_px

    @property
    def height_px(self) -> int:
        """Rows of the box."""
        return self.bottom_px - self.top_px

    @property
    def centre_px(self) -> tuple[float, float]:
        """Column and row of the middle."""
        return (self.left_px + self.right_px) / 2, (self.top_px + self.bottom_px) / 2


@dataclass(frozen=True, slots=True)
class EmotionScores:
    """One probability per label of the classifier, in the order of ``labels``; each 0..1, their sum 1."""

    probabilities: tuple[float, ...]
    labels: tuple[str, ...] = EMOTIONS

    def __post_init__(self) -> None:
        if len(self.probabilities) != len(self.labels):
            raise ValueError(f"{len(self.probabilities)} probabilities, expected {len(self.labels)}")
        if not all(-1e-6 <= p <= 1 + 1e-6 for p in self.probabilities):
            raise ValueError(f"probabilities {self.probabilities} leave 0..1")
        if abs(sum(self.probabilities) - 1) > 1e-3:
            raise ValueError(f"probabilities sum to {sum(self.probabilities):.4f}, expected 1")

    @property
    def dominant(self) -> str:
        """The label with the highest probability; the first of equals."""
        return self.labels[self.probabilities.index(max(self.probabilities))]

    @property
    def confidence(self) -> float:
        """The highest probability."""
        return max(self.probabilities)

    def rounded(self, parts: int) -> EmotionScores:
        """Whole multiples of 1/parts that sum to 1: the largest remainders are rounded up (Hamilton's method)."""
        total = sum(self.probabilities)
        exact = [parts * max(p, 0.0) / total for p in self.probabilities]
        whole = [int(share) for share in exact]
        by_remainder = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
        for i in by_remainder[: parts - sum(whole)]:
            whole[i] += 1
        return EmotionScores(tuple(part / parts for part in whole), self.labels)


@dataclass(frozen=True, slots=True)
class Track:
    """One person while in view. ``id`` is a counter that never leaves the device.

    ``confirmed`` once two detections agree, so that a single false face never counts as a person.
    """

    id: int
    face: Face
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """The emotions of one confirmed track in one frame."""

    track: Track
    scores: EmotionScores


@dataclass(frozen=True, slots=True)
class UnreadFace:
    """A confirmed track whose face was not classified in one frame, because the result would not be honest."""

    track: Track
    reason: Unreadable


@dataclass(frozen=True, slots=True)
class Observation:
    """What one analysed frame shows. An empty room has no readings, which is not an error.

    Everybody in view is in ``readings`` or ``unread``. Faces that never moved are in ``still``; those of which it is
    not known yet are nowhere.
    """

    sequence: int
    captured_at_s: float
    readings: tuple[Reading, ...]
    unread: tuple[UnreadFace, ...] = ()
    still: tuple[Track, ...] = ()

    @property
    def people(self) -> tuple[Track, ...]:
        """Everybody in view."""
        return (*(reading.track for reading in self.readings), *(face.track for face in self.unread))


@dataclass(frozen=True, slots=True)
class Unread:
    """Readings left out because the face could not be read honestly: one per face and analysed frame."""

    too_small: Annotated[Count, Meta(description="Too few pixels high.")] = 0
    blurred: Annotated[Count, Meta(description="Out of focus, or in fast motion.")] = 0
    dark: Annotated[Count, Meta(description="Too little light, or too little contrast.")] = 0
    turned: Annotated[Count, Meta(description="Turned too far away from the camera.")] = 0


NONE_UNREAD = Unread()


@dataclass(frozen=True, slots=True)
class Basis:
    """What emotions are a mean of: the moments of a room, or the visits of a kiosk. Nobody's share exceeds 1/people."""

    kind: PrivacyMode
    people: int
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class WindowSummary:
    """What one time window saw.

    ``people`` counts distinct confirmed tracks, ``mean_at_once`` averages over analysed frames. ``emotions`` is a mean
    as ``basis`` says, rounded where a privacy threshold is set, or None: with ``suppressed`` None nobody was seen,
    otherwise emotions are withheld for that reason. ``uncertain`` is the share of the readings behind it whose best
    probability is below the classifier's threshold. ``basis`` and ``uncertain`` are None with ``emotions``.

    ``still`` counts faces that never moved, which are nowhere else. ``unread`` are readings left out, by reason.
    ``visits`` ended in this window, and ``gathered`` wait to be published; None without visits.
    """

    start_s: float
    end_s: float
    captured: int
    analysed: int
    people: int
    max_at_once: int
    mean_at_once: float
    emotions: EmotionScores | None
    uncertain: float | None
    suppressed: Suppression | None
    basis: Basis | None = None
    still: int = 0
    unread: Unread = NONE_UNREAD
    visits: int | None = None
    gathered: int | None = None

    @property
    def dropped(self) -> int:
        """Frames captured and not analysed."""
        return self.captured - self.analysed


@dataclass(frozen=True, slots=True)
class RoomReading:
    """The newest state of the room, for gauges: people in view now, and their mean emotions unless a privacy threshold
    is set.
    """

    people: int
    emotions: EmotionScores | None
    suppressed: RoomSuppression | None


State: TypeAlias = Literal["starting", "running", "degraded", "paused", "stopping"]
"""What the daemon says about itself: degraded means that it runs with a problem a person should know, paused that the
camera is closed on purpose."""

PauseControl: TypeAlias = Literal["command", "button"]
"""What can pause the device at any time."""
PauseReason: TypeAlias = Literal[PauseControl, "quiet_hours", "clock_unsynced"]
"""Why the camera is closed on purpose. ``clock_unsynced``: there are quiet hours, and the time is not known."""

ProblemCode: TypeAlias = Literal[
    "accelerator_missing",
    "ack_late",
    "broker_limited",
    "broker_unavailable",
    "camera_frozen",
    "camera_stalled",
    "client_id_conflict",
    "disk_low",
    "frame_rate_lowered",
    "model_rolled_back",
    "outbox_degraded",
    "publication_refused",
    "throttled",
    "version_rolled_back",
    "windows_set_aside",
]
"""Every problem that the daemon can report; docs/mqtt.md says what each means."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know: ``code`` for programs, ``sentence`` for people."""

    code: ProblemCode
    sentence: str


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Durations of the newest passes, in milliseconds."""

    p50: Annotated[Amount, Meta(description="Median.")]
    p95: Annotated[Amount, Meta(description="95th percentile.")]


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """How the camera delivers."""

    name: Annotated[str, Meta(description="Kind and name of the camera, for people.")]
    fps: Annotated[
        Amount | None,
        Meta(description="Frames analysed per second over the last half minute; null until two seconds are known."),
    ]
    last_frame_age_s: Annotated[Amount | None, Meta(description="Seconds since the last frame; null before the first.")]
    stalls: Annotated[Count, Meta(description="How often it stopped delivering.")]
    reopens: Annotated[Count, Meta(description="How often it was opened again.")]
    bad_frames: Annotated[Count, Meta(description="Damaged frames, which were skipped.")]


@dataclass(frozen=True, slots=True)
class InferenceHealth:
    """Where the classifier runs, and how long detector and classifier take."""

    device: Annotated[
        str,
        Meta(
            description="The processor that the classifier runs on.",
            max_length=64,
            extra_json_schema={"enum": ["cpu", "edgetpu"]},
        ),
    ]
    detect_ms: Annotated[
        Percentiles | None, Meta(description="To find the faces of a frame; null before the second time.")
    ]
    classify_ms: Annotated[
        Percentiles | None, Meta(description="To classify the faces of a frame; null before the second time.")
    ]


@dataclass(frozen=True, slots=True)
class DeliveryHealth:
    """How windows reach the broker."""

    outbox: Annotated[Count, Meta(description="Windows that wait.")]
    oldest_s: Annotated[
        Amount | None, Meta(description="Seconds that the oldest of them has waited; null when none waits.")
    ]
    dropped: Annotated[Count, Meta(description="Windows given up because the outbox was full, since the start.")]
    unheard: Annotated[
        Count, Meta(description="Windows given up because nobody had subscribed to them for too long, since the start.")
    ]
    set_aside: Annotated[
        Count, Meta(description="Windows that the broker will never take or the disk damaged, since the start.")
    ]
    epoch: Annotated[
        str,
        Meta(
            pattern="^[0-9a-f]{8}$",
            description="Middle part of the ids of new windows; after a new one, earlier numbers may be lost.",
        ),
    ]
    reconnects: Annotated[Count, Meta(description="Connections made after the first.")]
    last_ack_age_s: Annotated[
        Amount | None,
        Meta(description="Seconds since the broker last acknowledged anything; null before the first time."),
    ]


@dataclass(frozen=True, slots=True)
class HostHealth:
    """The machine itself; null for what it cannot tell."""

    cpu_temp_c: Annotated[float | None, Meta(description="Temperature of the processor in degrees Celsius.")]
    throttled: Annotated[bool | None, Meta(description="Whether heat or a weak power supply slows the processor down.")]
    rss_mb: Annotated[Amount | None, Meta(description="Resident memory of the daemon in MB.")]
    disk_free_mb: Annotated[Amount | None, Meta(description="Free space for the outbox in MB.")]


@dataclass(frozen=True, slots=True)
class Paused:
    """The camera is closed on purpose; ``until`` is a wall time in UTC, None if the end is not known."""

    reason: PauseReason
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """Everything ``status`` says of the daemon."""

    state: State
    problems: tuple[Problem, ...]
    camera: CameraHealth
    inference: InferenceHealth
    mqtt: DeliveryHealth
    host: HostHealth
    uptime_s: float
    version: str
    paused: Paused | None = None
