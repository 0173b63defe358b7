"""Fixtures that tests of several folders share."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from edge.labels import EMOTIONS
from edge.mqtt.messages import Context, Device, Model, Privacy
from tests.faults.report import Record
from tests.support.daemon import Daemon, StartDaemon
from tests.support.fake_broker import FakeBroker, MakeFakeBroker
from tests.support.mosquitto import Mosquitto, StartMosquitto
from tests.support.paths import ROOT
from tests.support.preview import Preview, StartPreview, start_preview
from tests.support.recorder import RunningRecorder, StartRecorder, start_recorder

record = Record()

# Hypothesis times each example by the clock, which also runs while a busy machine does something else.
settings.register_profile("patient", settings(deadline=None))
settings.load_profile("patient")


def pytest_configure() -> None:
    # A shell ignores Ctrl-C in what it runs in the background, and so would the programs that tests send it to.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    record.add(item, report)
    return report


def pytest_itemcollected(item: pytest.Item) -> None:
    record.collect(item)


def pytest_sessionfinish() -> None:
    if path := os.environ.get("FER_FAULTS"):
        record.write(Path(path))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data, models and clips that are never committed: the folder ``FER_SHARED``, or ``shared`` beside the checkout."""
    folder = Path(os.environ.get("FER_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared data folder ({folder} is absent; name it with FER_SHARED)")
    return folder


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[StartMosquitto]:
    """``mosquitto(*settings, start=True)`` starts a real broker; any number of them, all killed in the end."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs the mosquitto program: apt-get install mosquitto")
        pytest.skip("needs the mosquitto program (apt-get install mosquitto, brew install mosquitto)")
    brokers: list[Mosquitto] = []

    def make(*settings: str, start: bool = True) -> Mosquitto:
        folder = tmp_path / f"broker{len(brokers)}"
        folder.mkdir()
        brokers.append(Mosquitto(program, folder, settings or ["allow_anonymous true"]))
        if start:
            brokers[-1].start()
        return brokers[-1]

    yield make
    for broker in brokers:
        broker.kill()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[StartDaemon]:
    """``daemon(port, start=True, camera={...}, window={...}, ...)`` starts the real daemon, see ``Daemon``."""
    daemons: list[Daemon] = []

    def make(port: int, *, start: bool = True, **options: Any) -> Daemon:
        daemons.append(Daemon(tmp_path / f"daemon{len(daemons)}", port, **options))
        if start:
            daemons[-1].start()
        return daemons[-1]

    yield make
    for one in daemons:
        one.close()
        print("\n".join(one.journal.entries()))  # noqa: T201 - shown where a test fails


@pytest.fixture
def preview(tmp_path: Path) -> Iterator[StartPreview]:
    """``preview(*arguments, camera={...}, ...)`` starts the real preview, see ``start_preview``."""
    started: list[Preview] = []

    def make(*arguments: str, **sections: Any) -> Preview:
        started.append(start_preview(tmp_path / f"preview{len(started)}", *arguments, **sections))
        return started[-1]

    yield make
    for one in started:
        one.close()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[StartRecorder]:
    """``recorder(record, *brokers)`` starts the real recorder; any number of them, one after the other."""
    started: list[RunningRecorder] = []

    def make(record: Path, *brokers: Mosquitto) -> RunningRecorder:
        started.append(start_recorder(tmp_path / f"recorder{len(started)}.log", record, *brokers))
        return started[-1]

    yield make
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def fake_broker() -> Iterator[MakeFakeBroker]:
    """``fake_broker(...)``, see there."""
    brokers: list[FakeBroker] = []

    def make(**manners: Any) -> FakeBroker:
        brokers.append(FakeBroker(**manners))
        return brokers[-1]

    yield make
    for one in brokers:
        one.close()


@pytest.fixture
def device() -> Device:
    """A device as the service describes it."""
    return Device(
        id="fer-1a2b3c4d",
        source="cam0",
        version="0.1.0",
        camera="replay astronaut.mp4",
        detector="haar-alt2",
        model=Model("student-0-1408ba4a", "ab" * 32, "ferplus", "cpu"),
        window_s=60.0,
        labels=EMOTIONS,
        privacy=Privacy(min_people=3, counts_only=False),
        context=Context(site="foyer"),
    )
