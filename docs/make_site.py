"""Builds the documentation as a site in build/site: make_site.py. ``make docs`` runs it.

The pages are the repository's own, README.md first; the site keeps their places, so a link that works in the repository
works there. A link that leads nowhere is an error.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE, SITE = ROOT / "build" / "docs", ROOT / "build" / "site"

_LINK = re.compile(r"\]\(([^)#\s]+)")


def main() -> int:
    """Copy the pages and what they link to, and run mkdocs on them; returns its exit status."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    for path in _wanted():
        target = SOURCE / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", "docs/mkdocs.yml"]
    status = subprocess.run([*command, "--site-dir", SITE], cwd=ROOT, check=False).returncode
    if not status:
        sys.stdout.write(f"{SITE / 'index.html'}\n")
    return status


def _wanted() -> Iterator[Path]:
    """Every page of the repository, and every file that a page links to."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in sorted(listed.stdout.split("\0")[:-1]):
        page = ROOT / name
        if not page.is_file():  # removed, and not committed yet
            continue
        yield page
        for link in _LINK.findall(page.read_text("utf-8")):
            linked = page.parent / link
            if "://" not in link and linked.is_file() and linked.suffix != ".md":
                yield linked.resolve()


if __name__ == "__main__":
    sys.exit(main())
