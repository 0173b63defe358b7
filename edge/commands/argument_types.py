"""What an option may be; argparse shows the sentence of the error."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import suppress


def named(text: str) -> str:
    """A text that is not empty, such as a path or a URL."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def positive(text: str) -> int:
    """A whole number, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a whole number, 1 or more")
    return int(text)


def port(text: str) -> int:
    """A port of this machine; 0 is any that is free."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a port from 0 to 65535")
    return int(text)


def broker_port(text: str) -> int:
    """A port of another machine."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a port from 1 to 65535")
    return int(text)


def between(lowest: float, highest: float) -> Callable[[str], float]:
    """A number with both bounds allowed."""

    def number(text: str) -> float:
        with suppress(ValueError):
            if lowest <= float(text) <= highest:
                return float(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a number from {lowest:g} to {highest:g}")

    return number
