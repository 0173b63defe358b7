"""The records of the pipeline, from image to window summary, and of the daemon's health.

All are frozen; pixels are numpy arrays, small vectors are tuples. A time named ``*_s`` is in seconds on the monotonic
clock, or on the clip's own clock if a clip is replayed as fast as possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from edge.labels import EMOTIONS

if TYPE_CHECKING:  # commands that only speak MQTT start without numpy
    import numpy as np
    import numpy.typing as npt

Pixels: TypeAlias = "npt.NDArray[np.uint8]"
"""Luma, shape (height, width), 0 black to 255 white."""

Suppression: TypeAlias = Literal["too_few_people", "counts_only"]
"""Why a window withholds its emotions."""
RoomSuppression: TypeAlias = Literal["windows_only", "counts_only"]
"""Why the room's newest state does."""


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
    """A box in whole pixels, inside the frame and never empty, with the detector's confidence 0..1.

    Left and top lie inside the box, right and bottom just outside, as in a slice.
    """

    left_px: int
    top_px: int
    right_px: int
    bottom_px: int
    confidence: float

    def __post_init__(self) -> None:
        if not (0 <= self.left_px < self.right_px and 0 <= self.top_px < self.bottom_px):
            raise ValueError(f"face box {self} is empty or begins outside the frame")

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
    """One probability per emotion, in ``EMOTIONS`` order; each 0..1, their sum 1."""

    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.probabilities) != len(EMOTIONS):
            raise ValueError(f"{len(self.probabilities)} probabilities, expected {len(EMOTIONS)}")
        if not all(-1e-6 <= p <= 1 + 1e-6 for p in self.probabilities):
            raise ValueError(f"probabilities {self.probabilities} leave 0..1")
        if abs(sum(self.probabilities) - 1) > 1e-3:
            raise ValueError(f"probabilities sum to {sum(self.probabilities):.4f}, expected 1")

    @property
    def dominant(self) -> str:
        """The emotion with the highest probability; the first of equals."""
        return EMOTIONS[self.probabilities.index(max(self.probabilities))]

    @property
    def confidence(self) -> float:
        """The highest probability."""
        return max(self.probabilities)


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
    """What one confirmed track's face shows in one frame."""

    track: Track
    scores: EmotionScores


@dataclass(frozen=True, slots=True)
class Observation:
    """All readings of one analysed frame. No reading is a fact (an empty room), not an error."""

    sequence: int
    captured_at_s: float
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class WindowSummary:
    """What one time window saw.

    ``people`` counts distinct confirmed tracks, ``mean_at_once`` averages over analysed frames. ``emotions`` is the
    mean over people (each person counts the same, however long in view) of the readings with enough people in view, or
    None: with ``suppressed`` None nobody was seen, otherwise emotions are withheld for that reason. ``uncertain`` is
    the share of those readings whose best probability is below the classifier's threshold; None with ``emotions``.
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


State: TypeAlias = Literal["starting", "running", "degraded", "stopping"]
"""What the daemon says about itself: degraded means that it runs with a problem a person should know."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know: a stable ``code`` for machines and one sentence."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Median and 95th percentile of the last minute's durations, in milliseconds."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """How the camera delivers; ``last_frame_age_s`` is None before the first frame."""

    source: str
    fps: float
    last_frame_age_s: float | None
    stalls: int
    reopens: int


@dataclass(frozen=True, slots=True)
class InferenceHealth:
    """Where the classifier runs (``cpu`` or ``edgetpu``) and how long it takes; None before the first face."""

    device: str
    detect_ms: Percentiles | None
    classify_ms: Percentiles | None


@dataclass(frozen=True, slots=True)
class DeliveryHealth:
    """How windows reach the broker: rows waiting, age of the oldest, rows given up, connections lost since the
    start, and the time since the broker last acknowledged anything (None: never).
    """

    outbox: int
    oldest_s: float | None
    dropped: int
    reconnects: int
    last_ack_age_s: float | None


@dataclass(frozen=True, slots=True)
class HostHealth:
    """The machine itself; None for what it cannot tell."""

    cpu_temp_c: float | None
    throttled: bool | None
    rss_mb: float | None
    disk_free_mb: float | None


@dataclass(frozen=True, slots=True)
class Health:
    """Everything ``status`` says, except the state of the wall clock, which ``message`` adds."""

    state: State
    problems: tuple[Problem, ...]
    camera: CameraHealth
    inference: InferenceHealth
    mqtt: DeliveryHealth
    host: HostHealth
    uptime_s: float
    version: str
