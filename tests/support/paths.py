"""Files of the repository that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "edge" / "media" / "astronaut.mp4"
"""Five seconds of one happy person, 10 frames a second."""
TINY = ROOT / "tests" / "data" / "tiny"
"""Releases whose outputs are known: ``grey``, ``colour``, ``heads`` (classifiers) and ``face`` (a detector); the
classifier ``fragile`` fails on a bright face."""
