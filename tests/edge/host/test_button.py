"""The pause button: presses of a line, and lines that are not there."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ConfigError
from edge.host.button import Button, GpioLine


class ScriptedLine:
    """A line that is pressed when the test says so, or breaks."""

    def __init__(self) -> None:
        self.presses: queue.Queue[OSError | None] = queue.Queue()
        self.closed = False

    def wait(self, timeout_s: float) -> bool:
        try:
            error = self.presses.get(timeout=min(timeout_s, 0.01))
        except queue.Empty:
            return False
        if error is not None:
            raise error
        return True

    def close(self) -> None:
        self.closed = True


def test_every_press_is_told_until_the_stop() -> None:
    line, told = ScriptedLine(), threading.Semaphore(0)
    button = Button(line, told.release)

    button.start()
    line.presses.put(None)
    line.presses.put(None)

    assert told.acquire(timeout=10)
    assert told.acquire(timeout=10)
    button.stop()
    assert not button.is_alive()
    assert line.closed
    assert not told.acquire(blocking=False)


def test_a_line_that_breaks_is_said_once_and_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    line = ScriptedLine()
    button = Button(line, lambda: None)
    line.presses.put(OSError(5, "Input/output error"))

    button.start()
    button.join(10)
    button.stop()

    assert "the pause button does not work any more (Input/output error)" in caplog.text
    assert line.closed


class FakeGpiod:
    """The part of gpiod that opens a line: chips by name, with their lines, or the error that they give."""

    def __init__(self, chips: dict[str, tuple[str, ...] | OSError], *, busy: bool = False) -> None:
        import gpiod

        self.line, self.LineSettings = gpiod.line, gpiod.LineSettings
        self.requested: list[tuple[str, Any]] = []
        self.presses: list[bool] = []
        self._chips, self._busy = chips, busy

    def Chip(self, path: str) -> Any:  # noqa: N802 - gpiod's name
        known = self._chips[Path(path).name]
        if isinstance(known, OSError):
            raise known
        lines: tuple[str, ...] = known

        class Chip:
            def __enter__(self) -> Chip:
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def line_offset_from_id(self, name: str) -> int:
                if name not in lines:
                    raise OSError(2, "No such file or directory")
                return lines.index(name)

        return Chip()

    def request_lines(self, path: str, config: dict[str, Any], consumer: str) -> FakeGpiod:
        if self._busy:
            raise OSError(16, "Device or resource busy")
        self.requested.append((Path(path).name, config))
        return self

    def wait_edge_events(self, _timeout_s: float) -> bool:
        return bool(self.presses)

    def read_edge_events(self) -> list[bool]:
        return [self.presses.pop()]

    def release(self) -> None:
        self.requested.append(("released", None))


OpenLine = Callable[..., tuple[GpioLine, FakeGpiod]]


@pytest.fixture
def open_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenLine:
    """``open_line(name, gpiochip0=(lines), gpiochip1=error, busy=False)``."""
    pytest.importorskip("gpiod")

    def make(name: str, *, busy: bool = False, **chips: tuple[str, ...] | OSError) -> tuple[GpioLine, FakeGpiod]:
        for chip in chips:
            (tmp_path / chip).touch()
        fake = FakeGpiod(chips, busy=busy)
        monkeypatch.setitem(sys.modules, "gpiod", fake)
        return GpioLine(name, tmp_path), fake

    return make


def test_the_line_is_taken_from_the_chip_that_has_it_and_given_back(open_line: OpenLine) -> None:
    line, gpiod = open_line("GPIO17", gpiochip0=("PWR",), gpiochip4=("GPIO2", "GPIO17"))

    (chip, config) = gpiod.requested[0]
    settings = config["GPIO17"]
    line.close()

    assert chip == "gpiochip4"
    assert (settings.active_low, settings.bias.name, settings.direction.name) == (True, "PULL_UP", "INPUT")
    assert gpiod.requested[-1][0] == "released"


def test_a_press_is_an_edge_that_is_read_once(open_line: OpenLine) -> None:
    line, gpiod = open_line("GPIO17", gpiochip0=("GPIO17",))

    gpiod.presses.append(True)

    assert line.wait(0.0)
    assert not line.wait(0.0)


@pytest.mark.parametrize(
    ("chips", "told"),
    [
        ({"gpiochip0": ("GPIO17",), "busy": True}, r"GPIO17: .*gpiochip0 refuses it \(Device or resource busy\)"),
        (
            {"gpiochip0": PermissionError(13, "Permission denied")},
            "may not be opened by this user .*pause-button",
        ),
        ({"gpiochip0": ("GPIO2",), "gpiochip1": OSError(5, "I/O error")}, "none of 2 GPIO chips has that line"),
    ],
)
def test_a_line_that_cannot_be_taken_is_told_with_the_reason(
    open_line: OpenLine, chips: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as refusal:
        open_line("GPIO17", **chips)

    assert refusal.value.exit_code == 78


def test_a_line_that_no_chip_has_is_named() -> None:
    pytest.importorskip("gpiod")

    with pytest.raises(ConfigError, match=r"privacy\.pause_button is 'GPIO99': none of \d+ GPIO chips has that line"):
        GpioLine("GPIO99")


def test_without_gpiod_the_operator_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)

    with pytest.raises(ConfigError, match=r"install fer-edge\[button\]"):
        GpioLine("GPIO17")
