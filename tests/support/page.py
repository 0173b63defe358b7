"""Tables that commands write into the documentation."""

from __future__ import annotations

import re
from pathlib import Path


def replace_section(page: Path, name: str, body: str) -> None:
    """Put ``body`` between the lines ``<!-- name: ... -->`` and ``<!-- end of name -->`` of a Markdown file."""
    section = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    text, found = section.subn(lambda match: match[1] + body + match[2], page.read_text("utf-8"))
    if found != 1:
        raise ValueError(f"{page}: has the section {name} {found} times, expected once")
    page.write_text(text, "utf-8")
