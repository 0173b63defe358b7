"""The pause button: presses of a line, and lines that are not there."""

from __future__ import annotations

import queue
import threading

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


def test_a_line_that_no_chip_has_is_named() -> None:
    pytest.importorskip("gpiod")

    with pytest.raises(ConfigError, match=r"privacy\.pause_button is 'GPIO99': none of \d+ GPIO chips has that line"):
        GpioLine("GPIO99")


def test_without_gpiod_the_operator_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gpiod", None)

    with pytest.raises(ConfigError, match=r"install fer-edge\[button\]"):
        GpioLine("GPIO17")
