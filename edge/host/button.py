"""A push button on a GPIO line: the only importer of gpiod."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from edge.errors import ConfigError

DEBOUNCE = timedelta(milliseconds=50)
_WAIT_S = 0.5

_log = logging.getLogger(__name__)


class Line(Protocol):
    """A line that a button pulls to ground."""

    def wait(self, timeout_s: float) -> bool:
        """Whether the button was pressed within ``timeout_s``.

        Raises:
            OSError: the line is gone.
        """

    def close(self) -> None:
        """Give the line back."""


class GpioLine:
    """A line of the Pi's header by its name, such as ``GPIO17``, with the internal pull-up resistor."""

    def __init__(self, name: str, devices: Path = Path("/dev")) -> None:
        """Take the line of the chip among ``devices`` that has it.

        Raises:
            ConfigError: gpiod is not installed, there is no such line, or it is in use.
        """
        try:
            import gpiod

            if not hasattr(gpiod, "request_lines"):  # apt's of Bookworm is version 1, another library
                raise ModuleNotFoundError
        except ModuleNotFoundError:
            raise ConfigError(
                f"privacy.pause_button is {name!r}, but the package gpiod 2 is missing; install fer-edge[button]"
            ) from None
        settings = gpiod.LineSettings(
            direction=gpiod.line.Direction.INPUT,
            edge_detection=gpiod.line.Edge.RISING,
            bias=gpiod.line.Bias.PULL_UP,
            active_low=True,
            debounce_period=DEBOUNCE,
        )
        chip = _chip_with(gpiod, name, devices)
        try:
            self._request = gpiod.request_lines(str(chip), {name: settings}, consumer="fer-edge")
        except OSError as error:
            raise ConfigError(f"privacy.pause_button {name}: {chip} refuses it ({error.strerror})") from error

    def wait(self, timeout_s: float) -> bool:
        """Whether the button was pressed within ``timeout_s``."""
        return self._request.wait_edge_events(timeout_s) and bool(self._request.read_edge_events())

    def close(self) -> None:
        """Give the line back."""
        self._request.release()


class Button(threading.Thread):
    """Calls ``pressed`` whenever the button is pressed, until ``stop``."""

    def __init__(self, line: Line, pressed: Callable[[], None]) -> None:
        super().__init__(name="button", daemon=True)
        self._line, self._pressed = line, pressed
        self._stopping = threading.Event()

    def run(self) -> None:
        """Wait for presses."""
        try:
            while not self._stopping.is_set():
                if self._line.wait(_WAIT_S) and not self._stopping.is_set():
                    self._pressed()
        except OSError as error:
            _log.error("the pause button does not work any more (%s)", error.strerror or error)

    def stop(self) -> None:
        """End the thread and give the line back."""
        self._stopping.set()
        if self.is_alive():
            self.join()
        self._line.close()


def _chip_with(gpiod: Any, name: str, devices: Path) -> Path:
    """The GPIO chip that has the line; which number the header's has differs between models and kernels."""
    chips = sorted(devices.glob("gpiochip*"))
    refused = None
    for path in chips:
        try:
            with gpiod.Chip(str(path)) as chip:
                chip.line_offset_from_id(name)
                return path
        except PermissionError as error:
            refused = f"{path} may not be opened by this user ({error.strerror}); see systemd/pause-button.conf"
        except OSError:
            continue
    raise ConfigError(
        f"privacy.pause_button is {name!r}: {refused or f'none of {len(chips)} GPIO chips has that line'}"
    )
