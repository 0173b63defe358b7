"""``fer-edge report``: a page of a day, a week or a month from a record, and its windows as CSV."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from edge.commands.record_file import read_devices, read_windows
from edge.commands.report_hours import Period, Span, bounds, local_zone, previous, summarise
from edge.commands.report_page import Section, render
from edge.errors import ConfigError, DataError
from edge.labels import EMOTIONS
from edge.mqtt.codec import format_time
from edge.mqtt.messages import Aggregate


def report(
    record: Path,
    *,
    span: Span,
    day: date | None = None,
    against: date | None = None,
    device: str = "",
    timezone: str = "",
) -> list[Section]:
    """One section for each camera of a record.

    Args:
        record: a file of ``fer-edge record``.
        span: how long the period is.
        day: a day in it; by default today.
        against: a day in the period to compare with; by default the one before.
        device: only this one, as ID or ID/SOURCE; empty for all.
        timezone: whose days and hours; by default this machine's.

    Raises:
        DataError: ``record`` is none, or holds no such device.
        ConfigError: the time zone is unknown here.
    """
    zone, now = local_zone(timezone), datetime.now(UTC)
    start, end = bounds(span, day or now.astimezone(zone).date(), zone)
    earlier = bounds(span, against or previous(span, start), zone)
    cameras = {
        camera: told for camera, told in read_devices(record).items() if device in ("", camera[0], "/".join(camera))
    }
    if not cameras:
        raise DataError(f"record {record}: holds no device {device!r}" if device else f"record {record}: is empty yet")

    def period(camera: tuple[str, str], begin: datetime, stop: datetime) -> Period:
        return summarise(span, begin, stop, read_windows(record, *camera, begin, stop), now)

    return [
        Section("/".join(camera), told, period(camera, start, end), period(camera, *earlier))
        for camera, told in cameras.items()
    ]


def write_page(sections: Iterable[Section], out: Path) -> None:
    """Write the page.

    Raises:
        ConfigError: ``out`` cannot be written.
    """
    _write(out, render(list(sections)))


def write_csv(sections: Iterable[Section], out: Path) -> None:
    """Write the windows of the period as CSV (RFC 4180), one row each, with the dashboard's columns.

    Labels of other models than the shipped ones have columns at the end, such as ``emotions.confused``.

    Raises:
        ConfigError: ``out`` cannot be written.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    windows = [window for section in sections for window in section.period.windows]
    others = dict.fromkeys(name for window in windows for name in window.emotions or () if name not in EMOTIONS)
    table.writerow((*_COLUMNS, *(f"emotions.{name}" for name in others)))
    table.writerows((*_row(window), *((window.emotions or {}).get(name) for name in others)) for window in windows)
    _write(out, text.getvalue())


_COLUMNS = (
    *("id", "device", "source", "seq", "start", "end", "duration_s", "historical", "captured", "analysed", "dropped"),
    *("people", "max_at_once", "mean_at_once", *EMOTIONS, "dominant", "uncertain", "suppressed", "model"),
)


def _row(window: Aggregate) -> list[object]:
    time, frames, faces, emotions = window.window, window.frames, window.faces, window.emotions or {}
    cells = [
        *(window.id, window.device, window.source, window.seq),
        *(_utc(time.start), _utc(time.end), time.duration_s),
        *(window.historical, frames.captured, frames.analysed, frames.dropped),
        *(faces.people, faces.max_at_once, faces.mean_at_once, *(emotions.get(name) for name in EMOTIONS)),
        *(window.dominant, window.uncertain, window.suppressed, window.model.id),
    ]
    return [f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell for cell in cells]


def _utc(moment: datetime | None) -> str | None:
    return format_time(moment.astimezone(UTC)) if moment else None


def _is_formula(text: str) -> bool:
    """Whether a spreadsheet may run a text as a formula, see deploy/dashboard/history.js."""
    return re.match(r"[\t\r]|[\s\W]*[=+\-@\u2212]", unicodedata.normalize("NFKC", text)) is not None


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise ConfigError(f"report {out}: cannot be written ({error.strerror}); name another file") from error
