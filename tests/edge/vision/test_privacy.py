"""What ``privacy.min_people`` protects, looked at from outside: everything that is published of a scene.

The test knows nothing of how windows work. It changes one reading of the scene, what one face showed in one frame, and
looks which payloads change with it.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.mqtt.codec import Message, encode
from edge.mqtt.compose import aggregate, live
from edge.mqtt.home_assistant import discovery
from edge.mqtt.messages import Availability, Device, Privacy
from edge.mqtt.wallclock import WallClock
from edge.records import EmotionScores, Face, Observation, Reading, Track
from edge.vision.window import EmotionWindow

FACE = Face(10, 10, 60, 60, 0.9)
HAPPY, SAD = EmotionScores((0, 0, 0, 1, 0, 0, 0)), EmotionScores((0, 0, 0, 0, 1, 0, 0))
UNSURE = EmotionScores((0.4, 0.3, 0.3, 0, 0, 0, 0))
CLOCK = WallClock(wall=lambda: 1.8e9, monotonic=lambda: 200.0, is_set=lambda _: True)
WINDOW_S = 3.0

Scene = list[dict[int, EmotionScores]]
"""One frame a second: what each person in view shows."""

scenes = st.lists(st.dictionaries(st.integers(1, 5), st.sampled_from([HAPPY, SAD]), max_size=5), min_size=1, max_size=9)


def publish(device: Device, scene: Scene) -> list[Message]:
    """All that leaves the device, in order."""
    window = EmotionWindow(
        duration_s=WINDOW_S,
        min_people=device.privacy.min_people,
        counts_only="counts_only" if device.privacy.counts_only else None,
        uncertain_below=0.5,
    )
    published, seq = [encode(Availability(device.id, online=True)), encode(device), discovery(device)], 0
    for second, people in enumerate(scene):
        while summary := window.advance(float(second)):
            published.append(encode(aggregate(device, "5eed0001", seq := seq + 1, summary, CLOCK)))
        readings = tuple(Reading(Track(person, FACE, True), scores) for person, scores in people.items())
        window.add(Observation(second, float(second), readings))
        published.append(encode(live(device, window.room(), CLOCK)))
    summary = window.close(float(len(scene)))
    assert summary is not None
    return [*published, encode(aggregate(device, "5eed0001", seq + 1, summary, CLOCK))]


def dependents(device: Device, scene: Scene, second: int, person: int) -> set[int]:
    """Which payloads change when one reading does, to another mood or to an unclear one."""
    before, changed = publish(device, scene), set()
    for other in (HAPPY, SAD, UNSURE):
        changed_scene = [dict(people) for people in scene]
        changed_scene[second][person] = other
        after = publish(device, changed_scene)
        changed |= {index for index, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}
    return changed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scenes, st.integers(2, 4))
def test_each_reading_enters_one_payload_at_most_and_there_with_enough_others(
    device: Device, scene: Scene, min_people: int
) -> None:
    device = replace(device, privacy=Privacy(min_people, counts_only=False))
    behind: dict[int, set[int]] = {}

    for second, people in enumerate(scene):
        for person in people:
            payloads = dependents(device, scene, second, person)

            # No payload overlaps with another, so nothing can be subtracted from anything.
            assert len(payloads) <= 1
            # What somebody shows with too few beside them is nowhere.
            assert len(people) >= min_people or not payloads
            for payload in payloads:
                behind.setdefault(payload, set()).add(person)

    assert all(len(people) >= min_people for people in behind.values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(scenes, st.integers(1, 4))
def test_a_device_that_only_counts_publishes_the_same_whatever_the_emotions(
    device: Device, scene: Scene, min_people: int
) -> None:
    device = replace(device, privacy=Privacy(min_people, counts_only=True))

    for second, people in enumerate(scene):
        assert not any(dependents(device, scene, second, person) for person in people)


def test_the_test_can_fail(device: Device) -> None:
    scene = [{1: HAPPY, 2: HAPPY, 3: SAD}, {1: HAPPY, 2: HAPPY}]

    assert len(dependents(replace(device, privacy=Privacy(1, counts_only=False)), scene, 0, 3)) == 3
