"""Standard output whose reader may leave, and standard error without what C libraries write."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


def until_reader_leaves(run: Callable[[], int]) -> int:
    """The exit status of ``run``, or 0 if nobody reads standard output any more, as behind ``| head``.

    Standard output is flushed here: when Python ends, it would be too late to say nothing.
    """
    try:
        try:
            return run()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
        return 0


@contextmanager
def native_code_silenced() -> Iterator[None]:
    """Within this block only Python writes to this process's standard error.

    libjpeg writes a line for every damaged image and cannot be told not to. So file descriptor 2 itself becomes
    ``/dev/null``, and Python's ``sys.stderr`` and the log go on with a copy of it.
    """
    before: TextIO = sys.stderr
    before.flush()
    copy = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    with os.fdopen(copy, "w", buffering=1, encoding="utf-8", errors="backslashreplace") as ours:
        if before is sys.__stderr__:
            _write_to(ours)
        try:
            yield
        finally:
            os.dup2(copy, 2)
            if before is sys.__stderr__:
                _write_to(before)


def _write_to(stream: TextIO) -> None:
    for handler in logging.root.handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
            handler.setStream(stream)
    sys.stderr = stream
