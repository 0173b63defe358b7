"""What is timed of the pipeline."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge.health import Meter, Stage
from edge.records import Percentiles
from tests.support.pipeline import FACE, camera, run


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is a second later each time it is read, so that every timed pass takes one second."""
    seconds = itertools.count()
    monkeypatch.setattr("edge.health.time.perf_counter", lambda: float(next(seconds)))


class Stopwatch(Meter):
    """Notes the name of each stage that it times."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: list[str] = []

    @contextmanager
    def time(self, stage: Stage) -> Iterator[None]:
        self.stages.append(stage)
        with super().time(stage):
            yield


def test_every_stage_is_timed_under_its_name_and_the_windows_are_counted() -> None:
    meter = Stopwatch()

    run(camera(25), (FACE,), meter=meter)

    assert set(meter.stages) == {"track", "detect", "crop", "classify", "window", "publish"}
    assert meter.stages[:4] == ["track", "detect", "track", "window"]
    assert meter.stages.count("track") == 2 * meter.stages.count("detect") == 50
    assert meter.stages.count("window") == 25
    assert meter.stages.count("publish") == 3 + 5  # windows, and the room twice a second
    assert meter.windows == 2


@pytest.mark.usefixtures("ticking")
def test_every_detection_and_every_classification_is_timed() -> None:
    meter = Meter()

    run(camera(12), (FACE,), meter=meter, detect_every=2)

    assert meter.percentiles_ms("detect") == Percentiles(1000, 1000)
    assert meter.percentiles_ms("classify") == Percentiles(1000, 1000)


@pytest.mark.usefixtures("ticking")
def test_a_stage_that_did_not_run_has_no_time() -> None:
    meter = Meter()

    run(camera(3), (), meter=meter, detect_every=2)

    assert meter.percentiles_ms("detect") is not None
    assert meter.percentiles_ms("classify") is None
