"""The shared part of the reports on both kinds of model: templates, and figures in float and int8."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from quantize.tflite.latency import Latency

Row: TypeAlias = tuple[str, str, str, str]
"""What was measured, in float, in int8, and the change in points."""


def percent(share: float) -> str:
    """A share 0..1 as people read it."""
    return f"{100 * share:.2f} %"


def change_row(what: str, before: float, after: float) -> Row:
    """A share 0..1 in float and in int8."""
    return what, percent(before), percent(after), f"{100 * (after - before):+.2f}"


def describe_latency(latency: Latency) -> str:
    """One sentence on speed."""
    return (
        f"One image takes {latency.original_ms:.2f} ms in float and {latency.quantised_ms:.2f} ms in int8 on the "
        f"machine that made the release (medians in turns, XNNPACK, one thread): int8 is {latency.ratio:.1f} times as "
        "fast. A Raspberry Pi has other figures."
    )


def render(template: str, **values: object) -> bytes:
    """Fill in a Markdown template of this package, named by its path."""
    pages = Environment(  # Markdown, not HTML: nothing to escape
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters["percent"] = percent
    return pages.get_template(template).render(values).encode()
