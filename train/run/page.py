"""A page of HTML that needs nothing but the pictures beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #22303c; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem } img { max-width: 100%; display: block }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid #d5dbe0 }
th:first-child, td:first-child { text-align: left } th { font-weight: 600 }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; align-items: start } .note { color: #5d6b77 }
"""


def page(title: str, subtitle: str, sections: Mapping[str, str]) -> str:
    """A whole document: headings from the keys of ``sections``, below each its HTML."""
    body = "".join(f"<h2>{escape(heading)}</h2>\n{content}\n" for heading, content in sections.items())
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n"
        f"<h1>{escape(title)}</h1>\n{note(subtitle)}{body}</html>\n"
    )


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
    return f"<table>\n<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in header)}</tr>\n{lines}</table>\n"


def picture(name: str) -> str:
    """A picture file beside the page."""
    return f'<img src="{escape(name)}" alt="{escape(Path(name).stem)}">\n'


def pair(*pieces: str) -> str:
    """Pieces in two columns."""
    return f'<div class="pair">{"".join(pieces)}</div>\n'


def note(text: str) -> str:
    """A paragraph that explains."""
    return f'<p class="note">{escape(text)}</p>\n'
