"""The messages of the MQTT contract, each a record; encoder, decoder, JSON Schemas and AsyncAPI are derived from them.

Within a version, messages may gain fields and words (a state, a problem code). So the decoder ignores fields and
accepts words that it does not know, while the schemas list what this version sends. A breaking change is ``fer/v2``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from edge.labels import LABEL_PATTERN
from edge.records import (
    NONE_UNREAD,
    Amount,
    CameraHealth,
    Count,
    DeliveryHealth,
    DeploymentContext,
    HostHealth,
    InferenceHealth,
    PauseReason,
    PrivacyMode,
    ProblemCode,
    RoomSuppression,
    State,
    Suppression,
    Unread,
)

BASE_TOPIC = "fer/v1"
CommandName: TypeAlias = Literal["pause"]
"""Last level of ``fer/v1/<device>/command/...``."""
DEVICE, SOURCE = r"[a-z0-9-]{3,32}", r"[a-z0-9_-]{1,32}"
"""Patterns of the ids that are levels of a topic; the configuration is checked against them too."""


def _word(known: object) -> Meta:
    """One of the values of a ``Literal``, or one that a newer version has added."""
    return Meta(max_length=64, extra_json_schema={"enum": list(get_args(known))})


DeviceId: TypeAlias = Annotated[
    str, Meta(pattern=f"^{DEVICE}$", description="Id of the device, also in the topic and in every other message.")
]
SourceId: TypeAlias = Annotated[str, Meta(pattern=f"^{SOURCE}$", description="Id of the camera, also in the topic.")]
Version: TypeAlias = Annotated[str, Meta(description="Version of fer-edge.")]
WallTime: TypeAlias = Annotated[
    datetime,
    Meta(
        tz=True,
        extra_json_schema={"pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"},
    ),
]
Clock: TypeAlias = Annotated[
    str,
    _word(Literal["synced", "unsynced"]),
    Meta(description="Whether the device knows the time; a Raspberry Pi without network does not."),
]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Label: TypeAlias = Annotated[str, Meta(pattern=LABEL_PATTERN)]
Colour: TypeAlias = Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")]
Emotions: TypeAlias = Annotated[
    dict[Label, Share],
    Meta(
        min_length=2,
        max_length=20,
        description="Share of each label of info. The shares sum to 1; they are multiples of 0.05, or of 0.001 where"
        " min_people is 1.",
    ),
]
Dominant: TypeAlias = Annotated[
    Label | None, Meta(description="The emotion with the largest share, the first of equals; null without emotions.")
]


class Model(Struct, frozen=True):
    """Which classifier judged the faces."""

    id: Annotated[str, Meta(description="Its name.")]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="Hash of its file.")]
    head: Annotated[
        str,
        Meta(
            description="Which of its heads: ferplus predicts how annotators' votes spread over the emotions, fer2013"
            " the label of FER2013; other models name their own."
        ),
    ]
    device: Annotated[
        str, _word(Literal["cpu", "edgetpu"]), Meta(description="The processor that the classifier runs on.")
    ]


class WindowTime(Struct, frozen=True):
    """When the window was."""

    start: Annotated[WallTime | None, Meta(description="Start in UTC; null while the clock is not set.")]
    end: Annotated[WallTime | None, Meta(description="End in UTC; null while the clock is not set.")]
    duration_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="Length in seconds, by a clock that is never set; the last window of a run is shorter, even 0.",
        ),
    ]
    clock: Clock


class FrameCounts(Struct, frozen=True):
    """Frames in this window."""

    captured: Annotated[Count, Meta(description="Frames that the camera delivered.")]
    analysed: Annotated[Count, Meta(description="Frames in which faces were looked for.")]
    dropped: Annotated[Count, Meta(description="Frames skipped because a newer one had arrived.")]


class FaceCounts(Struct, frozen=True):
    """How many people were seen, and which faces are not behind emotions."""

    people: Annotated[Count, Meta(description="Different people; one who leaves and returns counts twice.")]
    max_at_once: Annotated[Count, Meta(description="Most people at the same time.")]
    mean_at_once: Annotated[Amount, Meta(description="Mean over the analysed frames.")]
    visits: Annotated[
        Count | None, Meta(description="Visits that ended in this window; null unless privacy.mode is visits.")
    ] = None
    still: Annotated[
        Count,
        Meta(description="Faces that never moved, such as posters; they count nowhere else."),
    ] = 0
    unread: Annotated[Unread, Meta(description="Readings of people that were left out, by reason.")] = NONE_UNREAD


class Basis(Struct, frozen=True):
    """What emotions are a mean of. Nobody has a larger share in it than 1/people."""

    kind: Annotated[
        str,
        _word(PrivacyMode),
        Meta(description="room: moments with people in view together; visits: people in view one after the other."),
    ]
    people: Annotated[
        int,
        Meta(ge=1, le=10**6, description="Fewest people in view in any of the moments, or the number of visits."),
    ]
    start: Annotated[WallTime | None, Meta(description="The first moment in UTC; null while the clock is not set.")] = (
        field(name="from")
    )
    end: Annotated[WallTime | None, Meta(description="The last moment in UTC; null while the clock is not set.")] = (
        field(name="to")
    )


class Gathering(Struct, frozen=True):
    """How many visits there are towards the next emotions."""

    visits: Annotated[Count, Meta(description="Visits that have ended since emotions were last published.")]
    needed: Annotated[int, Meta(ge=1, le=100, description="Visits that are published together: privacy.min_people.")]


class Aggregate(Struct, frozen=True, kw_only=True, tag_field="schema", tag="fer-edge/aggregate/1"):
    """What one camera saw in one time window; published once per id."""

    id: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9-]{3,32}(-[0-9a-f]{8})?-[0-9]{12}$",
            description="Key of this window; a message with the same id is the same window, delivered again.",
        ),
    ]
    seq: Annotated[
        int,
        Meta(ge=1, le=999_999_999_999, description="Number of this window, one more than the last; a gap means loss."),
    ]
    device: DeviceId
    source: SourceId
    window: WindowTime
    historical: Annotated[bool, Meta(description="True for a window that waited through an outage.")]
    frames: FrameCounts
    faces: FaceCounts
    emotions: Annotated[
        Emotions | None,
        Meta(description="Mean mood of enough people, as basis says; null if nobody was seen, or see suppressed."),
    ]
    dominant: Dominant
    uncertain: Annotated[
        Share | None,
        Meta(
            description="Share of the readings behind emotions that are below the confidence threshold, rounded like"
            " them; null without emotions."
        ),
    ]
    suppressed: Annotated[
        Annotated[str, _word(Suppression)] | None,
        Meta(description="Why emotions are withheld; null if they are not, or nobody was seen."),
    ]
    model: Model
    basis: Annotated[Basis | None, Meta(description="What emotions are a mean of; null without emotions.")] = None
    gathering: Annotated[
        Gathering | None, Meta(description="Visits towards the next emotions; null unless privacy.mode is visits.")
    ] = None

    def replayed(self) -> Aggregate:
        """The same window, marked as one that waited through an outage."""
        return msgspec.structs.replace(self, historical=True)


class Live(Struct, frozen=True, kw_only=True, tag_field="schema", tag="fer-edge/live/1"):
    """The newest reading of one camera, for gauges; may be lost."""

    device: DeviceId
    source: SourceId
    time: Annotated[WallTime | None, Meta(description="When this was, in UTC; null while the clock is not set.")]
    clock: Clock
    people: Annotated[Count, Meta(description="People in view.")]
    emotions: Annotated[
        Emotions | None, Meta(description="Mean over the people in view; null if nobody is, or see suppressed.")
    ]
    dominant: Dominant
    suppressed: Annotated[
        Annotated[str, _word(RoomSuppression)] | None,
        Meta(description="Why emotions are withheld; null if they are not, or nobody is in view."),
    ]


class ReportedProblem(Struct, frozen=True):
    """Something a person should know."""

    code: Annotated[str, _word(ProblemCode), Meta(description="For programs.")]
    sentence: Annotated[str, Meta(description="For people.")]


class PausedUntil(Struct, frozen=True):
    """The camera is closed on purpose."""

    reason: Annotated[
        str,
        _word(PauseReason),
        Meta(
            description="command: over MQTT; button: somebody at the device; quiet_hours: configured;"
            " clock_unsynced: there are quiet hours, and the device does not know the time."
        ),
    ]
    until: Annotated[WallTime | None, Meta(description="When it ends, in UTC; null if that is not known.")]


class Status(Struct, frozen=True, kw_only=True, tag_field="schema", tag="fer-edge/status/1"):
    """How the device is; sent every 60 seconds and on change."""

    device: DeviceId
    state: Annotated[
        str,
        _word(State),
        Meta(description="degraded: running, with a problem that a person should know; paused: see paused."),
    ]
    problems: Annotated[tuple[ReportedProblem, ...], Meta(description="What is wrong now; empty when all is well.")]
    camera: CameraHealth
    inference: InferenceHealth
    mqtt: DeliveryHealth
    host: HostHealth
    uptime_s: Annotated[Amount, Meta(description="Seconds since the daemon started.")]
    version: Version
    clock: Clock
    paused: Annotated[
        PausedUntil | None, Meta(description="Why and until when the camera is closed; null if it is not.")
    ] = None


class PauseCommand(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator writes to ``command/pause``: close the camera, or open it again."""

    paused: Annotated[bool, Meta(description="Whether to pause; false ends only a pause that a command began.")]
    minutes: Annotated[
        Annotated[float, Meta(gt=0, le=10_080)] | None,
        Meta(description="How long, at most a week; null or absent: until it is resumed, over restarts too."),
    ] = None


class Privacy(Struct, frozen=True):
    """What is withheld."""

    min_people: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Emotions are means over at least this many people: those in view at the same moment, or as"
            " many visits.",
        ),
    ]
    counts_only: Annotated[bool, Meta(description="Whether emotions are always withheld.")]
    mode: Annotated[str, _word(PrivacyMode), Meta(description="Who those people are, see basis.")] = "room"


class Context(Struct, frozen=True, omit_defaults=True):
    """Where the device stands; what is not configured is absent."""

    site: Annotated[str, Meta(description="The building or place.")] = ""
    room: Annotated[str, Meta(description="The room in it.")] = ""
    page: Annotated[str, Meta(description="Web address of a page about the device.")] = ""


class Deployment(Struct, frozen=True, omit_defaults=True):
    """What kind of place the device stands in; what is not configured is absent."""

    context: Annotated[
        str,
        _word(DeploymentContext),
        Meta(description="Kind of place; education and workplace withhold emotions unless there is a lawful_basis."),
    ] = ""
    lawful_basis: Annotated[
        str, Meta(description="In the operator's words, why emotions may be inferred here nevertheless.")
    ] = ""


class Device(Struct, frozen=True, kw_only=True, tag_field="schema", tag="fer-edge/info/1"):
    """The ``info`` message: what the device is and how it is set up. Does not change while the daemon runs."""

    id: DeviceId = field(name="device")
    version: Version
    source: SourceId
    camera: Annotated[str, Meta(description="Kind and name of the camera, for people.")]
    detector: Annotated[str, Meta(description="Name of the face detector.")]
    model: Model
    labels: Annotated[
        tuple[Label, ...],
        Meta(min_length=2, max_length=20, description="The emotions, in the order of the classifier's output."),
    ]
    order: Annotated[
        tuple[Label, ...] | UnsetType,
        Meta(description="The same in the order in which to show them; absent unless the release gives one."),
    ] = UNSET
    colours: Annotated[
        dict[Label, Colour] | UnsetType,
        Meta(description="Colours in which to show some or all labels; absent unless the release gives them."),
    ] = UNSET
    window_s: Annotated[float, Meta(ge=1, le=3600, description="Length of a window in seconds.")]
    privacy: Privacy
    context: Context
    deployment: Deployment = Deployment()
    commands: Annotated[
        tuple[Annotated[str, _word(CommandName)], ...], Meta(description="The commands that the device obeys.")
    ] = ()

    def topic(self, name: str) -> str:
        """The full topic of ``status``, ``cam0/aggregate`` and so on."""
        return f"{BASE_TOPIC}/{self.id}/{name}"


class Availability(Struct, frozen=True):
    """Whether the device is connected. The only message that is not JSON but a word."""

    device: DeviceId
    online: bool


Record: TypeAlias = Aggregate | Live | Status | Device | Availability
