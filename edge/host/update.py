"""What the trial of a new version left behind: ``deploy/debian/bin/prove`` in the Debian package writes it."""

from __future__ import annotations

from pathlib import Path

from edge.records import Problem

ROLLED_BACK = Path("/var/lib/fer-edge-update/rolled-back")
"""One sentence, there as long as the previous version runs because a newer one failed."""


def rollback_problems(path: Path = ROLLED_BACK) -> tuple[Problem, ...]:
    """The problem to report after a rollback; none without one, as on a machine without the Debian package."""
    try:
        sentence = path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ()
    return (Problem("version_rolled_back", sentence),)
