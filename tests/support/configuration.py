"""A configuration file as a test writes it."""

from __future__ import annotations

from pathlib import Path


def write(folder: Path, text: str) -> Path:
    """The file ``fer-edge.toml`` with this text."""
    file = folder / "fer-edge.toml"
    file.write_text(text, "utf-8")
    return file
